"""Progress on stderr: a bar on a terminal, a line now and then in a log; off in the library."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TextIO

# how a bar looks whose steps are no things to be counted, but shares of the work
SHARE = "{l_bar}{bar}| {elapsed} gone, {remaining} left{postfix}"
_USUAL = "{l_bar}{bar}{r_bar}"
_SHORT = "{desc}: {percentage:3.0f}%"
_SECONDS_BETWEEN_LINES = 10.0


def track(
    items: Iterable | None = None,
    *,
    show: bool,
    label: str,
    total: float | None = None,
    **look: Any,
) -> Any:
    """Return a tqdm bar over `items` (or an empty bar of `total` steps) if `show` is true.

    Otherwise `items` themselves (or a bar that does nothing). `look` goes to tqdm. Where stderr is
    no terminal, it gets a plain line every ten seconds and one at the end.
    """
    if items is not None and not show:
        return items
    from tqdm import tqdm

    look = {"delay": 1.0, "file": sys.stderr, **look}
    if show and not look["file"].isatty():
        look = {"mininterval": _SECONDS_BETWEEN_LINES, **look, "file": _Log(look["file"])}
        look["bar_format"] = look.get("bar_format", _USUAL).replace("{l_bar}{bar}", _SHORT)
    return tqdm(items, desc=label, total=total, disable=not show, **look)


@dataclass(frozen=True)
class _Log:
    """A stream that makes lines of what would be drawn over what was there before."""

    stream: TextIO

    def write(self, text: str) -> None:
        line = text.strip()
        if line:
            self.stream.write(line + "\n")

    def flush(self) -> None:
        self.stream.flush()
