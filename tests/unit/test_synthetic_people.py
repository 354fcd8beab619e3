"""Synthetic people: the groups differ as they should, and every brain is stable and scorable."""

import numpy as np
import pytest

from braintwin.contracts.night import GROUPS
from braintwin.contracts.stages import STAGES
from braintwin.models.corticothalamic import is_stable
from braintwin.models.parameters import BETA_OVER_ALPHA
from braintwin.models.population import first_population
from braintwin.synthetic.cohort import EEG_CHANNELS
from braintwin.synthetic.people import (
    DIAGNOSES,
    HAZARD_SHIFT,
    draw_breathing,
    draw_night,
    draw_someone,
    draw_spectral,
    regime,
    spread_within,
)
from braintwin.synthetic.spectrum import slow_share
from braintwin.synthetic.truth import Diagnosis

PEOPLE, EPOCHS = 150, 960


@pytest.fixture(scope="module")
def nights() -> dict[Diagnosis, np.ndarray]:
    """Return SOL, WASO, TST (min), N3 share of sleep, AHI, respiratory events per hour of sleep: (person, 6)."""
    population = first_population()
    found: dict[Diagnosis, np.ndarray] = {}
    for which, diagnosis in enumerate(DIAGNOSES):
        rows = []
        for i in range(PEOPLE):
            rng = np.random.default_rng([which, i])
            someone = draw_someone(diagnosis, population, rng)
            _, stages = draw_night(someone, population, EPOCHS, rng)
            asleep = stages > 0
            onset = int(asleep.argmax()) if asleep.any() else EPOCHS
            tst = asleep.sum() / 2
            events = draw_breathing(stages, someone.ahi, rng)
            per_hour = len(events) / max(tst / 60, 1)
            rows.append(
                (
                    onset / 2,
                    (EPOCHS - onset) / 2 - tst,
                    tst,
                    (stages == 3).sum() / max(asleep.sum(), 1),
                    someone.ahi,
                    per_hour,
                )
            )
        found[diagnosis] = np.array(rows)
    return found


def test_insomnia_is_long_latency_and_wake(nights: dict[Diagnosis, np.ndarray]) -> None:
    healthy, insomnia = nights["healthy"].mean(0), nights["insomnia"].mean(0)
    assert insomnia[0] > 1.5 * healthy[0]
    assert insomnia[1] > healthy[1] + 30
    assert insomnia[2] < healthy[2] - 45


def test_means_lie_where_sleep_laboratories_find_them(nights: dict[Diagnosis, np.ndarray]) -> None:
    """Boulos 2019 (healthy adults), Di Marco 2024 (insomnia trials: WASO 102 (52), TST 316 (74))."""
    healthy, insomnia = nights["healthy"].mean(0), nights["insomnia"].mean(0)
    assert 10 < healthy[0] < 30
    assert 30 < healthy[1] < 80
    assert 360 < healthy[2] < 430
    assert 25 < insomnia[0] < 70
    assert 85 < insomnia[1] < 155
    assert 280 < insomnia[2] < 355


def test_osa_is_events_wake_and_little_deep_sleep(nights: dict[Diagnosis, np.ndarray]) -> None:
    healthy, osa = nights["healthy"].mean(0), nights["osa"].mean(0)
    assert osa[1] > healthy[1] + 30
    assert osa[3] < 0.85 * healthy[3]
    assert osa[4] > 15 > 5 > healthy[4]
    for group in nights.values():
        assert group[:, 5].mean() == pytest.approx(group[:, 4].mean(), rel=0.06)


def test_effects_spread_about_their_diagnosis() -> None:
    population = first_population()
    for diagnosis in DIAGNOSES:
        drawn = np.array(
            [draw_someone(diagnosis, population, np.random.default_rng([9, i])).effect for i in range(400)]
        )
        mean = np.array([HAZARD_SHIFT[diagnosis].get(g, 0.0) for g in GROUPS])
        error = drawn.std(0) / np.sqrt(len(drawn))
        assert np.abs((drawn.mean(0) - mean) / error).max() < 4
        np.testing.assert_allclose(drawn.std(0), spread_within(population), rtol=0.2)


def test_respiratory_events_fall_in_sleep_one_at_a_time() -> None:
    stages = np.repeat(np.array([0, 1, 2, 3, 4], dtype=np.int8), 60)
    events = draw_breathing(stages, 60.0, np.random.default_rng(0))
    start = np.array([e.onset for e in events])
    end = start + [e.duration for e in events]
    assert len(events) > 60
    assert (stages[(start // 30).astype(int)] > 0).all()
    assert (stages[(end // 30).astype(int)] > 0).all()
    assert (start[1:] > end[:-1]).all()
    assert min(e.duration for e in events) >= 10
    assert draw_breathing(np.zeros(100, dtype=np.int8), 60.0, np.random.default_rng(0)) == []


@pytest.mark.parametrize("seed", range(8))
def test_brains_are_stable_and_scorable(seed: int) -> None:
    truth = draw_spectral(EEG_CHANNELS, np.random.default_rng(seed))
    for name, loop in truth.stages.items():
        alpha = truth.alpha_wake if regime(name) == "wake" else truth.alpha_sleep
        assert is_stable(loop.X, loop.Y, loop.Z, truth.t0, alpha, alpha * BETA_OVER_ALPHA[regime(name)])
    share = {stage: slow_share(truth, stage) for stage in STAGES}
    assert share["N3"] > share["N2"] > max(share["W"], share["R"])
