"""The step `fit-nights`: batches, refusals, what it writes."""

import json

import numpy as np
import pytest
import xarray as xr

from braintwin.contracts.prepare import PREPARED
from braintwin.contracts.tables import PersonRow
from braintwin.io.arrays import write_dataset
from braintwin.io.population import packaged_population
from braintwin.io.posterior import read_groups
from braintwin.io.records import read_status, write_status
from braintwin.models.nights_simulator import simulate_nights
from braintwin.models.population import first_population
from braintwin.options.fit_nights import FitNightsOptions
from braintwin.steps.fit_nights import CONTRACTS, run

OPTIONS = FitNightsOptions(chains=2, tune=150, draws=150, predictive_samples=60)


def simulated(seed, shift=None, epochs=900):
    effects = np.zeros((1, 12)) if shift is None else np.asarray(shift, float)[None]
    uniforms = np.random.default_rng(seed).random((1, epochs))
    return simulate_nights(first_population(), effects=effects, uniforms=uniforms, n_epochs=epochs)[0]


def prepared(root, night, person, stages, *, lights_off="0", condition="", epoch_s=30.0):
    path = root / "nights" / night / "prepare.nc"
    data = PREPARED.empty({"epoch": len(stages)})
    data["stage"].values[:] = stages
    data = data.assign_coords(epoch=np.arange(len(stages)), onset=("epoch", 30.0 * np.arange(len(stages))))
    data = PREPARED.stamp_units(data)
    data.attrs.update(night=night, person=person, condition=condition, epoch_s=epoch_s, lights_off=lights_off)
    write_dataset(path, data, PREPARED)
    write_status(path, "prepare", "ok")
    return path


def fitted(root, people, nights, **covariates):
    outputs = [root / "people" / person / "night.nc" for person in people]
    rows = [
        PersonRow(person=person, batch="b", dataset="d", covariates=covariates.get(person.replace("-", ""), {}))
        for person in people
    ]
    run(
        people=rows, prepare=nights, population=packaged_population(), night=outputs, seed=3, threads=2, options=OPTIONS
    )
    return outputs


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Two nights; one without REM and lights off; a night without scoring; only a treated night."""
    root = tmp_path_factory.mktemp("nights")
    no_rem = np.full(12, 0.0)
    no_rem[10] = -30.0
    nights = [
        prepared(root, "d-a-1", "d-a", simulated(1)),
        prepared(root, "d-a-2", "d-a", simulated(2)),
        prepared(root, "d-b-1", "d-b", simulated(3, no_rem), lights_off="unknown"),
        prepared(root, "d-c-1", "d-c", np.full(900, -1)),
        prepared(root, "d-d-1", "d-d", simulated(4), condition="temazepam"),
    ]
    assert not (simulated(3, no_rem) == 4).any()
    refused = root / "nights" / "d-a-3" / "prepare.nc"
    write_dataset(refused, PREPARED.empty(), PREPARED)
    write_status(refused, "prepare", "excluded", "not a night")
    return root, nights, fitted(root, ["d-a", "d-b", "d-c", "d-d"], [*nights, refused], da={"ahi": 12.0})


@pytest.mark.slow
def test_everybody_gets_a_valid_artefact_and_a_status(cohort):
    _, _, outputs = cohort
    for path in outputs:
        read_groups(path, CONTRACTS)
    assert [read_status(path).state for path in outputs] == ["ok", "ok", "excluded", "excluded"]
    assert "no epoch of sleep among 0 that are scored" in read_status(outputs[2]).reason
    assert "'temazepam'" in read_status(outputs[3]).reason


@pytest.mark.slow
def test_what_is_known_of_each_person(cohort):
    _, _, outputs = cohort
    two, one = (read_groups(path, CONTRACTS) for path in outputs[:2])
    assert two["posterior"].attrs["onset_source"] == "data"
    assert two["posterior"].attrs["arousal_rate"] == 12.0
    assert two["posterior"].sizes["night"] == 2
    assert list(two["posterior"]["night"].values) == ["d-a-1", "d-a-2"]
    assert json.loads(two["/"].attrs["inputs"]).keys() >= {"d-a-1/prepare.nc", "d-a-2/prepare.nc"}
    assert np.isfinite(two["posterior_predictive"]["outcome_value"]).all()
    assert one["posterior"].attrs["onset_source"] == "prior"
    hidden = one["posterior_predictive"]["outcome_value"].isnull().all("sample")
    assert list(hidden["outcome"].values[hidden.values]) == ["SOL", "LPS", "SE", "TIB"]
    for groups in (two, one):
        assert groups["prior"].sizes["draw"] == 300
        assert groups["posterior_predictive"].sizes["sample"] == 60
        assert groups["posterior_predictive"].sizes["replicate"] == 60
    again = two["posterior_predictive"]["stage_count"]
    assert (again.sum(("interval", "state")) == 1800).all()  # both nights of 900 epochs, slept again
    assert again.dtype == np.int16


@pytest.mark.slow
def test_a_night_without_rem_lowers_its_hazard(cohort):
    posterior = read_groups(cohort[2][1], CONTRACTS)["posterior"]
    effect = (posterior["person_effect"] + posterior["night_effect"].isel(night=0)).sel(group="nrem_r")
    assert float(effect.quantile(0.9)) < 0


@pytest.mark.slow
def test_results_do_not_depend_on_the_batch(cohort, tmp_path):
    _, nights, outputs = cohort
    alone = read_groups(fitted(tmp_path, ["d-b"], nights)[0], CONTRACTS)
    batch = read_groups(outputs[1], CONTRACTS)
    for name in CONTRACTS:
        if name != "sample_stats":
            xr.testing.assert_identical(alone[name], batch[name])
    assert not read_status(tmp_path / "people" / "d-b" / "night.nc").reason


def test_a_batch_without_a_usable_night_compiles_nothing(tmp_path):
    nights = [prepared(tmp_path, "d-e-1", "d-e", simulated(5), epoch_s=20.0)]
    outputs = fitted(tmp_path, ["d-e", "d-f"], nights)
    assert [read_status(path).state for path in outputs] == ["excluded", "excluded"]
    assert "20 s, expected 30 s" in read_status(outputs[0]).reason
    assert "no night came through prepare" in read_status(outputs[1]).reason
    told = json.loads(read_groups(outputs[0], CONTRACTS)["posterior"].attrs["left_out"])
    assert list(told) == ["d-e-1"]
    assert told["d-e-1"].startswith("epochs of 20 s, expected 30 s")
