"""The packaged population is the documented one."""

import dataclasses

import numpy as np
import pytest

from braintwin.contracts.night import GROUPS
from braintwin.errors import ContractError
from braintwin.io.population import packaged_population, read_population, write_population
from braintwin.models.hypnogram import DESTINATIONS, GROUP_OF, TRANSITION_NAMES, log_odds
from braintwin.models.night_history import FIRST_OFFSET, TIME_BASIS, night_steps
from braintwin.models.population import BASE_COUNTS, BASE_ONSET_HAZARD, Population, Who, first_population, root

ARRAYS = [item.name for item in dataclasses.fields(Population) if item.name not in ("attrs", "sites", "trained")]


def test_the_packaged_file_is_learned_from_real_nights():
    packaged = read_population(packaged_population())
    assert int(packaged.attrs["nights"]) >= 1000
    assert int(packaged.attrs["people"]) == len(packaged.trained) >= 900
    assert all(len(name) == 16 and "-" not in name for name in packaged.trained)
    assert set(packaged.trained.values()) == set(range(len(packaged.left_out)))
    for variant in (packaged, *(packaged.unpacked(row) for row in packaged.left_out)):
        for cov in (variant.person_cov, variant.night_cov, *variant.site_person_cov, *variant.site_night_cov):
            assert np.linalg.eigvalsh(cov).min() > 0
    licences = packaged.attrs["licence"]
    assert all(f"{site}: " in licences for site in packaged.sites)
    # What everybody knows: age takes deep sleep, apnea brings light sleep, a night's REM sleep comes in cycles.
    assert packaged.covariate_effect[0, GROUPS.index("n3_n2")] > 0
    assert packaged.covariate_effect[2, GROUPS.index("n2_n1")] > 0
    into_rem = packaged.clock_effect[TRANSITION_NAMES.index("N2>R")]
    assert into_rem[FIRST_OFFSET + 4] > into_rem[FIRST_OFFSET] + 1


def test_round_trip(tmp_path):
    path = tmp_path / "population.nc"
    for made in (first_population(), read_population(packaged_population())):
        write_population(path, made)
        again = read_population(path)
        for name in ARRAYS:
            np.testing.assert_array_equal(getattr(again, name), getattr(made, name))
        assert (again.sites, again.trained) == (made.sites, made.trained)


def test_fewer_respiratory_events_are_the_sleep_of_people_who_have_fewer():
    packaged = read_population(packaged_population())
    moved = packaged.person_mean(Who(ahi=3.0)) - packaged.person_mean(Who(ahi=30.0))
    np.testing.assert_allclose(packaged.event_shift(30.0, 3.0)[0], moved, atol=1e-12)
    np.testing.assert_array_equal(packaged.event_shift(30.0, [30.0, 30.0]), np.zeros((2, len(GROUPS))))


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


def test_the_root_of_a_covariance_does_not_hang_on_the_signs_of_eigenvectors(monkeypatch):
    """Another machine's LAPACK turns eigenvectors over, and picks others where eigenvalues are equal."""
    rng = np.random.default_rng(3)
    factor = rng.standard_normal((6, 4))
    cov = factor @ factor.T
    double = np.eye(6) + np.outer(np.ones(6), np.ones(6))
    found = [root(cov), root(double)]
    np.testing.assert_allclose(found[0] @ found[0], cov, atol=1e-12)
    eigh = np.linalg.eigh

    def another(matrix):
        values, vectors = eigh(matrix)
        vectors = vectors * np.array([1, -1, -1, 1, -1, 1])
        if matrix is double:
            turn = np.linalg.qr(rng.standard_normal((5, 5)))[0]
            vectors[:, :5] = vectors[:, :5] @ turn
        return values, vectors

    monkeypatch.setattr(np.linalg, "eigh", another)
    np.testing.assert_allclose(root(cov), found[0], atol=1e-7)
    np.testing.assert_allclose(root(double), found[1], atol=1e-12)
