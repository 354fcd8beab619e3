"""Laws of the simulated night: the published chain, the likelihood's hazards, coupling by common random numbers."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from braintwin.contracts.night import GROUPS
from braintwin.contracts.simulate import OUTCOMES
from braintwin.models.hypnogram import log_odds
from braintwin.models.night_history import night_steps
from braintwin.models.nights_simulator import CDF_ORDER, simulate_nights
from braintwin.models.outcomes import outcomes
from braintwin.models.population import BASE_COUNTS, Population, first_population

POPULATION = first_population()
NONE = np.zeros((1, len(GROUPS)))


def random_population(seed: int) -> Population:
    """A population in which every quantity of the history matters."""
    rng = np.random.default_rng(seed)
    row = POPULATION.packed()
    changed = POPULATION.unpacked(row + 0.3 * rng.standard_normal(row.size))
    return replace(changed, person_cov=POPULATION.person_cov, night_cov=POPULATION.night_cov, arousal_gain=1.0)


def test_base_rates_give_the_published_night():
    stages = simulate_nights(
        POPULATION, effects=NONE, uniforms=np.random.default_rng(1).random((6000, 960)), n_epochs=960
    )
    mean = dict(zip(OUTCOMES, outcomes(stages).mean(axis=0), strict=True))
    assert mean["SOL"] == pytest.approx(15, abs=2)
    assert mean["WASO"] == pytest.approx(79, abs=2)
    assert mean["TST"] == pytest.approx(386, abs=2)
    assert mean["SE"] == pytest.approx(80, abs=2)
    share = [100 * mean[name] / mean["TST"] for name in ("N1", "N2", "N3", "REM")]
    np.testing.assert_allclose(share, [16, 49, 17, 18], atol=1.5)


def test_long_nights_settle_at_the_stationary_distribution():
    counts = np.array(BASE_COUNTS, float)
    chain = counts / counts.sum(axis=1, keepdims=True)
    values, vectors = np.linalg.eig(chain.T)
    stationary = np.real(vectors[:, np.argmax(np.real(values))])
    stationary /= stationary.sum()
    stages = simulate_nights(
        POPULATION, effects=NONE, uniforms=np.random.default_rng(2).random((200, 20_000)), n_epochs=20_000
    )
    seen = np.bincount(stages[:, 2_000:].ravel(), minlength=5) / stages[:, 2_000:].size
    np.testing.assert_allclose(seen, stationary, atol=0.004)


@settings(max_examples=15)
@given(st.integers(0, 2**31), st.floats(0, 80))
def test_the_simulator_uses_the_hazards_of_the_likelihood(seed, arousal_rate):
    population = random_population(seed)
    effect = 0.5 * np.random.default_rng(seed).standard_normal((1, len(GROUPS)))
    uniforms = np.random.default_rng(seed + 1).random((1, 700))
    stages = simulate_nights(population, effects=effect, uniforms=uniforms, n_epochs=700, arousal_rate=arousal_rate)[0]
    steps = night_steps(stages)
    assert len(steps.epoch) == 699
    odds = np.exp(log_odds(population, steps, arousal_rate=arousal_rate, effect=effect[0]))
    order = np.array(CDF_ORDER)
    cumulative = np.cumsum(odds[:, order] / odds.sum(axis=1, keepdims=True), axis=1)
    expected = order[(uniforms[0, steps.epoch][:, None] >= cumulative[:, :-1]).sum(axis=1)]
    np.testing.assert_array_equal(expected, steps.to)


@settings(max_examples=10)
@given(st.integers(0, 2**31))
def test_a_night_does_not_depend_on_its_neighbours(seed):
    rng = np.random.default_rng(seed)
    draws = POPULATION.draw(rng, 4)
    uniforms = rng.random((12, 300))
    lengths = rng.integers(1, 301, 4)
    together = simulate_nights(POPULATION, effects=draws.person_effect, uniforms=uniforms, n_epochs=lengths)
    for i in range(12):
        alone = simulate_nights(
            POPULATION, effects=draws.person_effect[i // 3], uniforms=uniforms[i : i + 1],
            n_epochs=int(lengths[i // 3]),
        )  # fmt: skip
        np.testing.assert_array_equal(alone[0], together[i])
        assert (together[i] == -1).sum() == 300 - lengths[i // 3]
        assert (together[i, : lengths[i // 3]] >= 0).all()


@pytest.mark.parametrize(
    ("group", "outcome", "sign"),
    [("onset", "SOL", -1), ("n23_w", "WASO", 1), ("w_n1", "WASO", -1), ("n2_n3", "N3", 1), ("nrem_r", "REM", 1)],
)
def test_a_group_moves_its_outcome(group, outcome, sign):
    uniforms = np.random.default_rng(3).random((1500, 960))
    shifted = NONE.copy()
    shifted[0, GROUPS.index(group)] = 0.3
    column = OUTCOMES.index(outcome)
    base, moved = (
        outcomes(simulate_nights(POPULATION, effects=e, uniforms=uniforms, n_epochs=960))[:, column]
        for e in (NONE, shifted)
    )
    difference = sign * (moved - base)
    assert difference.mean() > 5 * difference.std() / np.sqrt(len(difference))


def test_common_random_numbers_couple_treatments():
    rng = np.random.default_rng(4)
    uniforms, fresh = rng.random((2000, 960)), rng.random((2000, 960))
    shifted = NONE.copy()
    shifted[0, GROUPS.index("n23_w")] = -0.1
    column = OUTCOMES.index("WASO")
    base, same, other = (
        outcomes(simulate_nights(POPULATION, effects=e, uniforms=u, n_epochs=960))[:, column]
        for e, u in ((NONE, uniforms), (shifted, uniforms), (shifted, fresh))
    )
    assert np.std(same - base) < 0.5 * np.std(other - base)


def test_draws_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="effects"):
        simulate_nights(POPULATION, effects=np.zeros((5, 12)), uniforms=np.zeros((12, 10)), n_epochs=10)
    with pytest.raises(ValueError, match="n_epochs"):
        simulate_nights(POPULATION, effects=NONE, uniforms=np.zeros((12, 10)), n_epochs=11)
    with pytest.raises(ValueError, match="expected"):
        simulate_nights(POPULATION, effects=np.zeros((1, 11)), uniforms=np.zeros((12, 10)), n_epochs=10)
