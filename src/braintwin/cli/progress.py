"""One line a job while the workflow runs, read from what Snakemake says."""

import re
import sys
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from braintwin.cli.costs import COSTS
from braintwin.paths import NIGHT_STEPS

_RULE = re.compile(r"^\s*(?:local)?rule (\w+):")
_WILDCARDS = re.compile(r"^\s+wildcards: (.*)")
_LOG = re.compile(r"^\s+log: (\S+)")
_MESSAGE = re.compile(r"^\s+message: (.*)")
_STEPS = re.compile(r"^(\d+) of (\d+) steps")
_ERROR = re.compile(r"^Error in (?:rule|group) ([\w-]+):")
_FINISHED = re.compile(r"^Finished jobid: \d+ \(Rule: (\w+)\)")
_PENDING = re.compile(r"^(?P<file>[^\t]+)\t[^\t]*\t(?P<rule>\w+)\t[^\t]*\t[^\t]*\tupdate pending$")
_PLANNED = re.compile(r"^(\w+) +(\d+)$")


@dataclass
class Failure:
    """A job that failed: its rule, its log, and what the executor says of it."""

    rule: str
    log: Path | None = None
    message: str = ""


def step_of(rule: str) -> str:
    """Return the step of a rule: those of batches carry the batch's name."""
    return max((step for step in COSTS if rule.startswith(step)), key=len, default="")


def seconds_of(rule: str) -> float:
    """Return about how many seconds a rule's job takes; only ratios of these matter."""
    cost = COSTS.get(step_of(rule))
    return cost.start_s + 4 * cost.each_s if cost else 1.0


class Progress:
    """Follow Snakemake's output: say which job began, how many are done, how long is left, and which failed."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.failed: list[Failure] = []
        self.pending: dict[str, set[str]] = {}
        self.tail: deque[str] = deque(maxlen=60)
        self._block: dict[str, str] = {}
        self._error = False
        self._planning = False
        self._planned = 0.0
        self._finished = 0.0
        self._done = (0, 0)
        self._began = time.monotonic()

    def read(self, line: str) -> None:
        """Take in one line."""
        if match := _PENDING.match(line):
            self._plan_output(match["file"], match["rule"])
            return
        self.tail.append(line)
        if line.startswith("Job stats:"):
            self._planning, self._planned = True, 0.0
        elif self._planning and (match := _PLANNED.match(line)):
            if match[1] == "total":
                self._planning = False
            else:
                self._planned += int(match[2]) * seconds_of(match[1])
        elif match := _ERROR.match(line):
            self.failed.append(Failure(match[1]))
            self._error = True
        elif self._error and line.strip():
            self._read_error(line)
        elif match := _RULE.match(line):
            self._announce()
            self._block = {"rule": match[1]}
        elif self._block and (match := _WILDCARDS.match(line)):
            self._block["of"] = ", ".join(part.partition("=")[2] for part in match[1].split(", "))
        elif self._block and line.lstrip().startswith("resources:"):
            self._announce()
        elif match := _FINISHED.match(line):
            self._finished += seconds_of(match[1])
        elif match := _STEPS.match(line):
            self._done = int(match[1]), int(match[2])
        elif not line.strip():
            self._error = False
            self._announce()

    def _read_error(self, line: str) -> None:
        """Take in a line of what Snakemake says about a failed job; a group of jobs names each of its rules."""
        failure = self.failed[-1]
        if match := _RULE.match(line):
            self.failed.append(Failure(match[1], message=failure.message))
        elif match := _LOG.match(line):
            failure.log = Path(match[1].rstrip(","))
        elif (match := _MESSAGE.match(line)) and match[1] != "None":
            failure.message = match[1]

    def _plan_output(self, file: str, rule: str) -> None:
        """Take in that a file would be made; a job makes the files of a night, of a dataset, or of its rule."""
        place = Path(file)
        job = {"retrieve": file, "hypnograms": file}.get(rule, place.parent.name if rule in NIGHT_STEPS else rule)
        self.pending.setdefault(step_of(rule) or rule, set()).add(job)

    def plan(self) -> str:
        """Return how many jobs of each step a run would start, as Snakemake's summary of the files tells."""
        if not self.pending:
            return "Nothing to be done: every result is there and up to date\n"
        width = max(map(len, self.pending))
        steps = [*(step for step in COSTS if step in self.pending), *(self.pending.keys() - COSTS.keys())]
        counts = {step: len(self.pending[step]) for step in steps}
        lines = [f"{step.replace('_', '-'):<{width}}  {count:>6}" for step, count in counts.items()]
        return "\n".join([*lines, f"{'jobs':<{width}}  {sum(counts.values()):>6}"]) + "\n"

    def left(self) -> float | None:
        """Return about how many seconds are left, or None while too little is done to tell."""
        if self._planned <= 0 or self._finished < 0.05 * self._planned:
            return None
        return (time.monotonic() - self._began) * max(0.0, self._planned / self._finished - 1)

    def _announce(self) -> None:
        if not self._block or self.quiet:
            self._block = {}
            return
        done, total = self._done
        elapsed = time.monotonic() - self._began
        count = f"{done:>4}/{total}" if total else "   ·"
        left = self.left()
        rest = "" if left is None else f" (about {duration(left)} left)"
        name = " ".join(filter(None, (self._block["rule"].replace("_", "-"), self._block.get("of", ""))))
        sys.stderr.write(f"[{elapsed:6.0f} s  {count}] {name}{rest}\n")
        sys.stderr.flush()
        self._block = {}

    def close(self) -> None:
        """Say the last job, if it has not been said."""
        self._announce()


def duration(seconds: float) -> str:
    """Return a duration as people say it.

    Examples
    --------
    >>> duration(40), duration(300), duration(9000)
    ('40 s', '5 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
