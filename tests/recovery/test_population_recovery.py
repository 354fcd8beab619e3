"""A population that nights were simulated from is found again by empirical Bayes."""

from dataclasses import replace

import numpy as np
import pytest

from braintwin.contracts.night import GROUPS
from braintwin.inference.population_cohort import cohort
from braintwin.inference.population_fit import learn
from braintwin.inference.training import TrainingNight
from braintwin.models.night_history import DWELL_NAMES
from braintwin.models.nights_simulator import simulate_nights
from braintwin.models.population import Who, first_population

PEOPLE, NIGHTS, EPOCHS = 240, 2, 900
SD = {"n23_w": 0.6, "w_n1": 0.2, "n2_n3": 0.7, "n3_n2": 0.3}

pytestmark = pytest.mark.slow


def known_population():
    """A population whose N2 lasts, whose people differ by deep sleep and age, and whose first nights are restless."""
    base = first_population()
    person = np.full(len(GROUPS), 0.35)
    for name, sd in SD.items():
        person[GROUPS.index(name)] = sd
    covariate, first, dwell = np.zeros((3, 12)), np.zeros(12), np.zeros((20, len(DWELL_NAMES)))
    covariate[0, GROUPS.index("n2_n3")] = -0.25
    first[GROUPS.index("n23_w")] = 0.3
    dwell[8:12] = np.linspace(0.8, -0.8, len(DWELL_NAMES))
    return replace(
        base, person_cov=np.diag(person**2), night_cov=0.2**2 * np.eye(12), covariate_effect=covariate,
        first_night=first, dwell_effect=dwell,
    )  # fmt: skip


@pytest.fixture(scope="module")
def learned():
    truth, rng = known_population(), np.random.default_rng(8)
    training = []
    for i in range(PEOPLE):
        who = Who(float(rng.uniform(20, 80)), "F" if i % 2 else "M", None, "made")
        person = truth.draw(rng, 1, who).person_effect
        effect = person + 0.2 * rng.standard_normal((NIGHTS, 12)) + np.outer([1, 0], truth.first_night)
        stages = simulate_nights(truth, effects=effect, uniforms=rng.random((NIGHTS, EPOCHS)), n_epochs=EPOCHS)
        training += [
            TrainingNight(f"p{i:03}", f"p{i:03}-{j}", "made", stages[j], True, who.age, who.sex, None, j + 1)
            for j in range(NIGHTS)
        ]
    return truth, learn(cohort(training), rng=np.random.default_rng(0), iterations=40)


def test_how_people_differ(learned):
    truth, found = learned
    asleep = [g for g in range(12) if g != GROUPS.index("onset")]
    ratio = found.person_sd[asleep] / truth.person_sd[asleep]
    assert (ratio > 0.6).all()
    assert (ratio < 1.4).all()
    for name, sd in SD.items():
        assert found.person_sd[GROUPS.index(name)] == pytest.approx(sd, abs=0.13), name
    assert found.night_sd[asleep].mean() == pytest.approx(0.2, abs=0.08)


def test_age_and_first_night(learned):
    _, found = learned
    deep, wake = GROUPS.index("n2_n3"), GROUPS.index("n23_w")
    assert found.covariate_effect[0, deep] == pytest.approx(-0.25, abs=0.08)
    assert found.first_night[wake] == pytest.approx(0.3, abs=0.1)
    others = [g for g in range(1, 12) if g != wake]
    assert np.abs(found.first_night[others]).max() < 0.2


def test_time_in_stage(learned):
    _, found = learned
    wake_from_n2 = found.base_logit[2, 0] + found.dwell_effect[8]
    truth = first_population().base_logit[2, 0] + np.linspace(0.8, -0.8, len(DWELL_NAMES))
    np.testing.assert_allclose(wake_from_n2, truth, atol=0.35)
    assert np.corrcoef(wake_from_n2, truth)[0, 1] > 0.95
