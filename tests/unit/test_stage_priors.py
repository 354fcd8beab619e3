"""The rule by which stage priors are refitted: a population is found, and silence changes nothing."""

import numpy as np
import pytest

from braintwin.contracts.stages import STAGES
from braintwin.inference.stage_priors import PEOPLE, Normal, refit, refit_share
from braintwin.models import parameters as published
from braintwin.models import sleep_priors

WEAK = Normal(0.0, 1.0)


def fits(rng, people, mean, sd, error):
    """Return posterior means and sds under WEAK of people of a population, each seen with an error."""
    true = rng.normal(mean, sd, people)
    seen = true + error * rng.standard_normal(people)
    precision = 1 / WEAK.sd**2 + 1 / error**2
    return (WEAK.mean / WEAK.sd**2 + seen / error**2) / precision, np.full(people, precision**-0.5)


def test_many_people_are_found_where_they_are():
    found = refit(WEAK, WEAK, *fits(np.random.default_rng(1), 400, 1.5, 0.4, 0.3))
    assert found.mean == pytest.approx(1.5, abs=0.1)
    assert found.sd == pytest.approx(0.4, abs=0.1)
    assert found.people == 400


def test_the_next_person_is_covered():
    """Of people drawn from a population that was learned from a dozen, nine in ten lie in the 90 % interval."""
    rng, inside = np.random.default_rng(2), []
    for _ in range(400):
        middle = rng.normal(0, 1)
        found = refit(WEAK, WEAK, *fits(rng, 12, middle, 0.5, 0.3))
        inside.append(abs(rng.normal(middle, 0.5) - found.mean) < 1.645 * found.sd)
    assert 0.86 < np.mean(inside) <= 1.0


def test_a_fit_that_only_repeats_its_prior_changes_nothing():
    assert refit(WEAK, Normal(3.0, 0.5), np.array([3.0, 3.01]), np.array([0.5, 0.499])) == WEAK
    assert refit_share((1.2, 20.0), np.array([]), np.array([])) == (1.2, 20.0)


def test_the_prior_of_a_fit_is_not_counted_again():
    """The same spectra fitted under another prior give the same answer."""
    rng = np.random.default_rng(3)
    seen, other = rng.normal(1.0, 0.5, 10), Normal(-2.0, 0.7)

    def fitted(prior):
        precision = 1 / prior.sd**2 + 1 / 0.2**2
        return (prior.mean / prior.sd**2 + seen / 0.2**2) / precision, np.full(10, precision**-0.5)

    one, two = refit(WEAK, WEAK, *fitted(WEAK)), refit(WEAK, other, *fitted(other))
    assert one.mean == pytest.approx(two.mean, abs=1e-6)
    assert one.sd == pytest.approx(two.sd, abs=1e-6)


def test_one_person_moves_a_prior_by_a_fifth_and_does_not_narrow_it():
    found = refit(WEAK, WEAK, np.array([2.0]), np.array([0.05]))
    assert found.mean == pytest.approx(2.0 / (PEOPLE + 1), rel=0.05)
    assert found.sd >= WEAK.sd


def test_shares_keep_a_density_that_is_finite_at_zero():
    a, b = refit_share((1.0, 40.0), np.array([0.10, 0.14, 0.12]), np.array([0.02, 0.02, 0.02]))
    assert a >= 1
    assert 1 / 41 < a / (a + b) < 0.12
    assert refit_share((1.0, 40.0), np.array([0.0, 0.3]), np.array([0.0, 0.0])) == (1.0, 40.0)


def test_stages_of_one_person_stay_as_wide_as_published():
    for stage in STAGES:
        weak, now = (module.STAGE_PRIORS[stage].unbounded() for module in (published, sleep_priors))
        for name in "XYZ":
            assert abs(now[name][0] - weak[name][0]) < 1.2 * weak[name][1], (stage, name)
            if stage in ("N1", "N2", "R"):
                assert now[name][1] > 0.95 * weak[name][1], (stage, name)
