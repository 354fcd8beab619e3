"""``braintwin run``: index, then everything else, guarded against two runs at once and against a killed one."""

import json
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Literal

from braintwin.cli import clock, guard
from braintwin.cli import cluster as slurm
from braintwin.cli.progress import Failure, Progress
from braintwin.cli.workflow import Machine, Workflow
from braintwin.config import Config, load_config
from braintwin.errors import BrainTwinError
from braintwin.paths import StudyPaths


def changed_datasets(config: Config, paths: StudyPaths) -> list[str]:
    """Return the datasets whose files are no longer those that were indexed."""
    from braintwin.io.bids import fingerprint

    changed = []
    for name in config.datasets:
        record = paths.dataset_record(name)
        if not record.is_file():
            continue
        known = json.loads(record.read_text(encoding="utf-8"))
        root = Path(known["root"])
        if not root.is_dir() or (known["kind"] == "local" and fingerprint(root, times=True) != known["fingerprint"]):
            changed.append(name)
    return changed


def _last_words(failure: Failure) -> str:
    """Return the last line of a failed job's log; where there is none, what the executor says."""
    text = failure.log.read_text(errors="replace") if failure.log and failure.log.is_file() else ""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(("# ", "$ "))]
    ended = any(line.startswith("# done in") for line in text.splitlines()[-1:])
    if ended or not lines or failure.message.startswith("SLURM-job"):
        return " ".join(filter(None, [failure.message, lines[-1] if lines and not ended else ""]))
    return lines[-1]


def _failure(progress: Progress, paths: StudyPaths) -> int:
    """Say why a run failed: the last words of each failed job, and whether it was a mistake or a bug."""
    if shutil.disk_usage(paths.root).free < 1e6:
        sys.stderr.write(f"the disk of {paths.root} is full; free some space and run the same command again\n")
        return 2
    mistakes = bool(progress.failed)
    # a job that was tried again counts once, with its last words
    for failure in {(failure.rule, failure.log): failure for failure in progress.failed}.values():
        last = _last_words(failure)
        if not last:
            continue
        mistakes &= last.startswith("braintwin: ")
        sys.stderr.write(f"{failure.rule}: {last.removeprefix('braintwin: ')}\n    (whole log: {failure.log})\n")
    if not progress.failed:
        sys.stderr.write("".join(progress.tail))
    return 2 if mistakes else 1


