"""Dask workers for one large computation: none, those of a given scheduler, or jobs of SLURM."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from braintwin.errors import BrainTwinError
from braintwin.options.dask import DaskOptions
from braintwin.provenance import code_digest


@contextmanager
def workers(options: DaskOptions) -> Iterator[Any]:
    """Yield a ``dask.distributed.Client``, or None where the threads of this process do the work.

    Jobs that were started for it end with the block; a scheduler that was given goes on.

    Raises
    ------
    BrainTwinError
        If the scheduler does not answer, or no worker came in time.
    """
    if options.scheduler == "threads":
        yield None
        return
    import dask
    from dask.distributed import Client

    # a worker that its time limit ended is not the fault of the task it was at
    lost = {"distributed.scheduler.allowed-failures": 10}
    with dask.config.set({"distributed.comm.timeouts.connect": f"{options.wait_s:g}s", **lost}):
        cluster = _slurm(options) if options.scheduler == "slurm" else None
        try:
            try:
                client = Client(cluster if cluster is not None else options.scheduler, set_as_default=False)
            except OSError as cause:
                message = f"dask: no scheduler answers at {options.scheduler}; start it, or set dask.scheduler: threads"
                raise BrainTwinError(message) from cause
            with client:
                try:
                    client.wait_for_workers(1, timeout=options.wait_s)
                except TimeoutError as cause:
                    message = f"dask: no worker within {options.wait_s:g} s at {options.scheduler}; raise dask.wait_s"
                    raise BrainTwinError(message) from cause
                yield client
        finally:
            if cluster is not None:
                cluster.close()


@contextmanager
def mapper(options: DaskOptions, code: Sequence[str]) -> Iterator[Callable[..., Iterable[Any]]]:
    """Yield ``map``, or one like it whose calls workers make; results come in the order of the portions.

    A portion whose worker is lost is made again by another, so its result may depend on nothing but the portion.

    Parameters
    ----------
    options : DaskOptions
    code : sequence of str
        Modules of which workers must have the same code as this process.

    Raises
    ------
    BrainTwinError
        As :func:`workers`; or if a worker has other code, or a portion cannot be made.
    """
    with workers(options) as client:
        if client is None:
            yield map
            return
        from distributed.scheduler import KilledWorker

        known = {module: code_digest(module) for module in code}

        def each(function: Callable[[Any], Any], portions: Iterable[Any]) -> Iterator[Any]:
            # not scattered: what only a lost worker held could not be made again
            jobs = [client.submit(_portion, function, portion, known, pure=False) for portion in portions]
            try:
                for job in jobs:
                    yield job.result()
            except KilledWorker as cause:
                message = "dask: one portion ended every worker that tried it; give workers more memory or time"
                raise BrainTwinError(message) from cause
            except CancelledError as cause:
                message = f"dask: the scheduler at {options.scheduler} is gone; start it, and the command, again"
                raise BrainTwinError(message) from cause

        yield each


def _portion(function: Callable[[Any], Any], portion: Any, code: Mapping[str, str]) -> Any:
    """Make a portion, on a worker whose code is that of whoever asks."""
    other = [module for module, digest in code.items() if code_digest(module) != digest]
    if other:
        message = f"dask: a worker has other code of {other[0]}; start workers in the same environment"
        raise BrainTwinError(message)
    return function(portion)


def _slurm(options: DaskOptions) -> Any:
    import dask
    import dask_jobqueue.slurm

    cluster: Any = dask_jobqueue.slurm.SLURMCluster(
        cores=options.cores,
        processes=1,
        memory=f"{options.memory_gib}GiB",
        walltime=options.walltime,
        log_directory=dask.config.get("jobqueue.slurm.log-directory", None) or str(_logs()),
        queue=options.queue or None,
        worker_extra_args=["--lifetime", f"{_lifetime_s(options.walltime)}s", "--lifetime-stagger", "30s"],
        job_script_prologue=[f"export {name}=1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")],
    )
    # adapt and not scale: a job that its node or its time limit has ended is asked for again
    cluster.adapt(minimum_jobs=options.workers, maximum_jobs=options.workers)
    return cluster


def _logs() -> Path:
    """Return where workers write their logs where the lab says nothing: outside the study, for they name nodes."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "braintwin" / "dask-logs"


def _lifetime_s(walltime: str) -> int:
    """Return after how many seconds a worker hands over what it holds: before SLURM ends it, if there is time."""
    days, _, clock = walltime.rpartition("-")
    seconds = 0
    for part in clock.split(":"):
        seconds = 60 * seconds + int(part)
    seconds += 86400 * int(days or 0)
    return max(30, seconds - max(60, seconds // 10))
