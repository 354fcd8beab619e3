"""Operators that were put into a trial come out of it, covered by their intervals; where none was, none comes out."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from braintwin.contracts.night import GROUPS
from braintwin.inference.trial import Prior, members
from braintwin.inference.trial_fit import fit_operators
from braintwin.io.population import packaged_population, read_population
from made_trials import made_trial, shift_of

POPULATION = read_population(packaged_population())
HYPNOTIC = shift_of({"n1_w": -0.4, "n23_w": -0.4, "r_w": -0.4, "w_n1": 0.3, "n3_n2": -0.3, "nrem_r": 0.3})


def standardised(operator: np.ndarray, seed: int, **how: object) -> np.ndarray:
    rng = np.random.default_rng(seed)
    fit = fit_operators(members(made_trial(POPULATION, operator, rng=rng, **how), ["drug"], POPULATION), Prior())
    return (fit.operator - operator) / np.sqrt(np.diag(fit.operator_cov))


@pytest.mark.parametrize("parallel", [False, True])
def test_operators_from_the_prior_are_covered(parallel: bool) -> None:
    rng, found = np.random.default_rng(3), []
    for seed in range(5):
        operator = 0.3 * rng.standard_normal(len(GROUPS))
        study = np.maximum(POPULATION.site_sd, 0.1) * rng.standard_normal(len(GROUPS))
        found.append(standardised(operator, seed, people=20, spread=0.15, parallel=parallel, study=study))
    z = np.concatenate(found)
    inside = int((np.abs(z) < 1.645).sum())
    assert binom.ppf(0.001, z.size, 0.9) <= inside
    assert 0.75 < z.std() < 1.25
    assert abs(z.mean()) < 0.35


def test_a_known_hypnotic_is_found_where_it_acts() -> None:
    rng = np.random.default_rng(8)  # 120 people: half of the pooled family of lightening does not act, -.15 are left
    nights = made_trial(POPULATION, HYPNOTIC, people=120, rng=rng)
    fit = fit_operators(members(nights, ["drug"], POPULATION), Prior())
    for family, sign in (("wake entry", -1), ("wake exit", 1), ("lightening", -1), ("REM entry", 1)):
        mean, sd = fit.family(family)
        assert sign * mean > 1.645 * sd, family
    mean, sd = fit.family("wake entry")
    assert abs(mean + 0.4) < 2.6 * sd


def test_a_treatment_that_does_nothing_has_no_operators() -> None:
    found = [standardised(np.zeros(len(GROUPS)), 20 + seed, people=20) for seed in range(4)]
    z = np.concatenate(found)
    assert int((np.abs(z) < 1.645).sum()) >= binom.ppf(0.001, z.size, 0.9)
    assert abs(z.mean()) < 0.35


def test_conditions_that_were_swapped_at_random_leave_nothing() -> None:
    nights = made_trial(POPULATION, HYPNOTIC, people=40, rng=np.random.default_rng(5))
    real = fit_operators(members(nights, ["drug"], POPULATION), Prior())
    rng, dealt = np.random.default_rng(6), []
    for _ in range(4):
        # Of each pair of nights, which one is called treated is a toss: as many people keep their labels as not.
        swap = dict(zip(range(40), rng.permutation(np.arange(40) % 2 == 0), strict=True))
        names = {"drug": "placebo", "placebo": "drug"}
        labels = [names[n.condition] if swap[int(n.person[5:])] else n.condition for n in nights]
        shuffled = [replace(n, condition=label) for n, label in zip(nights, labels, strict=True)]
        dealt.append(fit_operators(members(shuffled, ["drug"], POPULATION), Prior()))
    acts = HYPNOTIC != 0
    size = np.mean([np.abs(fit.operator[acts] * np.sign(HYPNOTIC[acts])).mean() for fit in dealt])
    along = np.mean([(fit.operator[acts] * np.sign(HYPNOTIC[acts])).mean() for fit in dealt])
    assert (real.operator[acts] * np.sign(HYPNOTIC[acts])).mean() > 0.2
    assert abs(along) < 0.06
    assert size < 0.15


def test_people_who_differ_widen_the_spread() -> None:
    spreads = []
    for sd in (0.0, 0.6):
        nights = made_trial(POPULATION, HYPNOTIC, people=80, rng=np.random.default_rng(9), spread=sd)
        spreads.append(fit_operators(members(nights, ["drug"], POPULATION), Prior()).spread[1:])
    assert spreads[1].mean() > spreads[0].mean() + 0.1
    assert spreads[0].mean() < 0.2
