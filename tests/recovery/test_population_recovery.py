"""A population that nights were simulated from is found again by empirical Bayes."""

from dataclasses import replace

import numpy as np
import pytest

from braintwin.contracts.night import GROUPS
from braintwin.inference.population_cohort import cohort
from braintwin.inference.population_fit import COV_SD, COV_WEIGHT, SITE_PEOPLE, learn
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


def made_nights(truth, rng, people, site, nights=NIGHTS):
    """Nights of people whom a population draws."""
    training = []
    for i in range(people):
        who = Who(float(rng.uniform(20, 80)), "F" if i % 2 else "M", None, site)
        person = truth.draw(rng, 1, who).person_effect
        effect = person + 0.2 * rng.standard_normal((nights, 12)) + np.outer([1, 0][:nights], truth.first_night)
        stages = simulate_nights(truth, effects=effect, uniforms=rng.random((nights, EPOCHS)), n_epochs=EPOCHS)
        training += [
            TrainingNight(f"{site}-{i:03}", f"{site}-{i:03}-{j}", site, stages[j], True, who.age, who.sex, None, j + 1)
            for j in range(nights)
        ]
    return training


@pytest.fixture(scope="module")
def learned():
    truth = known_population()
    training = made_nights(truth, np.random.default_rng(8), PEOPLE, "made")
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


SPREADS = {"clinic": 1.0, "healthy": 0.25}


@pytest.mark.parametrize("same", [False, True])
def test_datasets_whose_people_differ_more(same):
    deep, rng = GROUPS.index("n2_n3"), np.random.default_rng(3)
    base, training = known_population(), []
    for site, sd in SPREADS.items():
        cov = base.person_cov.copy()
        cov[deep, deep] = 0.5**2 if same else sd**2
        training += made_nights(replace(base, person_cov=cov), rng, 100, site)
    found = learn(cohort(training), rng=np.random.default_rng(0), iterations=25)
    own = {site: float(np.sqrt(found.people_of(site)[deep, deep])) for site in SPREADS}
    if same:
        assert own["clinic"] / own["healthy"] == pytest.approx(1, abs=0.25)
        return
    for (site, sd), other in zip(SPREADS.items(), reversed(SPREADS.values()), strict=True):
        total = 100 * sd**2 + SITE_PEOPLE * other**2 + COV_WEIGHT * COV_SD**2
        shrunk = np.sqrt(total / (100 + SITE_PEOPLE + COV_WEIGHT))
        assert own[site] == pytest.approx(float(shrunk), abs=0.12), own
    assert own["clinic"] / own["healthy"] > 1.4


def test_one_night_each_widens_nobody_elses_people():
    deep, rng = GROUPS.index("n2_n3"), np.random.default_rng(4)
    base = known_population()
    wide = base.person_cov.copy()
    wide[deep, deep] = 1.2**2
    narrow = base.person_cov.copy()
    narrow[deep, deep] = 0.3**2
    training = made_nights(replace(base, person_cov=wide), rng, 100, "once", nights=1)
    training += made_nights(replace(base, person_cov=narrow), rng, 100, "twice")
    found = learn(cohort(training), rng=np.random.default_rng(0), iterations=25)
    sd = {site: float(np.sqrt(found.people_of(site)[deep, deep])) for site in ("once", "twice")}
    assert sd["twice"] == pytest.approx(0.3, abs=0.15)
    assert float(found.person_sd[deep]) == pytest.approx(0.3, abs=0.15)
    both = np.sqrt(sd["once"] ** 2 + found.site_night_cov[found.sites.index("once"), deep, deep])
    assert float(both) == pytest.approx(np.hypot(1.2, 0.2), abs=0.3)


def test_a_dataset_by_itself_is_all_people():
    training = made_nights(known_population(), np.random.default_rng(5), 40, "only")
    found = learn(cohort(training), rng=np.random.default_rng(0), iterations=5)
    np.testing.assert_allclose(found.people_of("only"), found.person_cov, atol=1e-12)
