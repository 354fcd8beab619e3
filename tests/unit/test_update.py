"""`update`: the same posterior as all nights at once, every version kept, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from braintwin.contracts.prepare import PREPARED
from braintwin.contracts.tables import PersonRow
from braintwin.errors import BrainTwinError
from braintwin.inference.diagnose import mcse
from braintwin.io.arrays import write_dataset
from braintwin.io.population import write_population
from braintwin.io.posterior import read_groups
from braintwin.io.records import read_status, write_status
from braintwin.io.versions import Version, faults, read_history, versions_of
from braintwin.models.nights_simulator import simulate_nights
from braintwin.models.population import first_population
from braintwin.options.dataset import DatasetOptions
from braintwin.options.fit_nights import FitNightsOptions
from braintwin.options.prepare import PrepareOptions
from braintwin.steps import fit_nights, update

pytestmark = pytest.mark.xdist_group("update")
OPTIONS = FitNightsOptions(chains=2, tune=300, draws=1000, predictive_samples=50)
PERSON = PersonRow(person="lab-1", batch="b", dataset="lab", covariates={"ahi": 8.0})
STAGES = ("W", "N1", "N2", "N3", "R")


def a_night(number: int) -> np.ndarray:
    """Return a simulated night of somebody who wakes easily, with epochs that are not scored."""
    effects = np.zeros((1, 12))
    effects[0, 3:6] = 0.5
    uniforms = np.random.default_rng(number).random((1, 960))
    stages = simulate_nights(first_population(), effects=effects, uniforms=uniforms, n_epochs=960)[0]
    stages[400 : 400 + 5 * number] = -1
    return stages


def prepared(number: int, name: str | None = None) -> xr.Dataset:
    stages = a_night(number)
    data = PREPARED.empty({"epoch": len(stages)})
    data["stage"].values[:] = stages
    data = data.assign_coords(epoch=np.arange(len(stages)), onset=("epoch", 30.0 * np.arange(len(stages))))
    data.attrs.update(
        night=name or f"lab-1-{number}", person="lab-1", condition="", epoch_s=30.0,
        lights_off="unknown" if number == 2 else "0",
    )  # fmt: skip
    return PREPARED.stamp_units(data)


def population(root: Path, onset: float = 0.0) -> Path:
    """Write a population of the study's own."""
    path = root / "data" / "population.nc"
    if not path.is_file():
        first = first_population()
        write_population(path, replace(first, onset=first.onset + onset))
    return path


def fit(root: Path, *numbers: int) -> Path:
    """Fit a twin to nights at once, as the workflow does."""
    paths: list[Path] = []
    for number in numbers:
        paths.append(root / "nights" / f"lab-1-{number}" / "prepare.nc")
        write_dataset(paths[-1], prepared(number), PREPARED)
        write_status(paths[-1], "prepare", "ok")
    twin = root / "people" / "lab-1" / "night.nc"
    fit_nights.run(
        people=[PERSON], prepare=paths, population=population(root), night=[twin], seed=3, threads=1,
        options=OPTIONS,
    )  # fmt: skip
    return twin


def updated(twin: Path, night: xr.Dataset, prior: Path | None = None) -> tuple[Version, Version]:
    return update.run(
        person=PERSON,
        twin=twin,
        prepared=night,
        population=prior or population(twin.parents[2]),
        seed=3,
        options=OPTIONS,
    )


@pytest.fixture(scope="module")
def twin(tmp_path_factory) -> Path:
    """Return a twin fitted to one night and updated with two more."""
    path = fit(tmp_path_factory.mktemp("sequence"), 1)
    updated(path, prepared(2))
    updated(path, prepared(3))
    return path


@pytest.mark.slow
def test_night_by_night_is_all_nights_at_once_within_monte_carlo_error(twin: Path, tmp_path: Path) -> None:
    one_by_one = read_groups(twin)["posterior"]["person_effect"]
    at_once = read_groups(fit(tmp_path, 1, 2, 3))["posterior"]["person_effect"]
    z, ratio = [], []
    for group in at_once["group"].values:
        a, b = one_by_one.sel(group=group).values, at_once.sel(group=group).values
        z.append((a.mean() - b.mean()) / np.hypot(mcse(a), mcse(b)))
        ratio.append(a.std() / b.std())
    assert np.max(np.abs(z)) < 4.0  # twelve groups: chance passes 4 once in 1,300 runs
    assert np.allclose(ratio, 1.0, atol=0.12)
    # and it is not the twin of the first night
    first = read_groups(versions_of(twin) / "0001.nc")["posterior"]["person_effect"]
    assert (at_once.std(("chain", "draw")) < first.std(("chain", "draw"))).mean() > 0.8


