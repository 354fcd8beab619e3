"""The pieces of a trial's fit: its design, its evidence, its forecasts and scores."""

import numpy as np
import pytest

from braintwin.contracts.night import GROUPS
from braintwin.inference.night_evidence import Belief, weigh
from braintwin.inference.trial import SIZE, Member, Prior, members
from braintwin.inference.trial_fit import OperatorFit, fit_operators
from braintwin.inference.trial_forecast import RIVALS, foretell, stacked_prior, weigh_nights
from braintwin.inference.trial_scores import (
    SCORED,
    foretell_all,
    mean_interval,
    observed_change,
    paired_interval,
    sleep_period,
    summary,
)
from braintwin.models.population import first_population
from made_trials import made_trial, shift_of

POPULATION = first_population()
WAKE_LESS = shift_of({"n1_w": -0.8, "n23_w": -0.8, "r_w": -0.8})


@pytest.fixture(scope="module")
def trial() -> list[Member]:
    nights = made_trial(POPULATION, WAKE_LESS, people=8, rng=np.random.default_rng(1), epochs=800)
    return members(nights, ["drug"], POPULATION)


def test_the_design_says_who_was_treated_when(trial: list[Member]) -> None:
    assert [member.treated.tolist() for member in trial[:2]] == [[False, True], [True, False]]
    design = trial[0].design
    assert design.shape == (2 * SIZE, 2 * SIZE)
    assert design[:SIZE, SIZE:].sum() == 0
    assert np.array_equal(design[SIZE:, SIZE:], np.eye(SIZE))
    cov = trial[0].covariance(np.full(SIZE, 0.2))
    assert np.allclose(cov, cov.T)
    gap = cov[SIZE:, SIZE:] - cov[:SIZE, :SIZE]
    assert np.allclose(gap, 0.04 * np.eye(SIZE))


def test_a_family_is_the_generalised_mean_of_its_groups() -> None:
    mean, cov = np.zeros(2 * SIZE), np.eye(2 * SIZE) * 0.04
    for name, value in (("n1_w", -0.3), ("n23_w", -0.1), ("r_w", -0.2)):
        mean[SIZE + GROUPS.index(name)] = value
    fit = OperatorFit(mean, cov, np.zeros(SIZE), 0.3, 5, 5, 5)
    assert fit.family("wake entry") == pytest.approx((-0.2, 0.2 / np.sqrt(3)))
    assert fit.contraction == pytest.approx(1 - 0.04 / 0.09)


def test_evidence_of_stacked_nights_is_that_of_the_person_model(trial: list[Member]) -> None:
    member = trial[0]
    belief = Belief(member.mean[:SIZE], member.person_cov)
    theirs = weigh(
        member.counts, member.offset, belief, np.zeros((2, SIZE)), member.night_cov, np.random.default_rng(0), 4000
    )
    ours, ess, effects = weigh_nights(
        member.counts, member.offset, member.mean, member.covariance(np.zeros(SIZE)), np.random.default_rng(1), 4000
    )
    assert ours == pytest.approx(theirs.log_probability, abs=0.15)
    assert ess > 500
    assert effects.shape == (4000, 2 * SIZE)


def test_rivals_know_what_they_are_told(trial: list[Member]) -> None:
    fit = fit_operators(trial, Prior())
    treated = slice(SIZE, None)
    means = {name: stacked_prior(trial[0], fit, name) for name in RIVALS}
    assert np.allclose(means["own"][0][treated] - means["no change"][0][treated], fit.operator)
    assert np.allclose(means["mean"][0], means["own"][0])
    variance = {name: np.diag(cov)[treated].mean() for name, (_, cov) in means.items()}
    assert variance["no change"] == pytest.approx(variance["mean"])
    assert variance["own"] > variance["mean"]
    own = foretell(trial[0], 1, fit, "own", np.random.default_rng(4))
    wide = foretell(trial[0], 1, fit, "population", np.random.default_rng(4))
    assert own.effect.std(axis=0).mean() < wide.effect.std(axis=0).mean()
    again = foretell(trial[0], 1, fit, "own", np.random.default_rng(4))
    assert own.log_probability == again.log_probability


def test_treated_nights_are_foretold_and_scored(trial: list[Member]) -> None:
    nights = foretell_all(trial, POPULATION, Prior(), rng=np.random.default_rng(2), draws=300)
    assert len(nights) == len(trial)
    found = summary(nights, np.random.default_rng(3))
    assert found["people"] == 8
    assert set(found["outcomes"]) == set(SCORED)
    waso = found["outcomes"]["WASO"]
    assert waso["expected_change"] < -5
    assert set(waso["crps"]) == {*RIVALS, "shifted"}
    assert all(0 <= value <= 1 for value in waso["coverage_90"].values())
    change = np.mean([observed_change(member)[0] for member in trial])
    assert waso["observed_change"][0] == pytest.approx(change)


def test_outcomes_of_the_sleep_period() -> None:
    night = np.array([[0, 2, 2, 0, 0, 3, 4, 1, 2, 2]], dtype=np.int8)
    values = dict(zip(SCORED, sleep_period(night)[0], strict=True))
    assert values["WASO"] == 1.0
    assert values["TST"] == 3.5
    assert values["efficiency"] == pytest.approx(100 * 3.5 / 4.5)
    assert values["N2 share"] == pytest.approx(100 * 4 / 7)
    assert values["awakenings"] == 1


def test_intervals_over_people() -> None:
    mean, low, high = mean_interval(np.array([1.0, 2.0, 3.0]))
    assert (mean, low, high) == pytest.approx((2.0, 2 - 4.302653 / np.sqrt(3), 2 + 4.302653 / np.sqrt(3)), abs=1e-5)
    mean, low, high = paired_interval(np.full(6, 0.4), np.random.default_rng(0))
    assert (mean, low, high) == pytest.approx((0.4, 0.4, 0.4))


def test_a_trial_without_both_kinds_of_nights_is_refused(trial: list[Member]) -> None:
    untreated = members([n for m in trial for n in m.nights if n.condition == "placebo"], ["drug"], POPULATION)
    with pytest.raises(ValueError, match="0 of 8 nights are treated"):
        fit_operators(untreated, Prior())
