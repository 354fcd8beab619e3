"""Steps, counts and the likelihood of hypnograms."""

import numpy as np
import pytest

from braintwin.inference.nights import base_odds, bucket, cell_log_likelihood, count, model_data, window
from braintwin.models.hypnogram import (
    BEFORE_ONSET,
    N_STAGES,
    dwell_table,
    log_likelihood,
    log_odds,
    night_steps,
    steady_pressure,
    time_basis,
)
from braintwin.models.nights_simulator import simulate_nights
from braintwin.models.population import first_population

POPULATION = first_population()


@pytest.fixture
def person():
    """One person with two nights, one of them with gaps and no lights-off mark."""
    rng = np.random.default_rng(5)
    draws = POPULATION.draw(rng, 1)
    night_effect = 0.25 * rng.standard_normal((2, 12))
    values = {
        "person_effect": draws.person_effect[0], "night_effect": night_effect, "time_effect": draws.time_effect[0],
        "dwell_effect": draws.dwell_effect[0], "pressure_effect": draws.pressure_effect[0],
    }  # fmt: skip
    stages = simulate_nights(
        POPULATION, effects=values["person_effect"] + night_effect, uniforms=rng.random((2, 900)), n_epochs=900,
        time_effect=values["time_effect"], dwell_effect=values["dwell_effect"],
        pressure_effect=values["pressure_effect"], arousal_rate=30.0,
    )  # fmt: skip
    stages[1, 300:304] = -1
    stages[1, 500:560] = -1
    return values, [window("a", stages[0], 0), window("b", stages[1], None)]


def test_counts_have_the_likelihood_of_the_sequence(person):
    values, nights = person
    expected = 0.0
    for i, night in enumerate(nights):
        steps = night_steps(night.stages, lights_off_known=night.lights_off_known)
        odds = log_odds(
            POPULATION, steps, effect=values["person_effect"] + values["night_effect"][i],
            time_effect=values["time_effect"], dwell_effect=values["dwell_effect"],
            pressure_effect=values["pressure_effect"], arousal_rate=30.0,
        )  # fmt: skip
        expected += log_likelihood(odds, steps.to)
    assert cell_log_likelihood(POPULATION, count(nights), values, 30.0) == pytest.approx(expected, rel=1e-12, abs=1e-9)


def test_the_compiled_operation_is_the_likelihood_and_its_gradient(person):
    pytest.importorskip("pytensor")
    from braintwin.inference.transition_counts import evaluate

    values, nights = person
    data = list(model_data(POPULATION, count(nights), 30.0).values())
    at = [
        values["person_effect"] + values["night_effect"],
        np.column_stack([values["time_effect"], values["pressure_effect"]]),
        values["dwell_effect"],
    ]
    value, *gradients = evaluate(*data, *at)
    assert value == pytest.approx(cell_log_likelihood(POPULATION, count(nights), values, 30.0), abs=1e-9)
    rng = np.random.default_rng(0)
    for i, gradient in enumerate(gradients):
        direction = rng.standard_normal(at[i].shape)
        ends = [
            evaluate(*data, *[a + sign * 1e-5 * direction if j == i else a for j, a in enumerate(at)])[0]
            for sign in (1, -1)
        ]
        assert (ends[0] - ends[1]) / 2e-5 == pytest.approx((gradient * direction).sum(), rel=1e-6, abs=1e-5)


def test_a_far_longer_time_in_stage_changes_only_its_own_cells(person):
    values, nights = person
    counts = count(nights)
    changed = {**values, "dwell_effect": values["dwell_effect"].copy()}
    changed["dwell_effect"][2, 4] += 0.5
    cells = counts.cells
    mine = (cells[:, 0] == 2) & (cells[:, 3] == 4)
    assert mine.any()
    kept = type(counts)(cells[~mine], counts.left[~mine], counts.total[~mine])
    assert cell_log_likelihood(POPULATION, kept, values) == cell_log_likelihood(POPULATION, kept, changed)
    assert cell_log_likelihood(POPULATION, counts, values) != cell_log_likelihood(POPULATION, counts, changed)


def test_every_step_of_a_whole_night_is_used_once():
    stages = np.array([0, 0, 0, 1, 2, 2, 2, 0, 1, 2, 4, 4])
    steps = night_steps(stages)
    np.testing.assert_array_equal(steps.epoch, np.arange(11))
    np.testing.assert_array_equal(steps.row, [BEFORE_ONSET] * 3 + [1, 2, 2, 2, 0, 1, 2, 4])
    np.testing.assert_array_equal(steps.to, stages[1:])
    assert count([window("a", stages, 0)]).total.sum() == 11


def test_time_in_stage_after_a_gap_is_not_made_up():
    stages = np.array([0, 2, 2, -1, 2, 2, -1, 3, 3, 2, 2])
    steps = night_steps(stages)
    # Across the short gap N2 goes on; N3 after the gap began at an unknown time, so its steps are left out.
    np.testing.assert_array_equal(steps.epoch, [0, 1, 4, 9])
    long_gap = np.concatenate([[0, 2, 2], np.full(11, -1), [2, 2, 1, 1]])
    np.testing.assert_array_equal(night_steps(long_gap).epoch, [0, 1, 16])


def test_without_lights_off_the_latency_is_left_out():
    stages = np.array([0] * 20 + [1, 2, 2, 2, 0, 2, 2] + [0] * 40)
    night = window("a", stages, None)
    np.testing.assert_array_equal(night.stages, [0, 1, 2, 2, 2, 0, 2, 2])
    counts = count([night])
    assert (counts.cells[:, 0] != BEFORE_ONSET).all()
    assert counts.total.sum() == 6
    known = count([window("a", stages, 5)])
    assert known.total[known.cells[:, 0] == BEFORE_ONSET].sum() == 15


def test_a_night_of_wake_tells_of_the_latency_only():
    wake = np.zeros(100, int)
    counts = count([window("a", wake, 0)])
    np.testing.assert_array_equal(counts.cells, [[BEFORE_ONSET, 0, 0, 0, 0]])
    np.testing.assert_array_equal(counts.total, [99])
    assert len(window("a", wake, None).stages) == 0


def test_first_bout_of_a_night_that_starts_asleep_is_left_out():
    np.testing.assert_array_equal(night_steps(np.array([2, 2, 2, 1, 1, 2])).epoch, [3, 4])


def test_arousals_raise_only_waking():
    change = base_odds(POPULATION, 60.0) - base_odds(POPULATION, 0.0)
    assert change[0].max() == change[BEFORE_ONSET].max() == 0
    np.testing.assert_allclose(change[1:N_STAGES, 0], np.log(2))
    assert np.abs(change[1:N_STAGES, 1:]).max() == 0


def test_the_covariates_are_what_they_say():
    basis = time_basis()
    np.testing.assert_allclose(basis.T @ basis / len(basis), np.eye(4), atol=1e-12)
    table = dwell_table()
    np.testing.assert_array_equal(table[[1, 2, 3, 4, 5, 10, 11, 20, 21]], [0, 0, 1, 1, 2, 2, 3, 3, 4])
    evening = steady_pressure()
    morning = evening * np.exp(-8 / 4.2)
    assert 1 - (1 - morning) * np.exp(-16 / 18.2) == pytest.approx(evening)
    assert [bucket(n) for n in (1, 2, 3, 4, 5, 9)] == [1, 2, 4, 4, 8, 16]
