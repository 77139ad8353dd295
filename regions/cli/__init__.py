"""The `regions` command: the package's verbs on files, for people and for programs (`--json`)."""

from regions.cli.command import main

__all__ = ["main"]
