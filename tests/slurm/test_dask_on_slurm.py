"""Dask workers that are jobs of a real SLURM: what their computation gives when jobs die under it."""

import time

import dask
import dask_jobqueue  # noqa: F401  its settings must be there before some are changed for a while
import distributed  # noqa: F401  and its
import numpy as np
import pytest

from braintwin.cli.main import run as braintwin
from braintwin.io.workers import _lifetime_s, workers
from braintwin.options.dask import DaskOptions
from braintwin.signals import pair_tiles
from braintwin.treatment import virtual_trial
from connect_nights import FEW, connected, write_night

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

OPTIONS = DaskOptions(scheduler="slurm", workers=2, cores=1, memory_gib=1, walltime="00:10:00", wait_s=120)


@pytest.fixture
def here(cluster, monkeypatch, tmp_path):
    """Let dask-jobqueue find the cluster; all of it is on the loopback."""
    monkeypatch.setenv("SLURM_CONF", str(cluster.conf))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    settings = {"jobqueue.slurm.interface": "lo", "jobqueue.slurm.account": "lab", "jobqueue.slurm.log-directory": None}
    with dask.config.set({**settings, "distributed.deploy.lost-worker-timeout": "2s"}):
        yield cluster


def test_a_computation_outlives_all_jobs_that_began_it(here, tmp_path):
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
    assert list((tmp_path / "cache").glob("braintwin/dask-logs/*")), "logs of workers"
    assert not list(tmp_path.glob("slurm-*"))


def test_the_connectome_of_a_dense_night_is_shared_by_jobs_bit_for_bit(here, tmp_path, monkeypatch):
    monkeypatch.setattr(pair_tiles, "LARGEST_TILE", 20)  # of 120 pairs: six tiles for two jobs
    (tmp_path / "demo-01-1").mkdir()
    rng = np.random.default_rng(0)
    signals = 20 * np.cumsum(rng.standard_normal((20, 16, 1000)), axis=1)
    names = ["Fp1", "Fp2", "F7", "F3", "Fz", "F4", "F8", "T7", "C3", "Cz", "C4", "T8", "P3", "P4", "O1", "O2"]
    write_night(tmp_path / "demo-01-1", signals, [2] * 20, names)
    alone = connected(tmp_path / "demo-01-1", FEW)
    shared = connected(tmp_path / "demo-01-1", FEW.model_copy(update={"dask": OPTIONS}))
    assert np.isfinite(alone["connectivity"].sel(stage="N2")).all()
    for name in ("connectivity", "standard_error", "connectivity_equal", "mixing_null", "reliability"):
        assert shared[name].values.tobytes() == alone[name].values.tobytes()


def test_virtual_trials_are_shared_by_jobs_bit_for_bit(here, capsys, monkeypatch):
    monkeypatch.setattr(virtual_trial, "PORTION_NIGHTS", 8)  # a portion each, for two jobs
    words = ["virtual-trial", "zolpidem_10", "--people", "8", "--trials", "6", "--recruited", "population", "--json"]
    assert braintwin(words) == 0
    alone = capsys.readouterr().out
    assert braintwin([*words, "--dask", OPTIONS.model_dump_json()]) == 0
    assert capsys.readouterr().out == alone


@pytest.mark.parametrize(("walltime", "seconds"), [("02:00:00", 6480), ("00:05:00", 240), ("1-00:00:00", 77760)])
def test_workers_hand_over_before_their_time_is_up(walltime, seconds):
    assert _lifetime_s(walltime) == seconds