@pytest.mark.slow
def test_every_version_is_kept_with_what_it_saw(twin: Path) -> None:
    lines = read_history(versions_of(twin))
    assert [line.made_by for line in lines] == ["fit-nights", "update", "update"]
    names = ["lab-1-1", "lab-1-2", "lab-1-3"]
    assert [list(line.saw) for line in lines] == [names[:1], names[:2], names]
    assert faults(versions_of(twin)) == []
    assert lines[1].twin[:16] in lines[2].inputs
    assert lines[2].saw["lab-1-3"][:16] in lines[2].inputs
    groups = read_groups(twin)
    assert groups["observed_data"]["night"].values.tolist() == names
    assert np.isnan(groups["observed_data"]["outcome_value"].sel(night="lab-1-2", outcome="SOL"))
    assert read_status(twin).state == "ok"


@pytest.mark.slow
def test_what_cannot_be_an_update_is_refused_and_nothing_is_written(twin: Path, tmp_path: Path) -> None:
    before = twin.read_bytes(), (versions_of(twin) / "history.jsonl").read_bytes()
    nap, treated = prepared(4).isel(epoch=slice(0, 200)), prepared(4)
    treated.attrs["condition"] = "zolpidem"
    with pytest.raises(BrainTwinError, match="has seen lab-1-2 already"):
        updated(twin, prepared(2))
    with pytest.raises(BrainTwinError, match="seen this scoring already, as lab-1-3"):
        updated(twin, prepared(3, "lab-1-9"))
    with pytest.raises(BrainTwinError, match="lab-1-4 is no night to learn from: 100 min long, a nap"):
        updated(twin, nap)
    with pytest.raises(BrainTwinError, match="under 'zolpidem'"):
        updated(twin, treated)
    with pytest.raises(BrainTwinError, match="another population prior"):
        updated(twin, prepared(4), population(tmp_path, onset=0.1))
    assert before == (twin.read_bytes(), (versions_of(twin) / "history.jsonl").read_bytes())


def test_a_person_without_a_twin_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BrainTwinError, match="lab-1 has no hypnogram twin yet; run the study first"):
        updated(tmp_path / "people" / "lab-1" / "night.nc", prepared(1))
    refused = tmp_path / "people" / "lab-2" / "night.nc"
    refused.parent.mkdir(parents=True)
    refused.touch()
    write_status(refused, "fit-nights", "excluded", "no night to fit")
    with pytest.raises(BrainTwinError, match=r"is excluded .no night to fit.; run the study again"):
        updated(refused, prepared(1))


def test_a_scoring_outside_the_dataset_is_read_as_the_dataset_is(tmp_path: Path) -> None:
    events = tmp_path / "smith_2024-03-01.tsv"
    rows = "".join(f"{30 * i}\t30\t{c}\n" for i, c in enumerate([5] * 20 + [2] * 700))
    events.write_text("onset\tduration\tscore\n" + rows)
    dataset = DatasetOptions.model_validate(
        {"source": "x", "stages": {"column": "score", "codes": {"5": "W", "2": "N2"}, "lights_off": "start"}}
    )
    night = update.from_scoring(events, PERSON, dataset, PrepareOptions())
    assert night["stage"].values.tolist() == [0] * 20 + [2] * 700
    assert night.attrs["night"].startswith("lab-1-x") and "smith" not in night.attrs["night"]
    with pytest.raises(BrainTwinError, match=r"no file 'nobody.tsv'"):
        update.from_scoring(tmp_path / "nobody.tsv", PERSON, dataset, PrepareOptions())
    events.write_text("onset\tduration\tscore\n" + rows.replace("\t2\n", "\t7\n"))
    with pytest.raises(BrainTwinError, match=r"smith_2024-03-01.tsv: column 'score' holds integer codes 7"):
        update.from_scoring(events, PERSON, dataset, PrepareOptions())
