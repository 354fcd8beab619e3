"""The packaged population is the documented one."""

import dataclasses

import numpy as np
import pytest

from braintwin.contracts.night import GROUPS
from braintwin.errors import ContractError
from braintwin.io.population import packaged_population, read_population, write_population
from braintwin.models.hypnogram import DESTINATIONS, GROUP_OF, TRANSITION_NAMES, log_odds
from braintwin.models.night_history import TIME_BASIS, night_steps
from braintwin.models.population import BASE_COUNTS, BASE_ONSET_HAZARD, Population, first_population

ARRAYS = [item.name for item in dataclasses.fields(Population) if item.name != "attrs"]


def test_the_packaged_file_is_what_the_function_makes():
    packaged, made = read_population(packaged_population()), first_population()
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(packaged, name), getattr(made, name), err_msg=name)
    assert {name: packaged.attrs[name] for name in made.attrs} == made.attrs


def test_round_trip(tmp_path):
    path = tmp_path / "population.nc"
    write_population(path, first_population())
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(read_population(path), name), getattr(first_population(), name))


def test_a_dataset_without_a_variable_is_refused():
    with pytest.raises(ContractError, match="person_cov"):
        Population.from_dataset(first_population().to_dataset().drop_vars("person_cov"))


def test_base_rates_are_the_published_counts():
    counts = np.array(BASE_COUNTS, float)
    steps = night_steps(np.array([0, 0, 1, 2, 3, 4, 0, 1]))
    odds = np.exp(log_odds(first_population(), steps))
    chance = odds / odds.sum(axis=1, keepdims=True)
    leaving = np.flatnonzero(steps.row < 5)
    np.testing.assert_allclose(chance[leaving], (counts / counts.sum(axis=1, keepdims=True))[steps.row[leaving]])
    before = chance[steps.row == 5]
    np.testing.assert_allclose(1 - before[:, 0], BASE_ONSET_HAZARD)


def test_every_change_of_stage_has_a_group():
    assert GROUP_OF.shape == DESTINATIONS.shape == (6, 4)
    assert set(GROUP_OF.ravel()) == set(range(len(GROUPS)))
    assert set(GROUP_OF[5]) == {GROUPS.index("onset")}
    dataset = first_population().to_dataset()
    assert tuple(dataset["transition"].values) == TRANSITION_NAMES
    assert tuple(dataset["time_basis"].values) == TIME_BASIS


def test_drawn_people_have_the_spread_of_the_population():
    population = first_population()
    draws = population.draw(np.random.default_rng(0), 20_000)
    np.testing.assert_allclose(draws.person_effect.std(axis=0), population.person_sd, rtol=0.03)
    np.testing.assert_allclose(draws.night_effect.std(axis=0), population.night_sd, rtol=0.03)
