"""``braintwin status``: what of a study is done, running, refused or failed, and how long is left.

Read from the tables, the status records and the logs, so that it needs no right to write and no Snakemake.
"""

import json
import re
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from braintwin.cli.costs import COSTS, people_per_job
from braintwin.cli.guard import Holder, is_locked, read_holder
from braintwin.cli.progress import duration
from braintwin.contracts.tables import NightRow, PersonRow
from braintwin.errors import BrainTwinError
from braintwin.io.records import read_nights, read_people
from braintwin.paths import NIGHT_STEPS, StudyPaths

FINISHED, FAILED, MISTAKE, UNFINISHED = 0, 1, 2, 3
"""Exit codes."""

PERSON_STEPS = {
    "fit-spectral": "spectral", "fit-nights": "night", "check": "check", "simulate": "simulate", "rank": "rank",
}  # fmt: skip
"""Steps on people, with the artefact whose status they write."""

_DONE = re.compile(r"^# done in ([\d.]+) s\b")
_TARGET_MIN = 30.0


@dataclass
class Step:
    """Nights or people of one step, counted."""

    name: str
    total: int = 0
    done: int = 0
    refused: int = 0
    failed: int = 0
    running: int = 0
    each_s: float | None = None


@dataclass
class Report:
    """The state of a study."""

    study: str
    state: str
    steps: list[Step]
    quarantined: dict[str, str] = field(default_factory=dict)
    failed_jobs: dict[str, str] = field(default_factory=dict)
    running_jobs: dict[str, str] = field(default_factory=dict)
    left_s: float = 0.0

    @property
    def code(self) -> int:
        """Return the exit code."""
        if self.failed_jobs and self.state != "running":
            return FAILED
        return FINISHED if self.state == "finished" else UNFINISHED


def _states(report: Report, step: Step, records: list[Path]) -> None:
    """Count the status records of a step."""
    step.total = len(records)
    counts: Counter[str] = Counter()
    for path in records:
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        counts[found["state"]] += 1
        if found["state"] in ("excluded", "failed"):
            report.quarantined.setdefault(f"{found['owner']} ({step.name})", found["reason"])
    step.done = counts["ok"] + counts["absent"]
    step.refused, step.failed = counts["excluded"], counts["failed"]


def _sizes(nights: list[NightRow], people: list[PersonRow]) -> dict[str, int]:
    """Return how many nights or people the job of a log has worked on; one where it is not a batch's."""
    return dict(Counter(row.batch for row in people)) | {night.night: 1 for night in nights}


