"""Ranking against its definitions, written out by hand."""

import numpy as np
import pytest

from braintwin.contracts.simulate import OUTCOMES
from braintwin.treatment.decision import acceptability
from braintwin.treatment.personal import divergence, personalisation
from braintwin.treatment.ranking import rank, rank_mass
from braintwin.treatment.utility import components, weight_factors

UTILITY = np.array([[0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 3.0, -1.0], [2.0, 1.0, 3.5, 1.0], [9.0, 9.0, 9.0, 9.0]])
CANDIDATE = np.array([True, True, True, False])


def test_statistics_by_hand() -> None:
    found = rank(UTILITY, CANDIDATE, mcid=0.6, near_tie_probability=0.3)
    np.testing.assert_allclose(found.expected_utility, [0, 1.25, 1.875, 9])
    np.testing.assert_allclose(found.p_best, [0, 0.25, 0.75, 0])
    np.testing.assert_allclose(found.expected_regret[:3], [2.125, 0.875, 0.25])
    # mean ranks 2.75, 2, 1.25 of 3
    np.testing.assert_allclose(found.sucra[:3], [0.125, 0.5, 0.875])
    assert np.isnan(found.sucra[3])
    np.testing.assert_allclose(found.rank_probability[1], [0.25, 0.5, 0.25, 0])
    np.testing.assert_allclose(found.rank_probability[3], 0)
    # treatment 1 is within 0.6 of treatment 2 in draws 2 and 3; no change never is
    assert found.near_tie.tolist() == [False, True, True, False]
    assert found.order.tolist() == [2, 1, 0, 3]
    np.testing.assert_allclose(found.utility_mcse, UTILITY.std(axis=1, ddof=1) / 2)


def test_ties_share_their_ranks() -> None:
    mass = rank_mass(np.array([[1.0], [1.0], [0.0]]))[0]
    np.testing.assert_allclose(mass, [[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 1]])


def test_best_by_regret_is_best_by_expected_utility() -> None:
    utility = np.random.default_rng(1).normal(size=(9, 50))
    found = rank(utility, np.ones(9, bool), mcid=1, near_tie_probability=0.2)
    assert np.argmin(found.expected_regret) == np.argmax(found.expected_utility) == found.order[0]


def test_utility_is_the_weighted_change_against_no_change() -> None:
    outcome = np.zeros((2, 3, len(OUTCOMES)))
    outcome[1, :, OUTCOMES.index("TST")] = 30
    outcome[1, :, OUTCOMES.index("WASO")] = -10
    weights = {"TST": 1 / 15, "WASO": -0.1, "harm": -1.0, "burden": -0.5}
    names, part = components(outcome, 0, np.array([[0.0] * 3, [0.4] * 3]), np.array([0.0, 0.2]), weights)
    assert names == tuple(weights)
    np.testing.assert_allclose(part.sum(axis=0), [[0] * 3, [2 + 1 - 0.4 - 0.1] * 3])
    with pytest.raises(ValueError, match="weight 'SWS' names no outcome"):
        components(outcome, 0, np.zeros((2, 3)), np.zeros(2), {"SWS": 1.0})


def test_weight_sensitivity_knows_dominance_and_doubt() -> None:
    factors = weight_factors(("a", "b"), 4000, 4.0, np.random.default_rng(0))
    np.testing.assert_allclose(factors.mean(axis=0), 1, atol=0.02)
    part = np.array([[[0.0], [1.0], [0.5]], [[0.0], [0.0], [0.5]]])
    share = acceptability(part, factors, np.array([True, True, True]))[:, 0]
    # component a at twice b's weight or so decides between the second and the third: an even match
    np.testing.assert_allclose(share, [0, 0.5, 0.5], atol=0.03)
    assert acceptability(part, factors, np.array([True, False, True]))[:, 0].tolist() == [0, 0, 1]


def test_divergence_is_zero_for_equals_and_one_for_strangers() -> None:
    p = np.array([[1.0, 0], [0, 1]])
    assert divergence(p, p) == 0
    assert divergence(p, p[::-1]) == 1
    q = np.array([[0.5, 0.5], [0.5, 0.5]])
    # JS((1,0), (.5,.5)) = 1.5 - .75 log2 3
    assert divergence(p, q) == pytest.approx(1.5 - 0.75 * np.log2(3))


def test_null_of_the_index_holds_its_level() -> None:
    """People of whom nothing is known exceed the null in 5 % of cases: 400 trials, exact binomial band of 99.9 %."""
    rng = np.random.default_rng(11)
    exceed = 0
    for _ in range(400):
        shared = rng.normal(size=(4, 60))
        own, others = shared + rng.normal(size=(4, 60)), shared + rng.normal(size=(4, 60))
        exceed += personalisation(own, others, permutations=100, rng=rng).personal
    assert 7 <= exceed <= 37


def test_a_person_unlike_the_population_is_personal_and_gains() -> None:
    rng = np.random.default_rng(3)
    shared = rng.normal(size=(3, 200))
    found = personalisation(
        shared + np.array([[0], [0], [3.0]]), shared + np.array([[3.0], [0], [0]]), permutations=100, rng=rng
    )
    assert found.personal
    assert found.gain == pytest.approx(3, abs=0.5)
