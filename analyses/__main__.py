"""The studies: what there is, all of them in small, or one.

python -m analyses --list                     what, how to run it, how long it takes
python -m analyses --smoke [--out DIR] [--n-jobs N]   every study in its small form
python -m analyses NAME [options of NAME]     one study; NAME --help shows its options
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from analyses.catalogue import Entry, entries


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status (0 done, 1 a study failed, 2 usage)."""
    given, known = list(sys.argv[1:] if arguments is None else arguments), entries()
    if given and given[0] in known:
        return one(given[0], given[1:])
    parser = argparse.ArgumentParser(
        "python -m analyses", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--list", action="store_true", help="show every study and benchmark")
    what.add_argument("--smoke", action="store_true", help="run every study in its small form")
    what.add_argument("name", nargs="?", choices=known, metavar="NAME", help="run this study")
    parser.add_argument("--out", type=Path, default=Path("out/smoke"), help="folder for --smoke")
    parser.add_argument("--n-jobs", type=int, default=1, help="processes for --smoke")
    chosen = parser.parse_args(given)
    if chosen.smoke:
        return smoke(chosen.out, list(known), chosen.n_jobs)
    print(listing("analyses", known), listing("analyses.benchmarks"), sep="\n\n")
    return 0


def one(name: str, options: Sequence[str]) -> int:
    """Run one study; say what is wrong with what it was given, and return the exit status."""
    try:
        run(name, options)
    except SystemExit as ended:  # with a status, or with a line that says why
        if not isinstance(ended.code, str):
            raise
        print(ended.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{name}: interrupted; finished tasks are kept", file=sys.stderr)
        return 130
    return 0


def listing(package: str, known: dict[str, Entry] | None = None) -> str:
    """Return the entries of a package as a table."""
    head = ("figure", "command", "CPU minutes, about", "inputs")
    rows = [
        (entry.figure, f"python -m {package}.{name}", _minutes(entry), entry.inputs)
        for name, entry in (entries(package) if known is None else known).items()
    ]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [head, tuple("-" * width for width in widths), *rows]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _minutes(entry: Entry) -> str:
    return "not measured" if entry.minutes is None else f"{entry.minutes:g}"


def smoke(out: Path, names: Sequence[str], n_jobs: int = 1) -> int:
    """Run studies in their small form; return 1 if one fails, after all others have run."""
    failed = []
    for name in names:
        print(f"== {name}", flush=True)
        begin = time.process_time()
        try:
            options = ["--smoke", "--no-progress", "--n-jobs", str(n_jobs)]
            run(name, [*options, "--out", str(out / name)])
        except (Exception, SystemExit):
            traceback.print_exc()
            failed.append(name)
        print(f"== {name}: {time.process_time() - begin:.1f} s of CPU time", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def run(name: str, options: Sequence[str]) -> None:
    """Run one study with these options."""
    from analyses.study import launch  # not for a list of names

    launch(name, options)


if __name__ == "__main__":
    sys.exit(main())
