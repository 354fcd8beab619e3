"""Steps, counts and the likelihood of hypnograms."""

from dataclasses import replace

import numpy as np
import pytest

from braintwin.inference.night_counts import counts_log_likelihood
from braintwin.inference.nights import bucket, count, task, window
from braintwin.models.hypnogram import BEFORE_ONSET, N_STAGES, log_likelihood, log_odds, step_offsets
from braintwin.models.night_history import (
    CLOCK_NAMES,
    FIRST_OFFSET,
    REM_OFFSET,
    dwell_table,
    night_steps,
    steady_pressure,
    time_basis,
)
from braintwin.models.nights_simulator import simulate_nights
from braintwin.models.population import Who, first_population

POPULATION = first_population()


def rich_population(seed=0):
    """A population in which everything matters."""
    rng = np.random.default_rng(seed)
    row = POPULATION.packed()
    population = POPULATION.unpacked(row + 0.2 * rng.standard_normal(row.size))
    cov = np.diag(POPULATION.person_sd**2)
    return replace(
        population, base_logit=POPULATION.base_logit, person_cov=cov, night_cov=0.3 * cov, arousal_gain=1.0,
        site_sd=np.zeros(12),
    )  # fmt: skip


@pytest.fixture
def person():
    """One person with two nights, one of them with gaps and no lights-off mark."""
    rng = np.random.default_rng(5)
    population = rich_population()
    effect = 0.5 * rng.standard_normal(12) + 0.25 * rng.standard_normal((2, 12))
    stages = simulate_nights(population, effects=effect, uniforms=rng.random((2, 900)), n_epochs=900, arousal_rate=30.0)
    stages[1, 300:304] = -1
    stages[1, 500:560] = -1
    return population, effect, [window("a", stages[0], 0), window("b", stages[1], None)]


def test_counts_have_the_likelihood_of_the_sequence(person):
    population, effect, nights = person
    expected = 0.0
    for i, night in enumerate(nights):
        steps = night_steps(night.stages, lights_off_known=night.lights_off_known)
        expected += log_likelihood(log_odds(population, steps, effect=effect[i], arousal_rate=30.0), steps.to)
    assert counts_log_likelihood(population, count(nights), effect, 30.0) == pytest.approx(expected, rel=1e-12)


def test_the_compiled_operation_is_the_posterior_and_its_gradient(person):
    pytest.importorskip("pytensor")
    from braintwin.inference.transition_counts import evaluate

    population, _, nights = person
    given = task(population, nights, 4, Who(ahi=30.0), arousal_rate=30.0)
    data = list(given.data.values())
    rng = np.random.default_rng(0)
    z = rng.standard_normal(48)
    value, gradient = evaluate(*data, z)
    effect = given.data["mode"] + given.data["root"] @ z
    gap = effect - given.data["mean"]
    likelihood = counts_log_likelihood(population, count(nights), effect.reshape(4, 12)[:2], 30.0)
    assert value == pytest.approx(likelihood - gap @ given.data["precision"] @ gap / 2, rel=1e-10)
    direction = rng.standard_normal(48)
    ends = [evaluate(*data, z + sign * 1e-5 * direction)[0] for sign in (1, -1)]
    assert (ends[0] - ends[1]) / 2e-5 == pytest.approx(gradient @ direction, rel=1e-6, abs=1e-5)


def test_the_sampler_begins_at_the_mode_in_its_own_scale(person):
    from braintwin.inference.transition_counts import evaluate

    population, _, nights = person
    data = list(task(population, nights, 2, arousal_rate=30.0).data.values())
    best, slope = evaluate(*data, np.zeros(24))
    assert np.abs(slope).max() < 1e-4
    drop = [best - evaluate(*data, unit)[0] for unit in np.eye(24)]
    np.testing.assert_allclose(drop, 0.5, atol=0.12)


def test_a_far_longer_time_in_stage_changes_only_its_own_cells(person):
    population, effect, nights = person
    counts = count(nights)
    changed = replace(population, dwell_effect=population.dwell_effect.copy())
    changed.dwell_effect[8:12, 4] += 0.5
    mine = (counts.row == 2) & (counts.bins[:, 1] == 4)
    assert mine.any()
    kept = counts.cells(~mine)
    assert counts_log_likelihood(population, kept, effect) == counts_log_likelihood(changed, kept, effect)
    assert counts_log_likelihood(population, counts, effect) != counts_log_likelihood(changed, counts, effect)


def test_the_rem_clock():
    n2, rem = [2] * 10, [4] * 6
    stages = np.array([0, *n2, *rem, *n2, *rem, *[2] * 40, *rem])
    steps = night_steps(stages)
    name = dict(zip(steps.epoch.tolist(), (CLOCK_NAMES[c] for c in steps.clock_bin), strict=True))
    assert name[1] == CLOCK_NAMES[FIRST_OFFSET]
    assert name[11] == name[12] == CLOCK_NAMES[REM_OFFSET]
    assert name[17] == CLOCK_NAMES[0]
    # After five minutes the same episode goes on; after twenty another begins.
    assert name[27] == CLOCK_NAMES[REM_OFFSET + 2]
    assert name[73] == CLOCK_NAMES[REM_OFFSET]
    assert name[72] == "since 15-30"


def test_rem_load_is_rem_against_its_share():
    steps = night_steps(np.array([0, *[2] * 100, *[4] * 60, 2, 2]))
    # 100 epochs without REM: -10 min of load; 60 of REM bring 24 min more.
    np.testing.assert_array_equal(steps.load_bin[[1, 100, 160]], [3, 3, 4])


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
    assert (counts.row != BEFORE_ONSET).all()
    assert counts.total.sum() == 6
    known = count([window("a", stages, 5)])
    assert known.total[known.row == BEFORE_ONSET].sum() == 15


def test_a_night_of_wake_tells_of_the_latency_only():
    wake = np.zeros(100, int)
    counts = count([window("a", wake, 0)])
    np.testing.assert_array_equal(counts.row, [BEFORE_ONSET])
    np.testing.assert_array_equal(counts.total, [99])
    assert len(window("a", wake, None).stages) == 0


def test_first_bout_of_a_night_that_starts_asleep_is_left_out():
    np.testing.assert_array_equal(night_steps(np.array([2, 2, 2, 1, 1, 2])).epoch, [3, 4])


def test_arousals_raise_only_waking():
    steps = night_steps(np.array([0, 0, 1, 2, 3, 4, 0, 1, 1]))
    change = step_offsets(POPULATION, steps, 60.0) - step_offsets(POPULATION, steps, 0.0)
    asleep = (steps.row > 0) & (steps.row < N_STAGES)
    assert np.abs(change[~asleep]).max() == 0
    np.testing.assert_allclose(change[asleep, 0], np.log(2))
    assert np.abs(change[asleep, 1:]).max() == 0


def test_the_covariates_are_what_they_say():
    basis = time_basis()
    np.testing.assert_allclose(basis.T @ basis / len(basis), np.eye(3), atol=1e-12)
    np.testing.assert_allclose(basis.sum(axis=0), 0, atol=1e-12)
    table = dwell_table()
    np.testing.assert_array_equal(table[[1, 2, 3, 4, 5, 8, 9, 16, 17, 32, 33]], [0, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6])
    evening = steady_pressure()
    morning = evening * np.exp(-8 / 4.2)
    assert 1 - (1 - morning) * np.exp(-16 / 18.2) == pytest.approx(evening)
    assert [bucket(n) for n in (1, 2, 3, 4, 5, 9)] == [1, 2, 4, 4, 8, 16]
