"""Progress bars on stderr: off in the library, on in the command line, shown after a second."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

# how a bar looks whose steps are no things to be counted, but shares of the work
SHARE = "{l_bar}{bar}| {elapsed} gone, {remaining} left{postfix}"


def track(
    items: Iterable | None = None,
    *,
    show: bool,
    label: str,
    total: float | None = None,
    **look: Any,
) -> Any:
    """Return a tqdm bar over `items` (or an empty bar of `total` steps) if `show` is true.

    Otherwise `items` themselves (or a bar that does nothing). `look` goes to tqdm.
    """
    if items is not None and not show:
        return items
    from tqdm import tqdm

    look = {"delay": 1.0, "file": sys.stderr, **look}
    return tqdm(items, desc=label, total=total, disable=not show, **look)
