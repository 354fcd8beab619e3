"""One line a job while the workflow runs, read from what Snakemake says."""

import re
import sys
import time
from collections import deque
from pathlib import Path

_RULE = re.compile(r"^(?:local)?rule (\w+):")
_WILDCARDS = re.compile(r"^\s+wildcards: (.*)")
_LOG = re.compile(r"^\s+log: (\S+)")
_STEPS = re.compile(r"^(\d+) of (\d+) steps")
_ERROR = re.compile(r"^Error in rule (\w+):")


class Progress:
    """Follow Snakemake's output: say which job began, how many are done, and remember which failed."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.failed: list[tuple[str, Path]] = []
        self.tail: deque[str] = deque(maxlen=60)
        self._block: dict[str, str] = {}
        self._error: str | None = None
        self._done = (0, 0)
        self._began = time.monotonic()

    def read(self, line: str) -> None:
        """Take in one line."""
        self.tail.append(line)
        if match := _ERROR.match(line):
            self._error = match[1]
        elif self._error and (match := _LOG.match(line)):
            self.failed.append((self._error, Path(match[1])))
            self._error = None
        elif match := _RULE.match(line):
            self._announce()
            self._block = {"rule": match[1]}
        elif self._block and (match := _WILDCARDS.match(line)):
            self._block["of"] = ", ".join(part.partition("=")[2] for part in match[1].split(", "))
        elif match := _STEPS.match(line):
            self._done = int(match[1]), int(match[2])
        elif not line.strip():
            self._announce()

    def _announce(self) -> None:
        if not self._block or self.quiet:
            self._block = {}
            return
        done, total = self._done
        elapsed = time.monotonic() - self._began
        count = f"{done:>4}/{total}" if total else "   ·"
        name = " ".join(filter(None, (self._block["rule"].replace("_", "-"), self._block.get("of", ""))))
        sys.stderr.write(f"[{elapsed:6.0f} s  {count}] {name}\n")
        sys.stderr.flush()
        self._block = {}

    def close(self) -> None:
        """Say the last job, if it has not been said."""
        self._announce()
