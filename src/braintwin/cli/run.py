"""``braintwin run``: index, then everything else, guarded against two runs at once and against a killed one."""

import fcntl
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

import psutil

from braintwin.cli.progress import Progress
from braintwin.config import Config, load_config
from braintwin.errors import BrainTwinError
from braintwin.paths import StudyPaths

_MARK = "BRAINTWIN_RUN"


def workflow_root() -> Path:
    """Return the folder that holds the Snakefile: the clone's, or the copy in an installed wheel."""
    here = Path(__file__).resolve()
    for candidate in (here.parents[3], here.parents[1] / "_workflow"):
        if (candidate / "Snakefile").is_file():
            return candidate
    message = "run: the workflow is not installed; run from a clone of BrainTwin installed with `make install`"
    raise BrainTwinError(message)


@contextmanager
def study_lock(paths: StudyPaths) -> Iterator[None]:
    """Hold the study for one run at a time; the system lets go of it when the process dies, however it dies."""
    paths.root.mkdir(parents=True, exist_ok=True)
    with (paths.root / ".lock").open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            message = (
                f"run: study {paths.root.name!r} is being run already; wait for it, or give this one another `study`"
            )
            raise BrainTwinError(message) from None
        yield


def end_orphans(study: Path) -> int:
    """End jobs that a killed run of this study left behind, so that no file has two writers; return their number."""
    mark = str(study.resolve())
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(_MARK, "").rpartition("#")[0] == mark:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    for process in found:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(found, timeout=10)
    return len(found)


def _snakemake(config: Path | None, cores: int, *arguments: str) -> list[str]:
    root = workflow_root()
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile"), "--cores", str(cores)]
    command += ["--workflow-profile", str(root / "workflow" / "profiles" / "local")]
    if config is not None:
        command += ["--configfile", str(config)]
    return command + list(arguments)


def _start(command: list[str], study: Path) -> "subprocess.Popen[str]":
    environment = dict(os.environ)
    environment[_MARK] = f"{study.resolve()}#{uuid.uuid4().hex}"
    # The jobs' shell must find this very installation, also where the environment is not activated.
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
    environment["PYTHONUNBUFFERED"] = "1"
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )


def _follow(command: list[str], study: Path, progress: Progress, log: IO[str]) -> int:
    process = _start(command, study)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            log.write(line)
            progress.read(line)
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise


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


def _failure(progress: Progress) -> int:
    """Say why a run failed: the last line of each failed job's log, and whether it was a mistake or a bug."""
    mistakes = True
    for job, log in progress.failed:
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()] if log.is_file() else []
        last = lines[-1] if lines else "no log was written"
        mistakes &= last.startswith("braintwin: ")
        sys.stderr.write(f"{job}: {last.removeprefix('braintwin: ')}\n    (whole log: {log})\n")
    if not progress.failed:
        sys.stderr.write("".join(progress.tail))
        return 1
    return 2 if mistakes else 1


def _quarantined(paths: StudyPaths) -> tuple[int, int]:
    from braintwin.io.records import read_table

    rows = read_table(paths.quarantine) if paths.quarantine.is_file() else []
    refused = {row["night"] for row in rows if row["night"]}
    listed = {row["night"] for row in read_table(paths.nights)} | refused
    return len(refused), len(listed)


def run_study(
    config_path: Path | None, *, cores: int, dry: bool, quiet: bool, goal: Literal["all", "fit_population"] = "all"
) -> int:
    """Run a study to its report, or to the population learned from it, and return the exit code.

    0: finished (perhaps with nights in quarantine, which it says); 1: a step failed for a reason of ours, or too many
    nights are in quarantine; 2: a mistake in config or data that stopped the run.
    """
    config = load_config(config_path) if config_path else Config()
    paths = StudyPaths(Path("results") / config.study)
    began = time.monotonic()
    with study_lock(paths):
        orphans = end_orphans(paths.root)
        if orphans:
            sys.stderr.write(f"ended {orphans} process(es) that an interrupted run had left behind\n")
        subprocess.run(_snakemake(config_path, 1, "--unlock"), capture_output=True, check=False)
        log_path = paths.root / "logs" / "run.log"
        log_path.parent.mkdir(parents=True, exist_ok=True)
        with log_path.open("w", encoding="utf-8") as log:
            for target in ("index", goal):
                progress = Progress(quiet=quiet)
                arguments = ["--dry-run"] if dry else []
                changed = changed_datasets(config, paths) if target == "index" else []
                if changed:
                    arguments += ["--forcerun", *(str(paths.dataset_record(name)) for name in changed)]
                code = _follow(_snakemake(config_path, cores, *arguments, "--", target), paths.root, progress, log)
                progress.close()
                if code:
                    return _failure(progress)
                if dry:
                    sys.stdout.write("".join(progress.tail))
                    if not paths.nights.is_file():
                        return 0
    if dry:
        return 0
    if goal == "fit_population":
        if not paths.population.is_file():  # the workflow had to bring a dataset again, and stopped after that
            message = "fit-population: a dataset or the code changed during the run; run the same command again"
            raise BrainTwinError(message)
        sys.stdout.write(f"done in {time.monotonic() - began:.0f} s: {paths.population}\n")
        return 0
    return _finish(config, paths, time.monotonic() - began)


def run_target(config_path: Path | None, config: Config, paths: StudyPaths, target: str, *, cores: int) -> int:
    """Bring one target of the workflow up to date and return the exit code; the caller holds the study's lock."""
    progress = Progress(quiet=False)
    changed = changed_datasets(config, paths) if target == "index" else []
    forced = ["--forcerun", *(str(paths.dataset_record(name)) for name in changed)] if changed else []
    log_path = paths.root / "logs" / "update.log"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("a", encoding="utf-8") as log:
        code = _follow(_snakemake(config_path, cores, *forced, "--", target), paths.root, progress, log)
    progress.close()
    return _failure(progress) if code else 0


def _finish(config: Config, paths: StudyPaths, seconds: float) -> int:
    refused, listed = _quarantined(paths)
    if refused:
        sys.stderr.write(f"finished with {refused} of {listed} night(s) in quarantine: {paths.quarantine}\n")
    sys.stdout.write(f"done in {seconds:.0f} s: {paths.cohort_page}\n")
    if refused > config.max_quarantined * listed:
        sys.stderr.write(f"more than max_quarantined ({config.max_quarantined:g}) of the nights were refused\n")
        return 1
    return 0
