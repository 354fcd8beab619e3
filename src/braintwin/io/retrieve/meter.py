"""How far a transfer is: a bar on a terminal, a line now and then in a log."""

import sys
import threading
import time
from types import TracebackType
from typing import Any, Self, TextIO

LINE_EVERY_S = 10.0


class Meter:
    """Counts bytes and files from several threads and shows them.

    Parameters
    ----------
    what : str
        What is being brought.
    files : int
        How many files there are.
    total : int or None
        How many bytes, where the source tells.
    stream : text stream
        Where to; a bar where it is a terminal.
    """

    def __init__(self, what: str, files: int, total: int | None, stream: TextIO | None = None) -> None:
        self.what, self.files, self.total = what, files, total
        self.stream = sys.stderr if stream is None else stream
        self.bytes = self.done = 0
        self._new = 0  # arrived in this run
        self._began = self._said = time.monotonic()
        self._lock = threading.Lock()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        if self.stream.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
            from rich.progress import TransferSpeedColumn as Speed

            columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), Speed(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=Console(file=self.stream))
            self._bar.start()
            self._task = self._bar.add_task(self._title(), total=self.total)
        else:
            self._say()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()
        else:
            self._say()

    def advance(self, count: int) -> None:
        """Count bytes that arrived; negative ones were given up."""
        with self._lock:
            self.bytes += count
            self._new += max(0, count)
            if self._bar is not None:
                self._bar.update(self._task, completed=self.bytes)
            elif time.monotonic() - self._said >= LINE_EVERY_S:
                self._say()

    def finish_file(self) -> None:
        """Count a file that is whole."""
        with self._lock:
            self.done += 1
            if self._bar is not None:
                self._bar.update(self._task, description=self._title())

    def _title(self) -> str:
        return f"{self.what}: {self.done} of {self.files} files"

    def _say(self) -> None:
        self._said = time.monotonic()
        of = f" of {self.total / 1e6:.1f}" if self.total is not None else ""
        seconds = self._said - self._began
        speed = f", {self._new / 1e6 / seconds:.1f} MB/s" if seconds > 1 else ""
        self.stream.write(f"{self._title()}, {self.bytes / 1e6:.1f}{of} MB{speed}\n")
        self.stream.flush()
