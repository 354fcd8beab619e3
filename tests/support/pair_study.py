"""The smallest study that takes every step: two synthetic people, one short night each, short chains."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import yaml

from braintwin.cli.guard import read_holder
from braintwin.paths import StudyPaths

ROOT = Path(__file__).parents[2]

PAIR = {
    "study": "pair",
    "datasets": {"pair": {"source": "cohort", "diagnosis": "column:diagnosis"}},
    "prepare": {"min_scored_min": 30.0},
    "features": {"min_epochs": 4, "events": False},
    "fit_spectral": {"tune": 100, "draws": 100, "starts": 4, "predictive_samples": 50},
    "fit_nights": {"tune": 100, "draws": 100, "predictive_samples": 50, "min_night_min": 30.0},
    # Short chains cannot pass the gates of a real study; the gates have tests of their own.
    "check": {"max_rhat": 1.5, "fail_rhat": 3.0, "min_ess": 10, "fail_ess": 2, "max_divergences": 0.5},
    "simulate": {"draws": 50, "replicates": 2},
    "rank": {"null_permutations": 20},
}


def environment(**more: str) -> dict[str, str]:
    """Return an environment in which `braintwin` is this clone's."""
    return {**os.environ, "PYTHONPATH": str(ROOT / "src"), **more}


def command(*arguments: str) -> list[str]:
    """Return a command line of this clone."""
    return [sys.executable, "-m", "braintwin", *arguments]


class Study:
    """One folder with the two people's dataset, its config and its results."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths = StudyPaths(folder / "results" / "pair")

    @property
    def results(self) -> Path:
        return self.paths.root

    def start(self, *more: str, env: dict[str, str] | None = None) -> "subprocess.Popen[str]":
        """Start a run and return its head."""
        return subprocess.Popen(
            command("run", "--config", "config.yaml", "--cores", "2", *more),
            cwd=self.folder, env=env or environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def run(self, *more: str, env: dict[str, str] | None = None, code: int = 0, timeout: float = 900) -> str:
        """Run to the end, expecting an exit code, and return what was said."""
        head = self.start(*more, env=env)
        try:
            said, _ = head.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            kill_head(head)
            raise
        assert head.returncode == code, said
        return said

    def unfinish(self) -> None:
        """Take away the verdicts and the page that needs them: `check` and what follows must be carried out again."""
        for path in (*self.results.glob("people/*/check.json"), self.paths.cohort_page):
            path.unlink()

    def say(self, *arguments: str, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
        """Give another command of braintwin in the study's folder."""
        return subprocess.run(
            command(*arguments), cwd=self.folder, env=env or environment(), capture_output=True, text=True, check=False
        )


def new_study(folder: Path, cohort: Path) -> Study:
    """Return a study of the cohort in which nothing is done yet."""
    shutil.copytree(cohort, folder / "cohort")
    (folder / "config.yaml").write_text(yaml.safe_dump(PAIR), encoding="utf-8")
    return Study(folder)


def copy_of(study: Study, folder: Path) -> Study:
    """Return a finished study's twin; times are kept, so nothing is to be done."""
    shutil.copytree(study.folder, folder, dirs_exist_ok=True, symlinks=True)
    return Study(folder)


def kill_head(head: "subprocess.Popen[str]") -> None:
    """Send SIGKILL to a run's head and to Snakemake, leaving the jobs alive."""
    children = psutil.Process(head.pid).children() if head.poll() is None else []
    for process in children:
        process.kill()
    head.send_signal(signal.SIGKILL)
    head.wait()


def wait_for(ready: Callable[[], object], head: "subprocess.Popen[str]", what: str, timeout: float = 300.0) -> None:
    """Wait until something holds while a run goes on."""
    deadline = time.monotonic() + timeout
    while not ready():
        assert head.poll() is None, f"the run ended before: {what}\n{head.stdout.read() if head.stdout else ''}"
        assert time.monotonic() < deadline, f"not within {timeout:.0f} s: {what}"
        time.sleep(0.2)


def is_clean(study: Study) -> bool:
    """Tell whether no half-written file, no lock and no record of a holder is left."""
    return not list(study.results.rglob("*.part")) and read_holder(study.paths) is None


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Return the study of two people, finished on this machine: what every other way to finish must equal."""
    made = tmp_path_factory.mktemp("made")
    done = subprocess.run(
        command("synthesize", "cohort", "--people", "3", "--nights", "1", "--hours", "1.5"),
        cwd=made, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    cohort = made / "cohort"
    shutil.rmtree(cohort / "sub-02")
    table = cohort / "participants.tsv"
    rows = table.read_text(encoding="utf-8").splitlines(keepends=True)
    table.write_text("".join(row for row in rows if not row.startswith("sub-02")), encoding="utf-8")
    study = new_study(tmp_path_factory.mktemp("pair"), cohort)
    study.run()
    return study
