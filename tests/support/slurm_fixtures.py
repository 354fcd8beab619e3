"""Fixtures of tests that need a SLURM: one of several nodes on this machine, one at a time."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from slurm_cluster import Cluster, installed

ROOT = Path(__file__).parents[2]


def _need_slurm() -> None:
    if os.getuid() != 0:
        pytest.skip("SLURM's daemons are started as root")
    if not installed():
        pytest.skip("SLURM absent; as root: python tests/support/slurm_cluster.py install")


def _up(**settings: bool) -> Iterator[Cluster]:
    """Start a cluster in a folder that the users of its daemons can reach, which pytest's own is not."""
    _need_slurm()
    folder = Path(tempfile.mkdtemp(prefix="braintwin-slurm-"))
    cluster = Cluster(folder, **settings)
    try:
        yield cluster.up()
    finally:
        cluster.down()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def bare() -> Iterator[Cluster]:
    """A cluster that keeps no accounts, with its configuration in a place that only SLURM_CONF names."""
    yield from _up(accounting=False, default_conf=False)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A cluster with accounting and SLURM's default of requeueing the jobs of a failed node."""
    yield from _up()


@pytest.fixture(scope="session")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Return a maker of profiles: the one that comes along, asking more often, and with what a test adds."""

    def make(**more: object) -> str:
        settings = yaml.safe_load((ROOT / "workflow" / "profiles" / "slurm" / "config.yaml").read_text())
        settings |= {"slurm-init-seconds-before-status-checks": 3, "seconds-between-status-checks": 2}
        folder = tmp_path_factory.mktemp("profile")
        (folder / "config.yaml").write_text(yaml.safe_dump(settings | {"latency-wait": 10} | more))
        return str(folder)

    return make
