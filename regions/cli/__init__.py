"""The `regions` command: the package's verbs on files, for people and for programs (`--json`)."""

from __future__ import annotations


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status.

    0 done, 1 error, 2 usage, 3 not exact, 130 interrupted (also while its modules load).

    Examples
    --------
    >>> from regions.cli import main
    >>> main(["bound", "2,3,1", "--kind", "naive"])
    at most 7 activation regions (naive bound, widths 2-3, inputs in 2 of 2 dimensions)
    0
    """
    try:
        from regions.cli.command import main as run

        return run(arguments)
    except KeyboardInterrupt:
        return 130


__all__ = ["main"]
