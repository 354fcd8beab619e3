"""SLURM through Snakemake's own executor, and the four ways in which that goes wrong without a word.

1. Without accounting the executor asks `sacct` for ever: the way to ask is tried first.
2. A node that fails is requeued by SLURM behind the executor's back, which breaks all later submissions: the profile
   forbids requeueing and lets Snakemake try again.
3. The jobs of a killed head go on writing: they are cancelled, by the name that a study gives them, before a rerun.
4. The executor drops SLURM_CONF: it is put back in front of each of SLURM's commands.
"""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from braintwin.errors import BrainTwinError
from braintwin.paths import StudyPaths

COMMANDS = ("sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo", "sacct", "sacctmgr")
NEEDED = ("sbatch", "srun", "squeue", "scancel", "scontrol")
LONGEST_PAUSE_S = 200
"""The executor asks at least every 180 s: SLURM must remember a finished job for longer."""

_ANSWER_S = 30.0


@dataclass(frozen=True)
class Cluster:
    """How to ask this SLURM about its jobs, and whether it keeps accounts."""

    version: str
    accounting: bool
    min_job_age_s: int

    @property
    def status_command(self) -> str:
        """Return the command that sees every job's end."""
        return "sacct" if self.accounting else "squeue"


def ask(*command: str) -> "subprocess.CompletedProcess[str]":
    """Run one of SLURM's commands; one that hangs counts as failed."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_S, check=False)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", f"no answer within {_ANSWER_S:.0f} s")
    except OSError as cause:
        return subprocess.CompletedProcess(command, 127, "", str(cause))


def probe() -> Cluster:
    """Find out what this SLURM can tell.

    Raises
    ------
    BrainTwinError
        If there is none, it does not answer, or no command would see the end of a job.
    """
    missing = [name for name in NEEDED if not shutil.which(name)]
    if missing:
        message = f"run: no {', '.join(missing)} on the PATH; run on a login node of the cluster, or load its module"
        raise BrainTwinError(message)
    shown = ask("scontrol", "show", "config")
    if shown.returncode:
        where = os.environ.get("SLURM_CONF", "the default place")
        message = f"run: SLURM does not answer (config: {where}): {_first_line(shown.stderr or shown.stdout)}"
        raise BrainTwinError(message)
    settings = dict(re.findall(r"^(\w+)\s*=\s*(.*?)\s*$", shown.stdout, re.MULTILINE))
    age = re.match(r"\d+", settings.get("MinJobAge", ""))
    accounting = "sacct" in filter(shutil.which, ["sacct"]) and ask("sacct", "-X", "-n", "-o", "JobID").returncode == 0
    found = Cluster(settings.get("SLURM_VERSION", "?"), accounting, int(age[0]) if age else 0)
    if not found.accounting and found.min_job_age_s < LONGEST_PAUSE_S:
        message = (
            f"run: this SLURM keeps no accounts (sacct fails) and forgets a finished job after {found.min_job_age_s} s,"
            f" so the end of a job may never be seen; ask for accounting, or for MinJobAge={LONGEST_PAUSE_S} or more"
        )
        raise BrainTwinError(message)
    return found


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "no message")


def job_prefix(paths: StudyPaths) -> str:
    """Return how the names of this study's SLURM jobs begin; equal names elsewhere are told apart by the folder."""
    place = hashlib.sha256(str(paths.root.resolve()).encode()).hexdigest()[:10]
    return f"braintwin-{re.sub(r'[^A-Za-z0-9-]', '-', paths.root.name)[:25]}-{place}"


def jobs_of(paths: StudyPaths, user: str) -> list[str]:
    """Return the ids of a user's jobs of this study that are pending, running or ending."""
    listed = ask("squeue", "--noheader", f"--user={user}", "--format=%i|%j")
    if listed.returncode:
        message = f"run: squeue failed, so jobs of an earlier run cannot be found: {_first_line(listed.stderr)}"
        raise BrainTwinError(message)
    rows = (line.strip().split("|", 1) for line in listed.stdout.splitlines() if "|" in line)
    return [job for job, name in rows if name.startswith(job_prefix(paths) + "_")]


def cancel_jobs(paths: StudyPaths, user: str, timeout_s: float = 300.0) -> int:
    """Cancel what is left of an earlier run and wait until it has ended; return the number of jobs.

    Raises
    ------
    BrainTwinError
        If the jobs are another user's, or do not end.
    """
    jobs = jobs_of(paths, user)
    number = len(jobs)
    deadline = time.monotonic() + timeout_s
    while jobs:
        done = ask("scancel", "--full", *jobs)
        if done.returncode and jobs_of(paths, user):
            message = (
                f"run: {len(jobs)} SLURM job(s) of {user}'s interrupted run may still write into this study, and "
                f"cannot be cancelled ({_first_line(done.stderr)}); ask {user} to run: scancel {' '.join(jobs)}"
            )
            raise BrainTwinError(message)
        if time.monotonic() > deadline:
            message = f"run: SLURM job(s) {' '.join(jobs)} of an interrupted run do not end; run again when they have"
            raise BrainTwinError(message)
        time.sleep(0.5)
        jobs = jobs_of(paths, user)
    return number


def snakemake_flags(
    cluster: Cluster, paths: StudyPaths, *, jobs: int | None, account: str | None, partition: str | None
) -> list[str]:
    """Return what the profile cannot know: how to ask this cluster, and what this study is called there."""
    flags = ["--slurm-status-command", cluster.status_command, "--slurm-jobname-prefix", job_prefix(paths)]
    flags += ["--slurm-logdir", str((paths.root / "logs" / "slurm").resolve())]
    if not cluster.accounting:
        flags += ["--slurm-no-account"]
    if jobs is not None:
        flags += ["--jobs", str(jobs)]
    defaults = {"slurm_account": account if cluster.accounting else None, "slurm_partition": partition}
    chosen = [f"{name}={value}" for name, value in defaults.items() if value]
    if chosen:
        # naming one default drops those of the profile
        flags += ["--default-resources", *chosen, "mem_mb=2000", "runtime=60"]
    return flags


def with_commands(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return `environment` with scripts in front of SLURM's commands, inside jobs too; the nodes must see `folder`.

    They set SLURM_CONF again where it is set, for the executor drops it. That of `sacct` leaves out who cancelled a
    job: the executor knows ``CANCELLED``, and takes ``CANCELLED by 0`` for a job that still runs, for ever.
    """
    conf, search = environment.get("SLURM_CONF"), environment.get("PATH", os.defpath)
    setting = f"export SLURM_CONF={shlex.quote(conf)}\n" if conf else ""
    found = {name: shutil.which(name, path=search) for name in (COMMANDS if conf else ("sacct",))}
    # an earlier run's scripts may name another configuration
    shutil.rmtree(folder, ignore_errors=True)
    if not any(found.values()):
        return dict(environment)
    folder.mkdir(parents=True)
    for name, real in found.items():
        if real:
            script = folder / name
            body = _SACCT if name == "sacct" else 'exec {real} "$@"\n'
            script.write_text("#!/bin/sh\n" + setting + body.format(real=shlex.quote(real)))
            script.chmod(0o755)
    return {**environment, "PATH": os.pathsep.join([str(folder.resolve()), search])}


_SACCT = """\
told=$({real} "$@")
code=$?
[ -z "$told" ] || printf '%s\\n' "$told" | sed 's/CANCELLED by [0-9]*/CANCELLED/'
exit $code
"""
