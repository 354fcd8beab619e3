"""What `fit-nights` makes of automatic stages and of slow-wave activity, from files to the twin."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from braintwin.contracts.features import FEATURES
from braintwin.contracts.prepare import PREPARED
from braintwin.contracts.stages import STAGES
from braintwin.contracts.tables import PersonRow
from braintwin.inference.nights import Night, compile_nights
from braintwin.inference.process_s import pressure
from braintwin.io.arrays import write_dataset
from braintwin.io.population import packaged_population, read_population
from braintwin.io.posterior import read_groups
from braintwin.io.records import write_status
from braintwin.models.night_history import LITERATURE, ProcessS
from braintwin.models.nights_simulator import simulate_nights
from braintwin.options.fit_nights import FitNightsOptions
from braintwin.steps import fit_nights
from braintwin.steps.fit_nights_read import Prepared, left_out, read_night
from braintwin.steps.update import stored_nights

POPULATION = read_population(packaged_population())
EPOCHS, FROM = 900, 40


def hypnogram(seed: int) -> np.ndarray:
    """A night that begins after a quarter of an hour and more of wake before lights off."""
    rng = np.random.default_rng(seed)
    effects = np.zeros((1, 12))
    night = simulate_nights(POPULATION, effects=effects, uniforms=rng.random((1, EPOCHS)), n_epochs=EPOCHS)[0]
    return np.concatenate([np.zeros(FROM, np.int8), night])


def prepared(root: Path, name: str, stages: np.ndarray, *, doubt: float | None = None) -> Path:
    """Write a night; with `doubt`, as if staged automatically."""
    data = PREPARED.empty({"epoch": len(stages)})
    data["stage"].values[:] = stages
    data = data.assign_coords(epoch=np.arange(len(stages)), onset=("epoch", 30.0 * np.arange(len(stages))))
    if doubt is not None:
        probability = np.full((len(stages), 5), doubt / 4)
        probability[np.arange(len(stages)), stages] = 1 - doubt
        data = data.assign_coords(label=("label", np.array(STAGES))).assign(
            stage_probability=(("epoch", "label"), probability)
        )
    data = PREPARED.stamp_units(data)
    data.attrs.update(night=name, person="d-a", condition="", epoch_s=30.0, lights_off=str(30 * FROM))
    path = root / "nights" / name / "prepare.nc"
    write_dataset(path, data, PREPARED)
    write_status(path, "prepare", "ok")
    return path


def features(prepare: Path, stages: np.ndarray, process: ProcessS) -> Path:
    """Write slow-wave activity of two channels that follows Process S; one of them was lost half-way."""
    rng = np.random.default_rng(9)
    track = pressure(stages[FROM:], [process])[:, 0]
    log = np.concatenate([np.zeros(FROM), 2 * track]) + 0.2 * rng.standard_normal(len(stages))
    swa = np.exp(np.stack([log, log + 3.0], axis=1))
    swa[500:, 1] = np.nan
    swa[:, :][stages == 0] = np.nan
    data = FEATURES.empty({"epoch": len(stages), "channel": 2})
    data["swa"].values[:] = swa
    data = data.assign_coords(epoch=np.arange(len(stages)), channel=["C3", "C4"])
    path = prepare.with_name("features.nc")
    write_dataset(path, FEATURES.stamp_units(data), FEATURES)
    write_status(path, "features", "ok")
    return path


def test_automatic_stages_come_in_versions_and_scored_ones_do_not(tmp_path):
    stages = hypnogram(1)
    options = FitNightsOptions(stage_versions=6)
    soft = read_night(prepared(tmp_path, "d-a-1", stages, doubt=0.3), None, 7, options).night
    again = read_night(prepared(tmp_path, "d-a-1", stages, doubt=0.3), None, 7, options).night
    assert soft.versions.shape == (6, EPOCHS)
    np.testing.assert_array_equal(soft.versions, again.versions)
    np.testing.assert_array_equal(soft.stages, soft.versions[0])
    assert 0.4 < (soft.versions == stages[FROM:]).mean() < 1
    hard = read_night(prepared(tmp_path, "d-a-1", stages, doubt=0.3), None, 7, FitNightsOptions(stage_versions=1)).night
    scored = read_night(prepared(tmp_path, "d-a-2", stages), None, 7, options).night
    for night in (hard, scored):
        assert night.versions is None
        np.testing.assert_array_equal(night.stages, stages[FROM:])


def test_slow_wave_activity_is_read_where_it_is_asked_for(tmp_path):
    stages = hypnogram(2)
    path = prepared(tmp_path, "d-a-1", stages)
    swa = features(path, stages, LITERATURE)
    assert read_night(path, swa, 7, FitNightsOptions()).course is None
    asked = FitNightsOptions(process_s="swa")
    assert read_night(path, None, 7, asked).course is None
    course = read_night(path, swa, 7, asked).course
    np.testing.assert_array_equal(course.stages, stages[FROM:])
    np.testing.assert_array_equal(np.isfinite(course.swa), stages[FROM:] > 0)
    asleep = course.stages > 0
    track = pressure(course.stages, [LITERATURE])[asleep, 0]
    assert np.corrcoef(np.log(course.swa[asleep]), track)[0, 1] > 0.8
    write_status(swa, "features", "excluded", "no EEG")
    assert read_night(path, swa, 7, asked).course is None


@pytest.mark.slow
def test_a_twin_of_automatic_stages_and_slow_wave_activity(tmp_path, monkeypatch):
    """The same night four times: scored, certainly and softly staged, and with the person's own Process S."""
    compiled = compile_nights(POPULATION, 1)
    monkeypatch.setattr(fit_nights, "compile_nights", lambda *_: compiled)
    stages = hypnogram(3)

    def fitted(name: str, night: Path, spectra: list[Path], **more: object) -> dict[str, xr.Dataset]:
        out = tmp_path / name / "d-a" / "night.nc"
        fit_nights.run(
            people=[PersonRow(person="d-a", batch="b", dataset="d")], prepare=[night], features=spectra,
            population=packaged_population(), night=[out], seed=3, threads=1,
            options=FitNightsOptions(chains=2, tune=150, draws=160, predictive_samples=60, **more),
        )  # fmt: skip
        return read_groups(out, fit_nights.CONTRACTS)

    path = prepared(tmp_path, "d-a-1", stages)
    swa = features(path, stages, ProcessS(18.2, 2.5))
    plain, own = fitted("plain", path, [swa]), fitted("own", path, [swa], process_s="swa")
    certain = fitted("certain", prepared(tmp_path, "d-a-1", stages, doubt=0.0), [])
    soft = fitted("soft", prepared(tmp_path, "d-a-1", stages, doubt=0.3), [])

    for name, variable in plain["posterior"].data_vars.items():
        np.testing.assert_array_equal(certain["posterior"][name], variable, err_msg=str(name))
        if name != "night_corr":
            assert np.isfinite(own["posterior"][name]).all()
    for other in (own, soft):
        assert not np.allclose(other["posterior"]["person_effect"], plain["posterior"]["person_effect"])

    attrs = own["posterior"].attrs
    assert "tau_sleep_h" not in plain["posterior"].attrs
    assert attrs["process_s_episodes"] >= 2
    assert attrs["tau_sleep_h"] < 4.2
    assert POPULATION.in_rhythm_of(attrs).process.tau_sleep_h == attrs["tau_sleep_h"]

    assert "stage_version" not in plain["observed_data"]
    assert soft["observed_data"]["stage_version"].shape == (1, 8, EPOCHS)
    night = stored_nights(soft["observed_data"])[0]
    np.testing.assert_array_equal(night.versions[0], night.stages)


def test_nights_that_no_twin_learns_from_are_named_with_the_reason():
    night, nap, other = (Path("nights") / name / "prepare.nc" for name in ("a-1", "a-2", "b-1"))
    found = [
        Prepared(nap, "a", None, "a-2: 60 min long: a nap"),
        Prepared(night, "a", Night("a-1", np.zeros(960, np.int8), lights_off_known=True), ""),
        Prepared(other, "b", None, "b-1: no epoch of sleep"),
    ]
    assert json.loads(left_out("a", found)) == {"a-2": "60 min long: a nap"}
    assert json.loads(left_out("c", found)) == {}
