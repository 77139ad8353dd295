"""The study of exactness: hard networks, every engine against rational arithmetic.

    python tests/counting/study.py --seconds 600                  # goes on where it stopped
    python tests/counting/study.py --first 1000 --last 6600 deep wide
    python tests/counting/study.py --engines line plane           # lines and planes alone

Every network is one line of a table, named after the state of the package's sources: what is
there is not counted again. At the end: networks, engines and what was wrong.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import time
import warnings
from collections import Counter
from pathlib import Path

from drawn_maxima import drawn as drawn_maxima
from families import FAMILIES, Case, case
from rational_oracle import oracle

from regions.counting import count_regions
from regions.counting.sample import SaturationWarning

LARGEST_MERGED, MERGED_EVERY = 24, 8  # cells; the oracle compares all pairs of them
LARGEST_SOLVED, SOLVED_EVERY = 12, 64  # a mixed-integer program per region
SAMPLED_EVERY = 64
MAXIMA = "maxima"
FIELDS = ("family", "seed", "regions", "judged", "wrong")


def engines_for(domain, n0):
    """Return the exact engines that take a domain."""
    dimension = n0 if domain is None else domain.dimension
    return {1: ["line", "cells", "vertices"], 2: ["plane", "cells", "vertices"]}.get(
        dimension, ["cells", "vertices"]
    )


def judged(family, seed, solved=True, engines=None):
    """Return the number of regions of a network, and what is wrong by engine and kind, or None.

    With names of `engines` those alone, and nothing at all where none of them takes the domain.
    """
    drawn = drawn_maxima(seed) if family == MAXIMA else case(family, seed)
    net, domain, found = drawn.net, drawn.domain, {}
    methods = engines_for(domain, net.input_size)
    if family == MAXIMA:  # of more than two values, which these engines refuse
        methods, solved = [method for method in methods if method != "vertices"], False
    if engines is not None:
        methods, solved = [method for method in methods if method in engines], False
    if not methods:
        return None, {}
    expected = _regions(drawn)
    bounded = domain is not None and domain.bounded
    if solved and bounded and seed % SOLVED_EVERY == 0 and expected <= LARGEST_SOLVED:
        methods.append("milp")
    for method in methods:
        if method != "vertices" or bounded or domain is None or getattr(domain, "box", 0) is None:
            found[f"{method}, activation"] = _wrong(net, domain, expected, method=method)
    if solved and bounded and seed % SAMPLED_EVERY == 0:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SaturationWarning)
            sampled = count_regions(net, domain, method="sample", samples=200).lower
        found["sample, activation"] = f"{sampled} above {expected}" if sampled > expected else None
    if seed % MERGED_EVERY == 0 and expected <= LARGEST_MERGED:
        merged = _regions(drawn, "linear")
        for method in ("line", "plane", "cells"):
            if method in methods and (method != "plane" or bounded):
                options = {"method": method, "kind": "linear"}
                found[f"{method}, linear"] = _wrong(net, domain, merged, **options)
    return expected, found


def _regions(drawn, kind="activation"):
    if isinstance(drawn, Case):
        return oracle(drawn.layers, drawn.domain, drawn.slopes, kind)
    return drawn.regions(kind)


def _wrong(net, domain, expected, **options):
    try:
        result = count_regions(net, domain, **options)
    except Exception as error:  # a crash is a mismatch, and the study goes on
        return repr(error)
    if (result.count, result.status.name) == (expected, "EXACT"):
        return None
    return f"{result.count} {result.status.name} for {expected}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("families", nargs="*", default=sorted([*FAMILIES, MAXIMA]))
    parser.add_argument("--engines", nargs="+", choices=("line", "plane", "cells", "vertices"))
    parser.add_argument("--first", type=int, default=1000)
    parser.add_argument("--last", type=int, default=6600)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--file", type=Path, default=Path(f"exactness-{_sources()}.csv"))
    options = parser.parse_args()
    started, done = (
        time.perf_counter(),
        {(row["family"], row["seed"]) for row in _rows(options.file)},
    )
    with options.file.open("a", newline="") as file:
        table = csv.DictWriter(file, FIELDS)
        if file.tell() == 0:
            table.writeheader()
        for seed in range(options.first, options.last):
            for family in options.families:
                if time.perf_counter() - started > options.seconds:
                    break
                if (family, str(seed)) not in done:
                    expected, found = judged(family, seed, engines=options.engines)
                    if not found:
                        continue
                    wrong = "; ".join(f"{name}: {what}" for name, what in found.items() if what)
                    row = (family, seed, expected, "|".join(found), wrong)
                    table.writerow(dict(zip(FIELDS, row, strict=True)))
                    file.flush()
    print(tally(options.file))


def tally(path):
    """Return one line: how many networks, counts by engine, and what was wrong."""
    rows = _rows(path)
    engines = Counter(name for row in rows for name in row["judged"].split("|"))
    wrong = [f"{row['family']} {row['seed']} ({row['wrong']})" for row in rows if row["wrong"]]
    counted = ", ".join(f"{number} {name}" for name, number in sorted(engines.items()))
    return f"{len(rows)} networks; {counted}; {len(wrong)} mismatches {'; '.join(wrong)}".rstrip()


def _rows(path):
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["wrong"] is not None]  # whole lines


def _sources():
    """Return a name for the state of all sources that count."""
    root = Path(__file__).parents[2] / "regions"
    files = [
        path for room in ("counting", "exact", "networks") for path in (root / room).rglob("*.py")
    ]
    content = b"".join(path.read_bytes() for path in sorted(files))
    return hashlib.sha256(content).hexdigest()[:8]


if __name__ == "__main__":
    main()
