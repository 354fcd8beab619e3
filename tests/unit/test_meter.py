"""Progress: lines in a log, a bar on a terminal."""

import contextlib
import io
import os
import pty

import pytest

from braintwin.io.retrieve import meter
from braintwin.io.retrieve.meter import Meter


def test_a_log_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter, "LINE_EVERY_S", 0.0)
    log = io.StringIO()
    with Meter("dataset 'd'", 2, 4_000_000, log) as progress:
        progress.advance(1_000_000)
        progress.finish_file()
        progress.advance(-500_000)
    lines = log.getvalue().splitlines()
    assert lines[0] == "dataset 'd': 0 of 2 files, 0.0 of 4.0 MB"
    assert lines[-1] == "dataset 'd': 1 of 2 files, 0.5 of 4.0 MB"
    assert len(lines) == 4


def test_a_log_is_not_flooded() -> None:
    log = io.StringIO()
    with Meter("d", 2, None, log) as progress:
        for _ in range(1000):
            progress.advance(1)
    assert len(log.getvalue().splitlines()) == 2


def test_a_terminal_gets_a_bar() -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal, Meter("d", 1, 100, terminal) as progress:
        progress.advance(100)
        progress.finish_file()
    shown = b""
    with contextlib.suppress(OSError):  # how the end of a terminal that was closed is told
        while piece := os.read(ours, 65536):
            shown += piece
    os.close(ours)
    assert "d: 1 of 1 files" in shown.decode()
    assert "100/100 bytes" in shown.decode()
