"""A SLURM of several nodes on this machine, one at a time."""

import os
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


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster that keeps no accounts, with its configuration in a place that only SLURM_CONF names."""
    _need_slurm()
    cluster = Cluster(tmp_path_factory.mktemp("slurm"), accounting=False, default_conf=False)
    try:
        yield cluster.up()
    finally:
        cluster.down()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with accounting and SLURM's default of requeueing the jobs of a failed node."""
    _need_slurm()
    made = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        yield made.up()
    finally:
        made.down()


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
