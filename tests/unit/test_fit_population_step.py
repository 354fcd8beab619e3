"""The step `fit-population`: what it learns from, what it writes about that, and when it refuses."""

import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from dask.distributed import LocalCluster

from braintwin.contracts.population import POPULATION
from braintwin.contracts.prepare import PREPARED
from braintwin.contracts.tables import DatasetRecord, NightRow, PersonRow
from braintwin.digest import lasting_digest
from braintwin.errors import DatasetError
from braintwin.inference.training import TrainingNight
from braintwin.io.arrays import read_dataset, write_dataset
from braintwin.io.population import packaged_population, read_population
from braintwin.io.records import write_json, write_nights, write_people, write_status
from braintwin.models.population import Population, first_population
from braintwin.options.dask import DaskOptions
from braintwin.options.fit_population import FitPopulationOptions
from braintwin.paths import StudyPaths
from braintwin.steps import fit_population
from scored_nights import prepared_from

OPTIONS = FitPopulationOptions(name="ours", min_people=3)
SLEEP = ["W"] * 20 + ["N2"] * 480 + ["R"] * 120


@pytest.fixture
def study(tmp_path: Path) -> StudyPaths:
    """Write a study of two datasets: five people, seven nights, one of them treated and one a nap."""
    paths = StudyPaths(tmp_path / "results" / "s")
    prepared = prepared_from(tmp_path / "raw", SLEEP, lights_off="start")
    rows = []
    for number, (person, condition) in enumerate(
        [("a-1", ""), ("a-1", "drug"), ("a-2", ""), ("a-2", ""), ("b-1", "placebo"), ("b-2", ""), ("b-3", "")]
    ):
        night = f"{person}-{number}"
        data = prepared.isel(epoch=slice(0, 200)) if person == "b-3" else prepared
        path = paths.night(night, "prepare")
        write_dataset(path, data.assign_attrs(night=night, person=person, condition=condition), PREPARED)
        write_status(path, "prepare", "ok")
        rows.append(
            NightRow(
                night=night, person=person, dataset=person[0], bids_path="", condition=condition,
                fold=int(person[-1]) % 2,
            )
        )  # fmt: skip
    write_nights(paths.nights, rows)
    people = sorted({row.person for row in rows})
    write_people(paths.people, [PersonRow(person=name, batch="b", dataset=name[0]) for name in people])
    for name, licence in (("a", "CC0"), ("b", "ODC-By")):
        write_json(
            paths.dataset_record(name),
            DatasetRecord(
                name=name, root="x", kind="local", source="x", title=f"Study {name}", licence=licence,
                citation=f"doi:10/{name}", fingerprint="f" + name,
            ),
        )  # fmt: skip
    return paths


def learned(study: StudyPaths, monkeypatch: pytest.MonkeyPatch, options: FitPopulationOptions = OPTIONS) -> xr.Dataset:
    """Run the step with a fit that only takes the nights down."""
    seen: list[TrainingNight] = []

    def fit(training: Sequence[TrainingNight], *, seed: int, each: Callable[..., Iterable[Any]]) -> Population:
        assert seed > 0
        assert each is map
        seen.extend(training)
        return first_population()

    monkeypatch.setattr(fit_population, "fit_population", fit)
    fit_population.run(
        nights=study.nights,
        people=study.people,
        records=[study.dataset_record("b"), study.dataset_record("a")],
        population=study.population,
        seed=5,
        options=options,
    )
    assert [night.night for night in seen] == ["a-1-0", "a-2-2", "a-2-3", "b-1-4", "b-2-5"]
    return read_dataset(study.population, POPULATION)


def test_the_population_says_what_it_was_learned_from(study: StudyPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    attrs = learned(study, monkeypatch).attrs
    assert (attrs["name"], attrs["nights"], attrs["people"], attrs["nights_left_out"]) == ("ours", "5", "4", "2")
    assert attrs["licence"] == "a: CC0; b: ODC-By"
    assert attrs["source"] == "learned from Study a (doi:10/a); Study b (doi:10/b)"
    datasets = json.loads(attrs["datasets"])
    assert {name: (d["nights"], d["people"], d["checksum"]) for name, d in datasets.items()} == {
        "a": (3, 2, "fa"),
        "b": (2, 2, "fb"),
    }
    assert (attrs["step"], attrs["seed"]) == ("fit-population", "5")
    assert len(attrs["code"]) == 12
    assert read_population(study.population).attrs["name"] == "ours"
    told = json.dumps({k: str(v) for k, v in attrs.items()})
    assert "a-1" not in told and "b-2" not in told


def test_workers_learn_the_same_population(study: StudyPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_population, "fit_population", partial(fit_population.fit_population, iterations=2))

    def digest(options: FitPopulationOptions) -> str:
        fit_population.run(
            nights=study.nights, people=study.people, records=[study.dataset_record(name) for name in "ab"],
            population=study.population, seed=5, options=options,
        )  # fmt: skip
        return lasting_digest(study.population)

    alone = digest(OPTIONS)
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address=None
    ) as cluster:
        shared = OPTIONS.model_copy(update={"dask": DaskOptions(scheduler=cluster.scheduler_address)})
        assert digest(shared) == alone


def test_the_digest_of_what_was_learned_from_follows_the_scoring(
    study: StudyPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = learned(study, monkeypatch).attrs["inputs"]
    assert learned(study, monkeypatch).attrs["inputs"] == before
    path = study.night("a-1-0", "prepare")
    night = read_dataset(path, PREPARED)
    night["stage"].values[100] = 3
    write_dataset(path, night, PREPARED)
    assert learned(study, monkeypatch).attrs["inputs"] != before


def test_too_few_people_are_refused_with_what_was_left_out(study: StudyPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    options = FitPopulationOptions(min_people=5)
    with pytest.raises(DatasetError, match="5 nights of 4 people can be learned from, expected 5 people or more") as e:
        learned(study, monkeypatch, options)
    assert "under 'drug'" in str(e.value) and "a nap" in str(e.value)
    assert not study.population.exists()


def test_the_notice_of_the_packaged_population_names_its_datasets() -> None:
    with xr.open_dataset(packaged_population(), engine="h5netcdf") as packaged:
        attrs = dict(packaged.attrs)
    notice = (packaged_population().parent / "NOTICE").read_text(encoding="utf-8")
    for dataset in json.loads(attrs.get("datasets", "{}")).values():
        assert dataset["citation"] in notice
        assert all(word.strip() in notice for word in dataset["licence"].split(";"))
    assert np.isfinite(read_population(packaged_population()).onset)
