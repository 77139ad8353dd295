"""How long kernels were compiled in this process: said once, and left out of results' seconds."""

from __future__ import annotations

import sys
import time
from typing import Any

from numba.core import event


class Compiling(event.Listener):
    """Adds up the seconds that kernels of this package took to compile.

    Numba announces each function that it compiles, also those that others call, one inside the
    other and one thread at a time: what counts is the outermost.

    Examples
    --------
    >>> Compiling().seconds
    0.0
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._depth, self._since, self._said = 0, 0.0, False

    def on_start(self, event: Any) -> None:
        function = event.data["dispatcher"].py_func
        if self._depth == 0 and not function.__module__.startswith("regions."):
            return
        if self._depth == 0:
            self._since = time.perf_counter()
            self._say()
        self._depth += 1

    def on_end(self, event: Any) -> None:
        if self._depth == 0:
            return
        self._depth -= 1
        if self._depth == 0:
            self.seconds += time.perf_counter() - self._since

    def _say(self) -> None:
        if not self._said:
            self._said = True
            text = "regions: compiling its kernels; this takes tens of seconds, once"
            print(text, file=sys.stderr, flush=True)


COMPILING = Compiling()
event.register("numba:compile", COMPILING)