def _quarantined(paths: StudyPaths) -> tuple[int, int]:
    from braintwin.io.records import read_table

    rows = read_table(paths.quarantine) if paths.quarantine.is_file() else []
    refused = {row["night"] for row in rows if row["night"]}
    listed = {row["night"] for row in read_table(paths.nights)} | refused
    return len(refused), len(listed)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Treat a terminated session and a hung-up one like Ctrl-C: jobs are ended, the lock is let go."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    except ValueError:  # not the main thread
        before = {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def clear_away(paths: StudyPaths, left: guard.Holder | None) -> None:
    """End what a killed run has left running, here and on the cluster, and what it left half written."""
    orphans = guard.end_orphans(paths)
    if orphans:
        sys.stderr.write(f"ended {orphans} process(es) that an interrupted run had left behind\n")
    if left is not None and left.where == "slurm":
        cancelled = slurm.cancel_jobs(paths, left.user)
        if cancelled:
            sys.stderr.write(f"cancelled {cancelled} SLURM job(s) that an interrupted run had left behind\n")
    guard.sweep(paths)


@contextmanager
def _no_job_left(paths: StudyPaths, machine: Machine) -> Iterator[None]:
    """Leave no job on the cluster, and nothing half written, however the run ends."""
    try:
        yield
    finally:
        if machine.cluster:
            slurm.cancel_jobs(paths, guard.user())
        guard.sweep(paths)


def run_study(
    config_path: Path | None,
    *,
    cores: int = 2,
    dry: bool,
    quiet: bool,
    goal: Literal["all", "fit_population", "fit_treatment"] = "all",
    machine: Machine | None = None,
) -> int:
    """Run a study to its report, or to what is learned from it, and return the exit code.

    0: finished (perhaps with nights in quarantine, which it says); 1: a step failed for a reason of ours, or too many
    nights are in quarantine; 2: a mistake in config or data that stopped the run.
    """
    config = load_config(config_path) if config_path else Config()
    paths = StudyPaths(Path("results") / config.study)
    machine = machine or Machine(cores)
    began = time.monotonic()
    with _stoppable(), guard.study_lock(paths, machine.where, machine.cores) as left:
        clear_away(paths, left)
        settled = clock.settle_results(paths)
        if settled:
            sys.stderr.write(f"{settled} result(s) came from the future and were given the time of now\n")
        workflow = Workflow(config_path, paths, machine)
        if left is not None:
            workflow.unlock()
        log_path = paths.root / "logs" / "run.log"
        log_path.parent.mkdir(parents=True, exist_ok=True)
        with log_path.open("w", encoding="utf-8") as log, _no_job_left(paths, machine):
            for target in ("index", goal):
                if target != "index" and paths.nights.is_file():
                    clock.refuse_recordings(paths)
                progress = Progress(quiet=quiet)
                # a plan of the files: Snakemake's own dry run takes twice as long, to describe each job
                arguments = ["--summary"] if dry else []
                changed = changed_datasets(config, paths) if target == "index" else []
                if changed:
                    arguments += ["--forcerun", *(str(paths.dataset_record(name)) for name in changed)]
                code = workflow.follow([*arguments, "--", target], progress, log)
                progress.close()
                if code:
                    return _failure(progress, paths)
                if dry:
                    if progress.pending or target != "index":  # a finished index is nothing to tell of
                        sys.stdout.write(progress.plan())
                    if not paths.nights.is_file():
                        return 0
    if dry:
        return 0
    if goal != "all":
        made = paths.population if goal == "fit_population" else paths.treatment(config.fit_treatment.name)
        if not made.is_file():  # the workflow had to bring a dataset again, and stopped after that
            command = goal.replace("_", "-")
            message = f"{command}: a dataset or the code changed during the run; run the same command again"
            raise BrainTwinError(message)
        sys.stdout.write(f"done in {time.monotonic() - began:.0f} s: {made}\n")
        return 0
    return _finish(config, paths, time.monotonic() - began)


def run_target(
    config_path: Path | None, config: Config, paths: StudyPaths, target: str, *, cores: int, rules: Sequence[str] = ()
) -> int:
    """Bring one target of the workflow up to date and return the exit code; the caller holds the study's lock.

    Where `rules` are given, no other rule runs: what they need is taken as it stands.
    """
    progress = Progress(quiet=False)
    changed = changed_datasets(config, paths) if target == "index" else []
    forced = ["--forcerun", *(str(paths.dataset_record(name)) for name in changed)] if changed else []
    forced += ["--allowed-rules", *rules] if rules else []
    log_path = paths.root / "logs" / "update.log"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("a", encoding="utf-8") as log:
        code = Workflow(config_path, paths, Machine(cores)).follow([*forced, "--", target], progress, log)
    progress.close()
    return _failure(progress, paths) if code else 0


def _finish(config: Config, paths: StudyPaths, seconds: float) -> int:
    from braintwin.cli.publish import write_manifest

    for problem in write_manifest(config, paths)["problems"][:5]:
        sys.stderr.write(f"{paths.manifest.name}: {problem}\n")
    refused, listed = _quarantined(paths)
    if refused:
        sys.stderr.write(f"finished with {refused} of {listed} night(s) in quarantine: {paths.quarantine}\n")
    sys.stdout.write(f"done in {seconds:.0f} s: {paths.cohort_page}\n")
    if refused > config.max_quarantined * listed:
        sys.stderr.write(f"more than max_quarantined ({config.max_quarantined:g}) of the nights were refused\n")
        return 1
    return 0
