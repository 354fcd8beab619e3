"""Portions of one large computation on Dask workers: the same bits with none, one, two or eight, and when one dies."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dask.distributed import LocalCluster

from braintwin.cli.main import run as braintwin
from braintwin.contracts.night import GROUPS
from braintwin.errors import BrainTwinError, ConfigError
from braintwin.inference.population_fit import fit_population
from braintwin.inference.training import TrainingNight
from braintwin.io.workers import _portion, mapper
from braintwin.models.nights_simulator import simulate_nights
from braintwin.models.population import first_population
from braintwin.options.dask import DaskOptions
from braintwin.treatment import virtual_trial
from braintwin.treatment.operators import Operators
from braintwin.treatment.virtual_trial import Arm, Clinic, Design, Estimates, portions, virtual_trials
from campaign import Campaign

CODE = ["braintwin.treatment.virtual_trial"]
Each = Callable[..., Iterable[Any]]


@pytest.fixture(scope="module")
def processes() -> Iterator[LocalCluster]:
    """Two workers that are processes, as those of a cluster are."""
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, protocol="tcp", dashboard_address=None
    ) as cluster:
        yield cluster


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let trials as small as those of a test be sent away one by one."""
    monkeypatch.setattr(virtual_trial, "PORTION_NIGHTS", 8)


def trials(each: Each = map, number: int = 12) -> Estimates:
    rng = np.random.default_rng(3)
    average = Operators(0.3 * rng.standard_normal((number, len(GROUPS))), 10 * rng.random(number), np.ones(number))
    apart = 0.1 * rng.standard_normal((8, len(GROUPS)))
    drug = Arm(average, apart, np.zeros(8), np.ones(8))
    place = Clinic(first_population(), np.zeros(len(GROUPS)), 240.0)
    none = Arm(Operators.nothing(number), apart, np.zeros(8), np.ones(8))
    return virtual_trials(place, drug, none, Design("parallel", 8), trials=number, seed=4, each=each)


def bits(found: Estimates) -> bytes:
    return found.contrast.tobytes() + found.error.tobytes() + found.freedom.tobytes()


def cohort(people: int = 6) -> list[TrainingNight]:
    population, rng = first_population(), np.random.default_rng(6)
    drawn = population.draw(rng, people)
    stages = simulate_nights(
        population, effects=drawn.further_nights(rng), uniforms=rng.random((people, 500)), n_epochs=500
    )
    return [
        TrainingNight(f"p{i}", f"p{i}-1", "ab"[i % 2], night, lights_off_known=True, fold=i % 3)
        for i, night in enumerate(stages)
    ]  # fmt: skip


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("number", [1, 2, 8])
def test_virtual_trials_and_populations_are_the_same_bits_on_any_number_of_workers(number: int) -> None:
    nights = cohort()
    trial, alone = bits(trials()), fit_population(nights, seed=1, iterations=2)
    with (
        LocalCluster(n_workers=number, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address=None)
        as cluster,
        mapper(DaskOptions(scheduler=cluster.scheduler_address), CODE) as each,
    ):  # fmt: skip
        assert each is not map
        assert bits(trials(each)) == trial
        shared = fit_population(nights, seed=1, iterations=2, each=each)
    assert shared.left_out.shape[0] == 3
    assert len({row.tobytes() for row in shared.left_out}) == 3
    assert shared.packed().tobytes() == alone.packed().tobytes()
    assert shared.left_out.tobytes() == alone.left_out.tobytes()
    assert (shared.trained, shared.attrs, shared.sites) == (alone.trained, alone.attrs, alone.sites)


def test_a_scheduler_that_goes_is_told_in_one_line() -> None:
    cluster = LocalCluster(n_workers=1, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address=None)
    with cluster, mapper(DaskOptions(scheduler=cluster.scheduler_address, wait_s=1), CODE) as each:
        made = iter(each(time.sleep, [0, 0.5, 0.5]))
        next(made)
        cluster.close()
        with pytest.raises(BrainTwinError, match=f"the scheduler at {cluster.scheduler_address} is gone; start it"):
            list(made)


