"""`Sign`: what tells the workers of a call that they are to stop and give what they have."""

from __future__ import annotations

import signal
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from regions import cluster

_SECONDS_BETWEEN_LOOKS = 0.25
_SECONDS_TO_TELL = 5.0


@dataclass
class Sign:
    """Set once, and then seen by all copies of it, in other threads, processes and machines.

    Workers of this machine look for a file, those of a dask cluster ask its scheduler, a few times
    a second at the most.
    """

    path: Path | None = None
    """The file that is there when the sign is set; None on a cluster."""
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    _seen: bool = field(default=False, compare=False)
    _looked: float = field(default=0.0, compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return Sign, (self.path, self.name)

    def set(self) -> None:
        """Let all copies see it."""
        self._seen = True
        if self.path is not None:
            with suppress(FileNotFoundError):  # the call is over, and its folder gone
                self.path.touch()
        else:
            cluster.event(self.name).set()

    def is_set(self) -> bool:
        """Return whether it was set, as far as is known here."""
        if not self._seen and time.monotonic() > self._looked + _SECONDS_BETWEEN_LOOKS:
            self._looked = time.monotonic()
            if self.path is not None:
                self._seen = self.path.exists()
            else:
                self._seen = cluster.event(self.name).is_set()
        return self._seen


@contextmanager
def stopping() -> Iterator[Sign]:
    """Let Ctrl-C set a sign inside the block, and be raised at its end, or when it comes again.

    Only the main thread of a program is told of Ctrl-C; in others the sign is never set.

    Examples
    --------
    >>> with stopping() as sign:
    ...     sign.is_set()
    False
    """
    with TemporaryDirectory() as folder:
        sign = Sign(None if cluster.active() else Path(folder) / "stop")
        pressed = threading.Event()
        telling = threading.Thread(target=sign.set, daemon=True)
        before: Any = None

        def press(*_: Any) -> None:
            signal.signal(signal.SIGINT, before)  # the next one ends everything
            pressed.set()
            telling.start()  # a handler must not wait for a scheduler

        if threading.current_thread() is threading.main_thread():
            before = signal.signal(signal.SIGINT, press)
        try:
            yield sign
        except Exception as error:
            if pressed.is_set():
                raise KeyboardInterrupt from error
            raise
        finally:
            if before is not None:
                signal.signal(signal.SIGINT, before)
            if pressed.is_set():
                telling.join(_SECONDS_TO_TELL)  # the folder is gone after it
        if pressed.is_set():
            raise KeyboardInterrupt
