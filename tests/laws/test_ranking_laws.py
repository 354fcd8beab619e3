"""What must hold of any ranking, whatever the numbers."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from braintwin.treatment.ranking import Ranking, rank, rank_mass, sucra

UTILITIES = arrays(np.int64, st.tuples(st.integers(2, 7), st.integers(2, 12)), elements=st.integers(-40, 40))
"""Integers, halved: sums are exact, so that a tie stays a tie."""

COMMON = settings(max_examples=60)


def ranked(utility: np.ndarray, candidate: np.ndarray) -> Ranking:
    return rank(utility, candidate, mcid=1.0, near_tie_probability=0.2)


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    utility = draw(UTILITIES) / 2
    candidate = np.array(draw(st.lists(st.booleans(), min_size=len(utility), max_size=len(utility))))
    candidate[0] = True
    return utility, candidate


@given(cases(), st.integers(-64, 64))
@COMMON
def test_a_constant_changes_no_rank(case: tuple[np.ndarray, np.ndarray], constant: int) -> None:
    utility, candidate = case
    before, after = ranked(utility, candidate), ranked(utility + constant, candidate)
    np.testing.assert_array_equal(before.rank_probability, after.rank_probability)
    np.testing.assert_array_equal(before.near_tie, after.near_tie)
    np.testing.assert_allclose(before.expected_regret, after.expected_regret, atol=1e-9)


@given(cases(), st.sampled_from([0.5, 2.0, 1024.0]))
@COMMON
def test_the_unit_of_utility_changes_no_rank(case: tuple[np.ndarray, np.ndarray], unit: float) -> None:
    utility, candidate = case
    before, after = ranked(utility, candidate), ranked(utility * unit, candidate)
    np.testing.assert_array_equal(before.rank_probability, after.rank_probability)
    np.testing.assert_array_equal(before.order, after.order)


@given(cases(), st.randoms(use_true_random=False))
@COMMON
def test_relabelling_treatments_relabels_the_result(case: tuple[np.ndarray, np.ndarray], random: object) -> None:
    utility, candidate = case
    order = np.arange(len(utility))
    random.shuffle(order)  # type: ignore[attr-defined]
    before, after = ranked(utility, candidate), ranked(utility[order], candidate[order])
    for name in ("expected_utility", "p_best", "expected_regret", "sucra", "rank_probability", "utility_quantile"):
        np.testing.assert_allclose(getattr(after, name), getattr(before, name)[order], atol=1e-12, err_msg=name)


@given(cases(), st.randoms(use_true_random=False))
@COMMON
def test_the_order_of_draws_does_not_matter(case: tuple[np.ndarray, np.ndarray], random: object) -> None:
    utility, candidate = case
    order = np.arange(utility.shape[1])
    random.shuffle(order)  # type: ignore[attr-defined]
    before, after = ranked(utility, candidate), ranked(utility[:, order], candidate)
    np.testing.assert_allclose(after.rank_probability, before.rank_probability, atol=1e-12)


@given(cases())
@COMMON
def test_a_treatment_that_may_not_lead_never_leads(case: tuple[np.ndarray, np.ndarray]) -> None:
    utility, candidate = case
    found = ranked(utility, candidate)
    assert candidate[found.order[0]]
    assert (found.p_best[~candidate] == 0).all()
    assert not found.near_tie[~candidate].any()
    assert np.isclose(found.p_best.sum(), 1)
    np.testing.assert_allclose(found.rank_probability[candidate].sum(axis=1), 1)
    assert (found.expected_regret[candidate] >= 0).all()


@given(UTILITIES)
@COMMON
def test_sucra_averages_one_half_and_rank_mass_is_doubly_stochastic(utility: np.ndarray) -> None:
    mass = rank_mass(utility / 2)
    np.testing.assert_allclose(mass.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(mass.sum(axis=2), 1, atol=1e-12)
    assert np.isclose(sucra(mass.mean(axis=0)).mean(), 0.5)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_doubling_the_error_of_trials_widens_ranks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    means, noise = np.linspace(0, 3, 6)[:, None], rng.normal(size=(6, 500))

    def entropy(scale: float) -> float:
        p = ranked(means + scale * noise, np.ones(6, bool)).rank_probability
        return float(-(p * np.log(np.where(p > 0, p, 1))).sum())

    assert entropy(1.0) > entropy(0.5) > entropy(0.25)
