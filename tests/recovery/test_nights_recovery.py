"""People simulated from the population are recovered by the twin that is fitted with it."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import binom

from braintwin.contracts.night import GROUPS
from braintwin.inference.diagnose import ess, rhat
from braintwin.inference.nights import DIMS, compile_nights, fit_person, window
from braintwin.models.nights_simulator import simulate_nights
from braintwin.models.population import first_population

POPULATION = first_population()
PEOPLE, NIGHTS, EPOCHS = 8, 2, 960
SAMPLING = {"chains": 4, "tune": 500, "draws": 1000}

pytestmark = pytest.mark.slow


@dataclass
class Fit:
    """Truth and posterior of one person."""

    effect: np.ndarray
    person: np.ndarray
    posterior: object
    stats: object


@pytest.fixture(scope="module")
def compiled():
    return compile_nights(POPULATION, NIGHTS)


@pytest.fixture(scope="module")
def cohort(compiled):
    rng = np.random.default_rng(11)
    people = POPULATION.draw(rng, PEOPLE)
    fits = []
    for i in range(PEOPLE):
        effect = people.person_effect[i] + people.night_sd[i] * rng.standard_normal((NIGHTS, len(GROUPS)))
        stages = simulate_nights(POPULATION, effects=effect, uniforms=rng.random((NIGHTS, EPOCHS)), n_epochs=EPOCHS)
        nights = [window(f"night-{j}", night, 0) for j, night in enumerate(stages)]
        posterior, stats = fit_person(compiled, POPULATION, nights, seed=100 + i, **SAMPLING)
        fits.append(Fit(effect, people.person_effect[i], posterior, stats))
    return fits


def covered(truth, draws):
    low, high = np.quantile(draws, [0.05, 0.95], axis=(0, 1))
    return (truth >= low) & (truth <= high)


def assert_compatible_with_90_percent(hits):
    n, k = hits.size, int(hits.sum())
    assert binom.cdf(k, n, 0.9) > 0.005, f"{k} of {n}"
    assert binom.sf(k - 1, n, 0.9) > 0.005, f"{k} of {n}"


def test_intervals_of_night_and_person_effects_cover_the_truth(cohort):
    # The two nights of a person share the person's effect, so that the counts vary more than a binomial: .005 a side.
    night = []
    for f in cohort:
        drawn = (f.posterior["person_effect"] + f.posterior["night_effect"]).transpose(
            "chain", "draw", "night", "group"
        )
        night.append(covered(f.effect, drawn.values))
    assert_compatible_with_90_percent(np.array(night))
    assert_compatible_with_90_percent(
        np.array([covered(f.person, f.posterior["person_effect"].values) for f in cohort])
    )


def test_effects_are_learned_and_not_only_covered(cohort):
    estimate = np.array([f.posterior["person_effect"].mean(("chain", "draw")).values for f in cohort])
    truth = np.array([f.person for f in cohort])
    error = np.sqrt(((estimate - truth) ** 2).mean(axis=0))
    learned = [GROUPS.index(name) for name in ("w_n1", "n23_w", "n1_n2", "n2_n1", "n3_n2")]
    assert error[learned].mean() < 0.85 * np.sqrt((truth[:, learned] ** 2).mean())


def test_chains_agree_and_are_long_enough(cohort):
    good = 0
    for f in cohort:
        worst, least = 0.0, np.inf
        for name in DIMS:
            values = f.posterior[name].values
            for column in values.reshape(*values.shape[:2], -1).transpose(2, 0, 1):
                if np.ptp(column) > 0:
                    worst = max(worst, rhat(column))
                    least = min(least, ess(column), ess(column, "tail"))
        assert worst < 1.02
        assert least >= 400
        assert not f.stats["diverging"].any()
        good += worst <= 1.01
    assert good >= PEOPLE - 2


def test_no_effect_in_no_effect_out(compiled):
    rng = np.random.default_rng(12)
    stages = simulate_nights(
        POPULATION, effects=np.zeros((1, len(GROUPS))), uniforms=rng.random((2 * NIGHTS, EPOCHS)), n_epochs=EPOCHS
    )
    hits = []
    for i in range(2):
        nights = [window(f"night-{j}", stages[2 * i + j], 0) for j in range(NIGHTS)]
        posterior, _ = fit_person(compiled, POPULATION, nights, seed=i, **SAMPLING)
        hits.append(covered(np.zeros(len(GROUPS)), posterior["person_effect"].values))
    assert np.mean(hits) >= 0.9
