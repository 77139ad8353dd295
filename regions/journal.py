"""What is known of the tasks of a study: finished tables, failures, and who is at work on what.

Every process that computes writes one journal of its own into the study's folder and holds a lock
on it while it lives. Each line is one event; a line that was not written whole is found by its
hash. A claim counts as long as the process lives that made it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any

from regions.errors import OutputError
from regions.results import write_atomically

try:
    import fcntl
except ImportError:  # no locks of this kind: processes do not see each other's claims
    fcntl = None

_LOCK = "tasks.lock"
_PATTERN = "tasks-*.journal"


@dataclass(frozen=True)
class Finished:
    """A finished task."""

    table: str
    """Its rows, as CSV."""
    seconds: float
    """CPU seconds it took."""


@dataclass(frozen=True)
class Failure:
    """A task that ended with an error."""

    arguments: Mapping[str, Any]
    error: str
    """Type and message of the error."""
    trace: str
    """Where it came from, as Python prints it."""


@dataclass
class Journal:
    """The events of all processes in a folder, read as they come; `claim` and the rest add to them.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Journal(Path(folder)) as journal:
    ...     journal.claim("a"), journal.finish("a", {"x": 1}, Finished("y\\n2\\n", 0.1))
    ...     sorted(journal.finished)
    (True, None)
    ['a']
    """

    folder: Path
    finished: dict[str, Finished] = field(default_factory=dict)
    failed: dict[str, Failure] = field(default_factory=dict)
    damaged: dict[str, int] = field(default_factory=dict)
    """How many lines of a journal are damaged, by its name."""
    _claims: dict[str, set[Path]] = field(default_factory=dict)
    _read: dict[Path, int] = field(default_factory=dict)
    _alive: set[Path] = field(default_factory=set)
    _own: FileIO | None = None
    _path: Path | None = None
    _guard: threading.RLock = field(default_factory=threading.RLock)

    def __enter__(self) -> Journal:
        self.refresh()
        return self

    def __exit__(self, *_: Any) -> None:
        with self._guard:
            if self._own is not None:
                self._own.close()
                self._own = None

    def refresh(self) -> None:
        """Read what was written since the last time, and see who lives."""
        with self._guard:
            paths = [path for path in sorted(self.folder.glob(_PATTERN)) if path != self._path]
            # asked before they are read: the journal of a process that is gone by then is complete
            self._alive = {path for path in paths if _is_held(path)}
            for path in paths:
                self._take(path)

    def claim(self, name: str) -> bool:
        """Take a task, unless it is finished or a living process is at work on it."""
        with self._guard, self._alone():
            self.refresh()
            if name in self.finished or self.working(name):
                return False
            self._write({"task": name, "event": "claimed"})
            return True

    def working(self, name: str) -> bool:
        """Return whether another process has claimed a task that lived at the last `refresh`."""
        return not self._alive.isdisjoint(self._claims.get(name, ()))

    def finish(self, name: str, arguments: Mapping[str, Any], result: Finished) -> None:
        """Keep the table of a task."""
        event = {"task": name, "event": "finished", "arguments": arguments, **vars(result)}
        self._write(event)
        self.finished[name] = result
        self.failed.pop(name, None)

    def fail(self, name: str, failure: Failure) -> None:
        """Keep the error of a task."""
        self._write({"task": name, "event": "failed", **vars(failure)})
        self.failed[name] = failure

    def tidy(self) -> None:
        """Put the journals of processes that are gone into one file, without damaged lines."""
        with self._guard, self._alone():
            self.refresh()
            dead = [p for p in self.folder.glob(_PATTERN) if p != self._path and not _is_held(p)]
            if len(dead) < 2 and not any(path.name in self.damaged for path in dead):
                return
            kept: dict[str, bytes] = {}
            for path in sorted(dead):
                for line in path.read_bytes().splitlines(keepends=True):
                    event = _event(line)
                    if event and event["event"] != "claimed":
                        # a failure does not undo what another process has finished
                        if event["event"] == "finished" or event["task"] not in kept:
                            kept[event["task"]] = line
            merged = self.folder / _PATTERN.replace("*", uuid.uuid4().hex[:12])
            write_atomically(merged, b"".join(kept.values()))
            self._read[merged] = merged.stat().st_size
            for path in dead:
                path.unlink()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes from claiming inside the block."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            stream = (self.folder / _LOCK).open("ab")
        except OSError as error:
            raise OutputError(f"cannot write to {str(self.folder)!r}: {error.strerror}") from error
        with stream:
            if fcntl is not None:
                fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def _take(self, path: Path) -> None:
        start = self._read.get(path, 0)
        try:
            with path.open("rb") as stream:
                stream.seek(start)
                data = stream.read()
        except FileNotFoundError:  # tidied away by another process
            return
        whole = data.rfind(b"\n") + 1
        if path not in self._alive:
            whole = len(data)  # nobody will write the rest of its last line
        self._read[path] = start + whole
        for line in data[:whole].splitlines(keepends=True):
            event = _event(line)
            if event is None:
                self.damaged[path.name] = self.damaged.get(path.name, 0) + 1
            else:
                self._note(path, event)

    def _note(self, path: Path, event: dict[str, Any]) -> None:
        name = event["task"]
        match event["event"]:
            case "claimed":
                self._claims.setdefault(name, set()).add(path)
            case "finished":
                self.finished[name] = Finished(event["table"], event["seconds"])
                self.failed.pop(name, None)
            case "failed" if name not in self.finished:
                self.failed[name] = Failure(event["arguments"], event["error"], event["trace"])

    def _write(self, event: dict[str, Any]) -> None:
        with self._guard:
            try:
                if self._own is None:
                    self._path = self.folder / _PATTERN.replace("*", uuid.uuid4().hex[:12])
                    self._own = FileIO(self._path, "ab")
                    if fcntl is not None:
                        fcntl.flock(self._own, fcntl.LOCK_EX)
                whole, rest = self._own.tell(), memoryview(_line(event))
                try:
                    while rest:
                        rest = rest[self._own.write(rest) :]
                except OSError:
                    self._own.truncate(whole)  # a line is written whole or not at all
                    raise
                if event["event"] != "claimed":
                    os.fsync(self._own.fileno())
            except OSError as error:
                reason = error.strerror or str(error)
                raise OutputError(f"cannot write {str(self._path)!r}: {reason}") from error


def _line(event: dict[str, Any]) -> bytes:
    text = json.dumps(event)
    return f"{hashlib.sha256(text.encode()).hexdigest()[:16]} {text}\n".encode()


def _event(line: bytes) -> dict[str, Any] | None:
    """Return what a line says, or None if it is damaged."""
    digest, _, text = line.partition(b" ")
    if not text.endswith(b"\n"):
        return None
    if hashlib.sha256(text[:-1]).hexdigest()[:16].encode() != digest:
        return None
    return json.loads(text)


def _is_held(path: Path) -> bool:
    """Return whether the process lives that writes a journal."""
    if fcntl is None:
        return False
    try:
        with path.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except FileNotFoundError:
        return False
    except OSError:
        return True
