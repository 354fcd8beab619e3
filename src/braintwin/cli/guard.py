"""One run of a study at a time: the lock, what a killed run has left, and what the disk still holds."""

import fcntl
import getpass
import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import psutil

from braintwin.errors import BrainTwinError
from braintwin.paths import StudyPaths

MARK = "BRAINTWIN_RUN"
"""Variable that every process of a run inherits: ``<study>#<where>#<run>``."""

LEAST_FREE_MB = 100


@dataclass(frozen=True)
class Holder:
    """Who runs a study, where (``local`` or ``slurm``), since when."""

    user: str
    host: str
    pid: int
    since: str
    where: str
    cores: int = 1

    def __str__(self) -> str:
        return f"by {self.user} on {self.host} since {self.since} (process {self.pid})"


def user() -> str:
    """Return who runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        return str(os.getuid())


def read_holder(paths: StudyPaths) -> Holder | None:
    """Return who holds the study, or held it last and never let go; None after an orderly end."""
    try:
        return Holder(**json.loads((paths.root / ".lock").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def is_locked(paths: StudyPaths) -> bool:
    """Tell whether a run holds the study now; needs no right to write."""
    try:
        with (paths.root / ".lock").open() as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


@contextmanager
def study_lock(paths: StudyPaths, where: str = "local", cores: int = 1) -> Iterator[Holder | None]:
    """Hold the study for one run; yield the holder that a killed run left behind, or None.

    The system lets go of the lock when the process dies, however it dies. Across the hosts of a cluster the file
    system must honour ``flock`` (`braintwin doctor --cluster slurm` tries it).

    Raises
    ------
    BrainTwinError
        If another run holds it, the folder cannot be written, or the disk is full.
    """
    study = paths.root.name
    try:
        paths.root.mkdir(parents=True, exist_ok=True)
        handle = (paths.root / ".lock").open("a+", encoding="utf-8")
    except OSError as cause:
        message = f"run: {paths.root} cannot be written ({cause.strerror}); run as its owner, or name another `study`"
        raise BrainTwinError(message) from None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = read_holder(paths)
            message = (
                f"run: study {study!r} is being run already{f' {holder}' if holder else ''}; wait for it, or give "
                "this one another `study`"
            )
            raise BrainTwinError(message) from None
        left = read_holder(paths)
        free = shutil.disk_usage(paths.root).free / 1e6
        if free < LEAST_FREE_MB:
            message = f"run: the disk of {paths.root} has {free:.0f} MB left; free at least {LEAST_FREE_MB} MB first"
            raise BrainTwinError(message)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        mine = Holder(user(), socket.gethostname(), os.getpid(), now, where, cores)
        handle.truncate(0)
        handle.write(json.dumps(asdict(mine)))
        handle.flush()
        try:
            yield left
        finally:
            handle.truncate(0)


def mark(paths: StudyPaths, where: str, run: str) -> str:
    """Return the mark of a run's processes."""
    return f"{paths.root.resolve()}#{where}#{run}"


def sweep(paths: StudyPaths) -> int:
    """Remove what killed jobs left half written, which nothing ever reads; return how much there was.

    The caller holds the study's lock and no job of it is running.
    """
    left = list(paths.root.rglob(".*.part"))
    for path in left:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()
    return len(left)


def end_orphans(paths: StudyPaths) -> int:
    """End processes that a killed run of this study left here, so that no file has two writers; return their number.

    Jobs that SLURM runs are left to `scancel`.
    """
    study = str(paths.root.resolve())
    found = []
    for process in psutil.process_iter():
        try:
            environment = process.environ()
        except (psutil.Error, OSError):
            continue
        owner, _, rest = environment.get(MARK, "").partition("#")
        in_job = rest.startswith("slurm#") and environment.get("SLURM_JOB_ID") != os.environ.get("SLURM_JOB_ID")
        if owner == study and process.pid != os.getpid() and not in_job:
            found.append(process)
    for process in found:
        try:
            process.kill()
        except psutil.Error:
            continue
    psutil.wait_procs(found, timeout=10)
    return len(found)