@pytest.mark.usefixtures("short")
def test_a_worker_that_is_killed_in_the_middle_changes_nothing(processes: LocalCluster, tmp_path: Path) -> None:
    killed = tmp_path / "killed"

    with mapper(DaskOptions(scheduler=processes.scheduler_address), CODE) as each:

        def deadly(function: Callable[[Any], Any], given: Iterable[Any]) -> Iterable[Any]:
            def once(portion: Any) -> Any:  # inside, so that it travels by value
                if portion[0].start >= 5 and not killed.exists():
                    killed.touch()
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(portion)

            return each(once, given)

        assert bits(trials(deadly)) == bits(trials())
    assert killed.exists()


def test_a_portion_that_ends_every_worker_is_told_in_one_line(
    processes: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deadly(_: int) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(processes.scheduler, "allowed_failures", 0)
    with (
        mapper(DaskOptions(scheduler=processes.scheduler_address), CODE) as each,
        pytest.raises(BrainTwinError, match="one portion ended every worker that tried it; give workers more memory"),
    ):
        list(each(deadly, [1]))


def test_a_campaign_spreads_its_keys_and_goes_on_where_it_stopped(
    processes: LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(name: str) -> Campaign:
        return Campaign(
            "sbc", claim="Ranks are uniform.", code=["braintwin.contracts.stages"], parts=tmp_path / name,
            records=tmp_path / name,
        )  # fmt: skip

    keys = [str(i) for i in range(6)]
    here = dict(run("here").each(keys, ranks, spread=True))
    monkeypatch.setenv("BRAINTWIN_DASK", processes.scheduler_address)
    monkeypatch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    for key, (_, process) in run("there").each(keys[:3], ranks, spread=True):
        assert process != os.getpid()
        kept = run("there").folder / f"{key}.json"
        assert json.loads(kept.read_text())["cpu_s"] >= 0
    first = run("there").folder / "0.json"
    text = first.read_text()
    there = dict(run("there").each(keys, ranks, spread=True))
    assert first.read_text() == text
    assert list(there) == keys
    assert {key: value[0] for key, value in there.items()} == {key: value[0] for key, value in here.items()}
    assert {value[1] for value in here.values()} == {os.getpid()}


def ranks(key: str) -> tuple[list[float], int]:
    """Return what a key stands for, and where it was made."""
    return np.random.default_rng(int(key)).random(3).tolist(), os.getpid()


def test_a_worker_with_other_code_is_refused() -> None:
    assert _portion(abs, -2, {}) == 2
    with pytest.raises(BrainTwinError, match=r"other code of braintwin\.contracts\.stages; start workers in the same"):
        _portion(abs, -2, {"braintwin.contracts.stages": "0" * 12})


def test_trials_are_portioned_once_each_and_no_portion_is_too_short_to_be_sent() -> None:
    for people, nights, number in ((60, 1, 200), (4, 1, 2), (5000, 60, 3), (60, 1, 20000)):
        parts = portions(Design("parallel", people, nights), number)
        assert [trial for part in parts for trial in part] == list(range(number))
        assert len(parts) <= virtual_trial.PORTIONS
        assert all(len(part) * people * nights >= virtual_trial.PORTION_NIGHTS for part in parts[:-1])


def test_workers_are_named_in_a_few_words() -> None:
    configured = DaskOptions(queue="long", cores=3)
    assert configured.at("slurm") == DaskOptions(scheduler="slurm", queue="long", cores=3)
    assert configured.at('{"scheduler": "tcp://a:1", "cores": 1}').cores == 1
    for said, told in (("fast", "neither threads nor slurm"), ('{"schedulr": 1}', "schedulr"), ("{", "dask: {")):
        with pytest.raises(ConfigError, match=told):
            configured.at(said)


def test_the_command_takes_a_scheduler_and_says_the_same(
    processes: LocalCluster, capsys: pytest.CaptureFixture[str], short: None
) -> None:
    words = ["virtual-trial", "zolpidem_10", "--people", "8", "--trials", "4", "--recruited", "population", "--json"]
    words += ["--power", "--size", "8"]
    assert braintwin(words) == 0
    alone = capsys.readouterr().out
    assert braintwin([*words, "--dask", processes.scheduler_address]) == 0
    assert capsys.readouterr().out == alone
    assert braintwin([*words, "--dask", "fast"]) == 2
    assert "neither threads nor slurm" in capsys.readouterr().err
