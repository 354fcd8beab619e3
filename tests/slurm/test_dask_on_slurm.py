"""Dask workers that are jobs of a real SLURM: what their computation gives when jobs die under it."""

import time

import dask
import distributed  # noqa: F401  its settings must be there before some are changed for a while
import pytest

from braintwin.io.workers import _lifetime_s, workers
from braintwin.options.dask import DaskOptions

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

OPTIONS = DaskOptions(scheduler="slurm", workers=2, cores=1, memory_gib=1, walltime="00:10:00", wait_s=120)


@pytest.fixture
def here(cluster, monkeypatch):
    """Let dask-jobqueue find the cluster; all of it is on the loopback."""
    monkeypatch.setenv("SLURM_CONF", str(cluster.conf))
    settings = {"jobqueue.slurm.interface": "lo", "jobqueue.slurm.account": "lab", "jobqueue.slurm.log-directory": None}
    with dask.config.set({**settings, "distributed.deploy.lost-worker-timeout": "2s"}):
        yield cluster


def test_a_computation_outlives_all_jobs_that_began_it(here):
    """As at the time limit: every worker is gone at once, new jobs take over, and nothing is lost or done twice."""

    def slow_square(x):  # inside, so that it travels by value: the workers cannot import a test
        time.sleep(0.5)
        return x * x

    with workers(OPTIONS) as client:
        squares = client.map(slow_square, range(24))
        client.gather(squares[:2])
        jobs = here.call("squeue", "--noheader", "--name=dask-worker", "--format=%i").split()
        assert jobs
        here.call("scancel", "--full", *jobs)
        assert client.gather(squares) == [x * x for x in range(24)]
    deadline = time.monotonic() + 30
    while left := here.call("squeue", "--noheader", "--name=dask-worker", "--states=RUNNING,PENDING").split():
        assert time.monotonic() < deadline, left
        time.sleep(0.5)


@pytest.mark.parametrize(("walltime", "seconds"), [("02:00:00", 6480), ("00:05:00", 240), ("1-00:00:00", 77760)])
def test_workers_hand_over_before_their_time_is_up(walltime, seconds):
    assert _lifetime_s(walltime) == seconds
