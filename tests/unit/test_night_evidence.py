"""Marginal likelihood of nights, the person test, and the scores of simulated nights, against known answers."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from braintwin.inference.night_counts import counts_log_likelihood, tabulate
from braintwin.inference.night_evidence import Belief, night_evidence, prior_belief
from braintwin.inference.night_scores import crps, holm, predict_nights
from braintwin.inference.person_test import (
    PersonTest,
    choose_weight,
    mixture,
    nested_mixture,
    permutation_p,
    person_test,
    safe_twin,
)
from braintwin.models.nights_simulator import simulate_nights
from braintwin.models.population import Who, first_population, hashed

POPULATION = first_population()


def nights_of(effect, nights, seed, epochs=900):
    rng = np.random.default_rng(seed)
    effects = effect + POPULATION.night_sd * rng.standard_normal((nights, 12))
    stages = simulate_nights(POPULATION, effects=effects, uniforms=rng.random((nights, epochs)), n_epochs=epochs)
    return tabulate([(night, True) for night in stages])


@pytest.fixture(scope="module")
def counts():
    return nights_of(np.full(12, 0.2), 2, 3)


def test_evidence_is_the_integral_of_the_likelihood():
    """A short record and a narrow prior, where plain Monte-Carlo from the prior can be trusted."""
    short = nights_of(np.zeros(12), 1, 4, epochs=60)
    rng = np.random.default_rng(0)
    narrow = replace(POPULATION, person_cov=0.05 * np.eye(12), night_cov=0.02 * np.eye(12))
    found = night_evidence(narrow, short, prior_belief(narrow, Who()), rng=rng, draws=4000)
    drawn = np.sqrt(0.07) * rng.standard_normal((4000, 12))
    values = np.array([counts_log_likelihood(narrow, short, e[None]) for e in drawn])
    weight = np.exp(values - values.max())
    plain = values.max() + np.log(weight.mean())
    error = weight.std() / weight.mean() / np.sqrt(4000)
    assert found.log_probability == pytest.approx(plain, abs=4 * error + 0.01)
    assert found.ess > 2000


def test_night_after_night_is_all_at_once(counts):
    rng = np.random.default_rng(1)
    prior = prior_belief(POPULATION, Who())
    both = night_evidence(POPULATION, counts, prior, rng=rng, draws=4000)
    first = night_evidence(POPULATION, counts.of(0, 1), prior, rng=rng, draws=4000)
    then = night_evidence(POPULATION, counts.of(1, 2), first.belief, rng=rng, draws=4000)
    assert first.log_probability + then.log_probability == pytest.approx(both.log_probability, abs=0.25)
    sd = np.sqrt(np.diag(both.belief.cov))
    assert (np.abs(then.belief.mean - both.belief.mean) < 0.15 * sd + 4 * sd / np.sqrt(both.ess)).all()
    np.testing.assert_allclose(np.sqrt(np.diag(then.belief.cov)), sd, rtol=0.15)


def test_more_draws_agree(counts):
    prior = prior_belief(POPULATION, Who())
    few, many = (
        night_evidence(POPULATION, counts, prior, rng=np.random.default_rng(n), draws=n).log_probability
        for n in (400, 6000)
    )
    assert few == pytest.approx(many, abs=0.25)


def test_belief_draws_match_the_belief(counts):
    found = night_evidence(
        POPULATION, counts, prior_belief(POPULATION, Who()), rng=np.random.default_rng(2), draws=6000
    )
    sd = np.sqrt(np.diag(found.belief.cov))
    np.testing.assert_allclose(found.person.mean(axis=0), found.belief.mean, atol=0.1 * sd.max())
    np.testing.assert_allclose(found.person.std(axis=0), sd, rtol=0.1)


def test_a_single_night_decides_nothing(counts):
    found = person_test(POPULATION, counts.of(0, 1), Who(), rng=np.random.default_rng(0))
    assert (found.gains.size, found.verdict) == (0, "unknown")
    assert 0.5 < found.own_weight < 1


def test_somebody_far_from_the_population_gets_their_own_twin():
    far = np.where(np.arange(12) % 2, 0.9, -0.9)
    found = person_test(POPULATION, nights_of(far, 3, 5), Who(), rng=np.random.default_rng(0))
    assert found.verdict == "own"
    assert found.gains.mean() > 1
    assert found.ess > 50


def test_nights_of_different_people_under_one_name_speak_for_the_population():
    rng = np.random.default_rng(6)
    wide = replace(POPULATION, person_cov=POPULATION.person_cov * 4)
    verdicts = []
    for seed in range(6):
        people = [nights_of(0.8 * rng.standard_normal(12), 1, 10 * seed + i) for i in range(3)]
        mixed = people[0].pick([0])
        for other in people[1:]:
            mixed = join(mixed, other)
        verdicts.append(person_test(wide, mixed, Who(), rng=rng).verdict)
    assert verdicts.count("population") >= 4


def join(one, two):
    """Put the nights of two tables into one."""
    return type(one)(
        np.concatenate([one.bounds, two.bounds[1:] + one.bounds[-1]]),
        np.concatenate([one.owner, two.owner + len(one)]),
        *(np.concatenate([getattr(one, n), getattr(two, n)]) for n in ("row", "bins", "left", "total")),
    )


def test_mixtures_bound_the_loss_and_nested_weights_do_not_see_their_fold():
    assert mixture(-100.0, 0.8) == pytest.approx(np.log(0.2))
    assert choose_weight(np.full(10, 3.0)) == pytest.approx(0.95)
    assert choose_weight(np.full(10, -3.0)) == pytest.approx(0.05)
    gains = np.array([3.0] * 5 + [-3.0] * 5)
    _, weight = nested_mixture(gains, np.repeat([0, 1], 5))
    np.testing.assert_allclose(weight, [0.05] * 5 + [0.95] * 5)


def test_weight_follows_the_left_out_nights():
    assert PersonTest(np.array([2.0, 1.0]), 300.0).own_weight > 0.95
    bad = PersonTest(np.array([-2.0, -1.0]), 300.0)
    assert (bad.verdict, bad.own_weight < 0.15) == ("population", True)


def test_permutation_finds_a_diagonal_and_nothing_in_noise():
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((20, 20))
    assert permutation_p(noise + 3 * np.eye(20), rng, 999) == pytest.approx(0.001)
    assert permutation_p(noise - np.diag(np.diag(noise)), rng, 999) > 0.2


def test_a_safe_twin_has_its_share_of_both():
    rng = np.random.default_rng(0)
    own, others = POPULATION.draw(rng, 400), POPULATION.draw(rng, 400)
    mixed = safe_twin(own, others, 0.7)
    mine = (mixed.person_effect == own.person_effect).all(axis=1)
    assert mine.mean() == pytest.approx(0.7, abs=0.01)
    assert mine[::4].mean() == pytest.approx(0.7, abs=0.05)
    np.testing.assert_array_equal(safe_twin(own, others, 1.0).person_effect, own.person_effect)


def test_crps_of_a_normal_forecast():
    rng = np.random.default_rng(0)
    samples = rng.standard_normal((20_000, 3))
    at = np.array([0.0, 1.0, -2.5])
    expected = at * (2 * norm.cdf(at) - 1) + 2 * norm.pdf(at) - 1 / np.sqrt(np.pi)
    np.testing.assert_allclose(crps(samples, at), expected, atol=0.02)


def test_holm():
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03])), [0.03, 0.06, 0.06])


def test_predicted_nights_begin_asleep_where_lights_off_is_unknown():
    rng = np.random.default_rng(0)
    for known in (False, True):
        stages = predict_nights(POPULATION, np.zeros((50, 12)), Who(), n_epochs=100, lights_off_known=known, rng=rng)
        assert ((stages[:, 1] > 0).all()) == (not known)


def test_people_who_were_learned_from_get_the_variant_without_them():
    row = POPULATION.packed()
    learned = replace(POPULATION, left_out=np.stack([row, row + 0.1]), trained={hashed("a"): 1, hashed("b"): 7})
    assert learned.for_person("stranger") is learned
    np.testing.assert_allclose(learned.for_person("a").time_effect, 0.1)
    with pytest.raises(KeyError, match="fold 7"):
        learned.for_person("b")


def test_what_is_known_of_a_person_moves_and_widens_the_prior():
    some = replace(
        POPULATION, covariate_effect=np.ones((3, 12)), sites=("here",), site_effect=np.full((1, 12), 0.5),
        site_person_cov=3 * POPULATION.person_cov[None], site_night_cov=2 * POPULATION.night_cov[None],
        site_sd=np.full(12, 0.3),
    )  # fmt: skip
    assert some.person_mean(Who(60, "M", None, "here")) == pytest.approx(np.full(12, 1 + 0.5 + 0.5))
    assert some.person_mean(Who()) == pytest.approx(np.zeros(12))
    there, here = (np.diag(some.person_covariance(Who(site=site))) for site in ("there", "here"))
    np.testing.assert_allclose(there, POPULATION.person_sd**2 + 0.09)
    np.testing.assert_allclose(here, 3 * POPULATION.person_sd**2)
    np.testing.assert_allclose(some.people_of("there"), POPULATION.person_cov)
    assert isinstance(prior_belief(some, Who()), Belief)