def _jobs(report: Report, step: Step, logs: list[Path], sizes: dict[str, int], since: float | None) -> None:
    """Read how long the step's jobs took, and which run or have failed."""
    seconds = owners = 0.0
    for path in logs:
        lines = [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        last = lines[-1] if lines else ""
        name = step.name if path.stem == step.name else f"{step.name} {path.stem}"
        if match := _DONE.match(last):
            seconds += float(match[1])
            owners += sizes.get(path.stem, step.total if path.stem == step.name else 1)
        elif since is not None and path.stat().st_mtime >= since - 1:
            step.running += 1
            report.running_jobs[name] = "" if last.startswith("# ") else last
        elif last.startswith("braintwin: ") or any(line.startswith("Traceback") for line in lines):
            report.failed_jobs[name] = f"{last.removeprefix('braintwin: ')} ({path})"
    if owners:
        step.each_s = seconds / owners


def read_study(root: Path) -> Report:
    """Return the state of the study in `root`.

    Raises
    ------
    BrainTwinError
        If there is no study.
    """
    paths = StudyPaths(root)
    holder, locked = read_holder(paths), is_locked(paths)
    report = Report(root.name, "", [])
    if not paths.nights.is_file():
        if not root.is_dir():
            message = f"status: no study in {root}; run `braintwin run` first, or name its folder"
            raise BrainTwinError(message)
        report.state = "running" if locked else "not indexed"
        return report
    nights, people = read_nights(paths.nights), read_people(paths.people)
    members = {night.person for night in nights}
    people = [row for row in people if row.person in members]
    sizes = _sizes(nights, people)
    since = datetime.fromisoformat(holder.since).timestamp() if locked and holder else None
    logs = paths.root / "logs"
    for name in (*NIGHT_STEPS, *PERSON_STEPS, "pages", "cohort"):
        step = Step(name)
        report.steps.append(step)
        if name in NIGHT_STEPS:
            chosen = [row for row in nights if row.has_eeg or name == "prepare"]
            _states(report, step, [paths.night(row.night, name, ".status.json") for row in chosen])
        elif name in PERSON_STEPS:
            _states(report, step, [paths.person(row.person, PERSON_STEPS[name], ".status.json") for row in people])
        else:
            pages = [paths.person_page(row.person) for row in people] if name == "pages" else [paths.cohort_page]
            step.total, step.done = len(pages), sum(page.is_file() for page in pages)
        found = sorted((logs / name).glob("*.log")) if name != "cohort" else [logs / "cohort.log"]
        _jobs(report, step, [path for path in found if path.is_file()], sizes, since)
    report.left_s = _left(report.steps, holder if locked else None)
    missing = any(step.done + step.refused + step.failed < step.total for step in report.steps)
    ended = "interrupted" if holder else "unfinished"
    report.state = "running" if locked else ended if missing or holder else "finished"
    return report


def _left(steps: list[Step], holder: Holder | None) -> float:
    """Return the seconds left: of one core where nothing runs, else at the pace of what runs now."""
    work = 0.0
    for step in steps:
        each = step.each_s
        if each is None:
            cost = COSTS[step.name.replace("-", "_")]
            each = cost.each_s + cost.start_s / 4
        work += each * max(0, step.total - step.done - step.refused - step.failed)
    if holder is None:
        return work
    running = sum(step.running for step in steps)
    return work / max(1, running if holder.where == "slurm" else holder.cores)


def _text(report: Report, holder: Holder | None) -> str:
    who = f" {holder}" if holder and report.state in ("running", "interrupted") else ""
    lines = [f"{report.study}: {report.state}{who}"]
    if report.steps:
        lines.append(f"{'step':<14}{'done':>12}{'running':>9}{'refused':>9}{'failed':>8}{'s each':>9}")
    for step in report.steps:
        each = "" if step.each_s is None else f"{step.each_s:.1f}"
        count = f"{step.done}/{step.total}"
        lines.append(f"{step.name:<14}{count:>12}{step.running:>9}{step.refused:>9}{step.failed:>8}{each:>9}")
    for title, found in (
        ("in quarantine", report.quarantined), ("failed jobs", report.failed_jobs), ("running", report.running_jobs),
    ):  # fmt: skip
        if found:
            lines.append(f"{title}: {len(found)}")
            lines += [f"  {name}: {reason}" for name, reason in list(found.items())[:10]]
            lines += [f"  … and {len(found) - 10} more"] if len(found) > 10 else []
    if report.left_s and report.state != "finished":
        lines.append(f"about {duration(report.left_s)} left{'' if report.state == 'running' else ' on one core'}")
    slowest = next((step.each_s for step in report.steps if step.name == "fit-spectral"), None)
    if slowest:
        size = min(100, people_per_job("fit_spectral", _TARGET_MIN, each_s=slowest))
        lines.append(f"on a cluster, index.batch_size {size} would make jobs of about {_TARGET_MIN:.0f} min")
    return "\n".join(lines) + "\n"


def status(root: Path, *, as_json: bool) -> tuple[str, int]:
    """Return what to print about the study in `root`, and the exit code."""
    report = read_study(root)
    if as_json:
        text = json.dumps({**asdict(report), "code": report.code}, indent=2, ensure_ascii=False) + "\n"
    else:
        text = _text(report, read_holder(StudyPaths(root)))
    return text, report.code
