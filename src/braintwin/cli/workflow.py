"""Snakemake on one study: on the cores of this machine, or through a cluster."""

import os
import signal
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from braintwin.cli import cluster as slurm
from braintwin.cli import guard
from braintwin.cli.progress import Progress
from braintwin.errors import BrainTwinError
from braintwin.io.privacy_rules import placeless
from braintwin.paths import StudyPaths

_GRACE_S = 60.0


@dataclass(frozen=True)
class Machine:
    """Where a run's jobs go: the cores of this machine, or a cluster."""

    cores: int = 2
    cluster: str | None = None
    jobs: int | None = None
    account: str | None = None
    partition: str | None = None
    profile: Path | None = None

    @property
    def where(self) -> str:
        """Return ``local`` or the cluster's kind."""
        return self.cluster or "local"


def workflow_root() -> Path:
    """Return the folder that holds the Snakefile: the clone's, or the copy in an installed wheel."""
    here = Path(__file__).resolve()
    for candidate in (here.parents[3], here.parents[1] / "_workflow"):
        if (candidate / "Snakefile").is_file():
            return candidate
    message = "run: the workflow is not installed; run from a clone of BrainTwin installed with `make install`"
    raise BrainTwinError(message)


class Workflow:
    """Its command, its environment, its process."""

    def __init__(self, config: Path | None, paths: StudyPaths, machine: Machine) -> None:
        self.paths = paths
        root = workflow_root()
        profile = machine.profile or root / "workflow" / "profiles" / machine.where
        self.command = [sys.executable, str(root / "workflow" / "head.py"), "--snakefile", str(root / "Snakefile")]
        self.command += ["--workflow-profile", str(profile)]
        self.command += ["--configfile", str(config)] if config is not None else []
        environment = {**os.environ, guard.MARK: guard.mark(paths, machine.where, uuid.uuid4().hex)}
        # The jobs' shell must find this very installation, also where the environment is not activated.
        environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)])
        environment["PYTHONUNBUFFERED"] = "1"
        self.environment = environment
        self.flags = ["--cores", str(machine.cores)]
        if machine.cluster:
            found = slurm.probe()
            self.environment = slurm.with_commands(environment, paths.root / "logs" / "slurm" / "bin")
            self.flags = slurm.snakemake_flags(
                found, paths, jobs=machine.jobs, account=machine.account, partition=machine.partition
            )

    def unlock(self) -> None:
        """Remove the lock that a killed Snakemake left."""
        command = [*self.command, "--executor", "local", "--cores", "1", "--unlock"]
        subprocess.run(command, capture_output=True, check=False, env=self.environment)

    def follow(self, arguments: list[str], progress: Progress, log: IO[str]) -> int:
        """Run to the end; whatever ends this process early also ends Snakemake and its jobs."""
        process = subprocess.Popen(
            [*self.command, *self.flags, *arguments],
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )  # fmt: skip
        assert process.stdout is not None
        try:
            for line in process.stdout:
                log.write(placeless(line))
                progress.read(line)
            process.wait()
        except BaseException:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(_GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            raise
        finally:
            if (process.returncode or 0) < 0:
                self.unlock()
        return process.returncode
