"""What the command line says: flags in place of Python's names, one line in place of a box."""

from __future__ import annotations

import re

# what the package calls it in Python, and how it is given here
FLAGS = {
    "accumulator": "--accumulator",
    "analyses": "--analyses",
    "batch_size": "--batch-size",
    "blocks": "--blocks",
    "center": "--center",
    "correction": "--correction",
    "criterion": "--criterion",
    "density": "--density",
    "dim": "--dim",
    "estimator": "--estimator",
    "input_shape": "--input-shape",
    "inputs": "--data",
    "kind": "--kind",
    "labels": "--data",
    "layers": "--layers",
    "masks": "--masks",
    "max_positions": "--max-positions",
    "measure": "--measure",
    "method": "--method",
    "mode": "--mode",
    "n_components": "--n-components",
    "n_jobs": "--n-jobs",
    "null": "--null",
    "objective": "--objective",
    "per_position": "--per-position",
    "permutations": "--permutations",
    "prune_output": "--prune-output",
    "repair": "--repair",
    "rng": "--seed",
    "samples": "--samples",
    "scope": "--scope",
    "skip": "--skip",
    "tap": "--tap",
    "threshold": "--threshold",
    "time_limit": "--time-limit",
    "walks": "--walks",
    "weights": "--weights",
}
_CALLS = {
    "regions.Box(low, high)": "--box LOW HIGH",
    "regions.Slice.through(points)": "--points FILE.npy",
    "a pair (low, high), --box": "--box",
    "such as (1, 28, 28)": "such as 1 28 28",
    "skip names the layer": "--skip names the layer",
    "give a Box of two inputs or a Slice through three points": "give --points FILE.npy of three "
    "points, or --box of a network of two inputs",
}
_GIVEN = re.compile(r"\b([a-z_]+)=(?:'([^']*)'|\"([^\"]*)\"|(True|None|\d[\d.]*)|)")
_BARE = re.compile(rf"(?<![-\w'])({'|'.join(n for n in FLAGS if '_' in n)})(?![\w='])")
# where the terminal has no lines to draw, the parser draws them as hyphens
_BOX = re.compile(r"[╭╮╰╯│─]+|^[-+| ]{4,}$")
_PARSER = {
    r"Could not find valid parse for arguments: \[(.*?)\]": r"cannot read \1",
    r"no type matching \S+ could be instantiated from \[(.*?)\]\.?": r"cannot read \1",
    r"could not convert string to float: ('.*?')": r"\1 is no number",
    r"invalid literal for int\(\) with base 10: ('.*?')": r"\1 is no whole number",
}


def with_flags(text: str) -> str:
    """Return a message of the package as the command line says it.

    Examples
    --------
    >>> with_flags("give input_shape=(1, 28, 28), or use method='cells' and n_jobs")
    'give --input-shape 1 28 28, or use --method cells and --n-jobs'
    """

    def flag(found: re.Match[str]) -> str:
        name = found[1]
        if name not in FLAGS:
            return found[0]
        value = next((part for part in found.groups()[1:] if part), "")
        return FLAGS[name] if value in ("", "True", "None") else f"{FLAGS[name]} {value}"

    text = re.sub(r"=\((\d+(?:, \d+)*),?\)", lambda m: "= " + m[1].replace(",", ""), text)
    text = _GIVEN.sub(flag, text)
    text = _BARE.sub(lambda m: FLAGS[m[1]], text)
    text = text.replace("--data and --data", "--data")
    for call, shown in _CALLS.items():
        text = text.replace(call, shown)
    return text


def plain(refusal: str, command: str) -> str:
    """Return what the parser of the command line refused, without its box, in a line or two.

    Examples
    --------
    >>> print(plain("╭─ Value error ─╮\\n│ Error parsing --n: bad │\\n╰────╯", "count"))
    regions: Error parsing --n: bad
    see regions count --help
    """
    sections: list[list[str]] = [[]]
    for line in refusal.splitlines()[1:]:
        words = _BOX.sub("", line).strip()
        if words:
            sections[-1].append(words)
        elif sections[-1]:
            sections.append([])
    told = [s for s in sections if s and "helptext" not in s[0].lower() and s[0] != "Got errors:"]
    text = "; ".join(" ".join(section) for section in told)
    for found, words in _PARSER.items():
        text = re.sub(found, words, text)
    name = f"regions {command}".strip()
    return f"regions: {text.strip()}\nsee {name} --help"
