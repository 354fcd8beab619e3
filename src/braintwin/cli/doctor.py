"""``braintwin doctor``: is this machine fit to run a study, and if not, what to do."""

import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import psutil

from braintwin.cli import cluster as slurm
from braintwin.cli import machine
from braintwin.cli.workflow import workflow_root
from braintwin.errors import BrainTwinError

LEAST_DISK_GB = 5.0
LEAST_MEMORY_GB = 4.0
OLDEST_PYTHON = (3, 11)

_LOCK_TEST = "import fcntl, sys; fcntl.flock(open(sys.argv[1]), fcntl.LOCK_EX | fcntl.LOCK_NB)"


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    name: str
    state: Literal["ok", "warn", "fail"]
    found: str
    do: str = ""


def python() -> Iterator[Finding]:
    """Look at the interpreter and at whether the packages are those of the lock."""
    here = platform.python_version()
    good = sys.version_info >= OLDEST_PYTHON
    yield Finding("python", "ok" if good else "fail", here, "" if good else "install Python 3.11 or later")
    lock = workflow_root() / "envs" / f"lock-{sys.version_info.major}.{sys.version_info.minor}.txt"
    if not lock.is_file():
        yield Finding("lock", "warn", f"none for Python {here}", "use a Python that envs/ has a lock for")
        return
    wanted = dict(re.findall(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", lock.read_text(), re.MULTILINE))
    other = []
    for name, pinned in wanted.items():
        try:
            if version(name) != pinned:
                other.append(f"{name} {version(name)} (lock {pinned})")
        except PackageNotFoundError:
            continue  # development packages are not needed to run
    if other:
        shown = ", ".join(other[:5]) + (" …" if len(other) > 5 else "")
        yield Finding("lock", "warn", f"{len(other)} package(s) differ: {shown}", "run `make install`")
    else:
        yield Finding("lock", "ok", f"{lock.name}: all packages agree")


def numerics() -> Iterator[Finding]:
    """Look at the BLAS, its kernel and its threads, at the cores, and at the compiler."""
    import numpy
    import threadpoolctl

    numpy.ones((2, 2)) @ numpy.ones((2, 2))
    pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    kernels = ", ".join(
        f"{pool['internal_api']} {pool['version']} {pool.get('architecture', '?')}, {pool['num_threads']} thread(s)"
        for pool in pools
    )
    narrow = all(pool["num_threads"] == 1 for pool in pools)
    advice = "" if narrow else f"unset {', '.join(machine.BLAS_VARIABLES)}: steps set them"
    yield Finding("BLAS", "ok" if narrow else "warn", kernels or "none found", advice)
    cores = f"{machine.cores_given()} of {os.cpu_count()} may be used"
    yield Finding("cores", "ok", cores)
    compiler = shutil.which("g++") or shutil.which("clang++")
    slow = "install g++: without it the samplers run without compiled code, many times slower"
    yield Finding("compiler", "ok" if compiler else "warn", compiler or "none", "" if compiler else slow)


def room(folder: Path) -> Iterator[Finding]:
    """Look at the memory, at the disk under `folder` and at that of temporary files, and at file locks."""
    memory = psutil.virtual_memory().available / 1e9
    enough = memory >= LEAST_MEMORY_GB
    yield Finding(
        "memory", "ok" if enough else "warn", f"{memory:.1f} GB available",
        "" if enough else f"a fit asks for up to {LEAST_MEMORY_GB:.0f} GB; use one core, or a larger machine",
    )  # fmt: skip
    for name, place in (("disk", folder), ("temporary files", Path(tempfile.gettempdir()))):
        free = shutil.disk_usage(place).free / 1e9
        full = free < LEAST_DISK_GB
        advice = f"a night of EEG takes about 0.1 GB; free {LEAST_DISK_GB:.0f} GB" if full else ""
        yield Finding(name, "fail" if free < 0.2 else "warn" if full else "ok", f"{free:.1f} GB free", advice)
    try:
        cache = machine.node_caches({**os.environ, "SLURM_JOB_ID": "none"})
        yield Finding("compile cache", "ok", f"{cache} in jobs of a cluster")
    except (BrainTwinError, OSError) as refusal:
        yield Finding("compile cache", "fail", str(refusal), f"set {machine.CACHE_VARIABLE}")
    try:
        with tempfile.NamedTemporaryFile(dir=folder) as handle:
            _lock(handle.name)
        yield Finding("writing and locking", "ok", "works")
    except OSError as cause:
        yield Finding("writing and locking", "fail", f"{folder}: {cause.strerror}", "run in a folder of yours")


def _lock(name: str) -> None:
    import fcntl

    with Path(name).open() as handle:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def cluster(folder: Path, *, wanted: bool) -> Iterator[Finding]:
    """Look at whether SLURM answers, knows its jobs, and whether its nodes see this folder and its locks."""
    if not wanted and not shutil.which("sbatch"):
        yield Finding("SLURM", "ok", "none here; needed for --cluster slurm only")
        return
    try:
        found = slurm.probe()
    except BrainTwinError as refusal:
        yield Finding("SLURM", "fail" if wanted else "warn", str(refusal).removeprefix("run: "))
        return
    yield Finding("SLURM", "ok", f"{found.version}, jobs are followed with {found.status_command}")
    if wanted:
        yield _node(folder)


def _node(folder: Path) -> Finding:
    """Try on a node: is the folder there, is this Python there, and is a lock held here seen there."""
    import fcntl

    name = "node"
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        command = ["srun", "--ntasks=1", "--mem=300", "--time=2", "--job-name=braintwin-doctor", "--immediate=60"]
        file, here = shlex.quote(str(Path(handle.name).resolve())), shlex.quote(sys.executable)
        test = f"test -e {file} || exit 9; {here} --version >/dev/null || exit 8"
        test += f"; ! {here} -c {shlex.quote(_LOCK_TEST)} {file} 2>/dev/null"
        try:
            done = subprocess.run([*command, "sh", "-c", test], capture_output=True, text=True, timeout=90, check=False)
        except subprocess.TimeoutExpired:
            return Finding(name, "warn", "no node was free within 90 s", "try again later")
    said = done.stderr.strip().splitlines()[-1:] or [""]
    problems = {
        9: Finding(name, "fail", f"{folder} is not there", "work in a folder that all nodes mount"),
        8: Finding(name, "fail", f"{sys.executable} does not run there", "install BrainTwin where all nodes see it"),
        1: Finding(
            name, "warn", "a lock held here is not seen there",
            "start the runs of a study on one host only; nothing else keeps two heads apart",
        ),
        0: Finding(name, "ok", "sees this folder, this Python and the locks held here"),
    }  # fmt: skip
    return problems.get(done.returncode, Finding(name, "warn", f"srun failed: {said[0]}", "see `sinfo`"))


def examine(folder: Path, *, on_cluster: bool) -> list[Finding]:
    """Look at everything."""
    return [*python(), *numerics(), *room(folder), *cluster(folder, wanted=on_cluster)]


def doctor(folder: Path, *, on_cluster: bool, as_json: bool) -> tuple[str, int]:
    """Return what to print, and the exit code: 0 where nothing stands in the way, else 1."""
    findings = examine(folder, on_cluster=on_cluster)
    code = int(any(finding.state == "fail" for finding in findings))
    if as_json:
        return json.dumps({"findings": [asdict(f) for f in findings], "code": code}, indent=2) + "\n", code
    lines = [f"{f.state:<5} {f.name}: {f.found}{f'  → {f.do}' if f.do else ''}" for f in findings]
    return "\n".join(lines) + "\n", code
