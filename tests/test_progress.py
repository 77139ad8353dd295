"""A bar on a terminal, lines in a log."""

import io

from regions.progress import SHARE, track


class Terminal(io.StringIO):
    def isatty(self):
        return True


def drawn(stream):
    with track(
        show=True, label="work", total=3, file=stream, delay=0, mininterval=0, bar_format=SHARE
    ) as bar:
        for _ in range(3):
            bar.update()
    return stream.getvalue()


def test_a_log_gets_lines_and_a_terminal_a_bar():
    log = drawn(io.StringIO())
    assert "\r" not in log and all(line.startswith("work:") for line in log.splitlines())
    assert log.endswith("\n") and "100%" in log.splitlines()[-1]
    assert "\r" in drawn(Terminal())


def test_a_log_is_short(monkeypatch):
    stream = io.StringIO()
    for _ in track(range(1000), show=True, label="work", file=stream, delay=0):
        pass
    assert len(stream.getvalue().splitlines()) <= 3
