"""What one job is given: threads from one owner, compile caches on its own node, and a log that can be pasted."""

import os
import platform
import resource
import shlex
import stat
import sys
import tempfile
from collections.abc import MutableMapping, Sequence
from pathlib import Path

import braintwin
from braintwin.errors import BrainTwinError
from braintwin.io.privacy_rules import placeless

BLAS_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
CACHE_VARIABLE = "BRAINTWIN_CACHE"
WORKFLOW = Path(braintwin.__file__).parents[2]


def own_threads(threads: int) -> None:
    """Give a step its threads: `threads` to numba and Dask, one to BLAS, whatever the user's shell says.

    A sum over several BLAS threads may differ in its last bit, so one is part of "identical".
    """
    for name in BLAS_VARIABLES:
        os.environ[name] = "1"
    if "numba" not in sys.modules:
        os.environ["NUMBA_NUM_THREADS"] = str(threads)


def cores_given() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def blas_threads() -> list[tuple[str, int]]:
    """Return the numeric libraries that are loaded, each with its number of threads."""
    import threadpoolctl

    return [(str(pool["internal_api"]), int(pool["num_threads"])) for pool in threadpoolctl.threadpool_info()]


def check_threads(threads: int) -> None:
    """Check that the owner of the threads was obeyed, and say so where the job has too few cores.

    Raises
    ------
    RuntimeError
        If a BLAS was loaded with more than one thread.
    """
    wide = [f"{name} {number}" for name, number in blas_threads() if number > 1 and name != "openmp"]
    if wide:
        message = f"BLAS has more than one thread ({', '.join(wide)}); it was loaded before its threads were set"
        raise RuntimeError(message)
    if threads > cores_given():
        sys.stderr.write(f"# warning: {threads} threads asked for, {cores_given()} core(s) given\n")


def node_caches(environment: MutableMapping[str, str] | None = None) -> Path | None:
    """Put the compile caches of PyTensor, numba and matplotlib on the disk of this node, in jobs of a cluster.

    On a shared home many nodes would wait for one lock. `BRAINTWIN_CACHE` names another folder, also on a laptop.

    Returns
    -------
    Path or None
        The folder; None on a laptop, where the libraries' own places serve.

    Raises
    ------
    BrainTwinError
        If the folder is another user's or others may write into it: what lies in a compile cache is run.
    """
    environment = os.environ if environment is None else environment
    chosen = environment.get(CACHE_VARIABLE)
    if not chosen and "SLURM_JOB_ID" not in environment:
        return None
    folder = Path(chosen or tempfile.gettempdir()) / f"braintwin-{os.getuid()}"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        message = f"{folder} is not a folder that only you can write to; remove it, or set {CACHE_VARIABLE}"
        raise BrainTwinError(message)
    flags = environment.get("PYTENSOR_FLAGS", "")
    if "compiledir" not in flags:
        environment["PYTENSOR_FLAGS"] = ",".join(filter(None, [flags, f"base_compiledir={folder / 'pytensor'}"]))
    environment.setdefault("NUMBA_CACHE_DIR", str(folder / "numba"))
    environment.setdefault("MPLCONFIGDIR", str(folder / "matplotlib"))
    return folder


def same_bits(environment: MutableMapping[str, str] | None = None) -> None:
    """Make a compiled model give the same bits whether it was compiled now or read from a cache.

    PyTensor lets numba reorder sums ("fastmath"), and how it does so depends on what was inlined: a model from a cold
    cache and the same from a warm one differed by 1e-9 after 100 draws. Without it, they agree to the last bit. Numba's
    cache on disk is not kept either: jobs that compile at the same time may file one another's code under a wrong
    signature (decision 039).
    """
    environment = os.environ if environment is None else environment
    for flag in ("numba__fastmath", "numba__cache"):
        flags = environment.get("PYTENSOR_FLAGS", "")
        if flag not in flags:
            environment["PYTENSOR_FLAGS"] = ",".join(filter(None, [flags, f"{flag}=False"]))


def log_head(arguments: Sequence[str], threads: int) -> None:
    """Begin a job's log with the command that does the same by hand, and on which node of a cluster it ran.

    Logs are shared with results, so they name no folder of this machine: BRAINTWIN stands for the workflow's own,
    and of another absolute path only the last part is kept.
    """
    job = os.environ.get("SLURM_JOB_ID")
    where = f", SLURM job {job} on {os.environ.get('SLURMD_NODENAME', 'an unnamed node')}" if job else ""
    head = [
        f"$ braintwin step {' '.join(map(_argument, arguments))}",
        "# in the study's folder, BRAINTWIN being that of the Snakefile",
        f"# braintwin {braintwin.__version__}, python {platform.python_version()}{where}, {threads} thread(s)",
    ]
    sys.stderr.write("\n".join(head) + "\n")


def _argument(value: str) -> str:
    """Return one argument as a shell takes it."""
    if value.startswith(f"{WORKFLOW}{os.sep}"):
        return f'"$BRAINTWIN"{shlex.quote(value.removeprefix(str(WORKFLOW)))}'
    return shlex.quote(placeless(value))


def log_tail(seconds: float) -> None:
    """End a job's log with how long it took, imports included, which `braintwin status` reads."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(one.ru_utime + one.ru_stime for one in used)
    sys.stderr.write(f"# done in {seconds:.1f} s, {cpu:.1f} s of CPU\n")
