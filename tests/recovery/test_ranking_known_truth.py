"""People whose best treatment is known: does knowing the person help, and is it admitted where it does not?"""

import numpy as np
import pytest

from braintwin.models.population import Draws, first_population
from braintwin.treatment.closed_form import hazard_shifts
from braintwin.treatment.counterfactual import simulate_treatments
from braintwin.treatment.operators import Operators
from braintwin.treatment.personal import Personalisation, personalisation
from braintwin.treatment.utility import components
from treated_people import effect, plain_twin

POPULATION = first_population()
WEIGHTS = {"SOL": -0.1, "WASO": -0.1, "TST": 1 / 15}
DRAWS = 120
TREATMENTS = {
    "none": hazard_shifts(),
    "for_latency": hazard_shifts(onset=0.7),
    "for_waking": hazard_shifts(wake_odds=-0.45),
}
LATENCY = {"onset": -1.6, "n23_w": -0.5, "r_w": -0.5, "n1_w": -0.3}
WAKING = {"onset": 0.8, "n23_w": 0.4, "r_w": 0.4, "w_n1": -0.3, "w_deep": -0.3}


def utilities(twin: Draws, seed: int, replicates: int = 4) -> np.ndarray:
    draws = twin.person_effect.shape[0]
    operators = {
        key: Operators(np.repeat(shift, draws, axis=0), np.zeros(draws), np.ones(draws))
        for key, shift in TREATMENTS.items()
    }
    found = simulate_treatments(
        POPULATION, twin, operators, time_in_bed_min=480, arousal_rate=0, replicates=replicates,
        rng=np.random.default_rng(seed),
    )  # fmt: skip
    outcome = np.stack([found[key].outcome for key in operators])
    _, part = components(outcome, 0, np.zeros(outcome.shape[:2]), np.zeros(len(operators)), WEIGHTS)
    return part.sum(axis=0)


def mixed(kinds: list[dict[str, float]]) -> Draws:
    """Return people drawn evenly from `kinds`, as the population knows them."""
    twin = plain_twin({}, DRAWS, night_sd=0.15)
    rows = np.stack([effect(kinds[i % len(kinds)]) for i in range(DRAWS)])
    return Draws(**{**vars(twin), "person_effect": rows})


def judged(kinds: list[dict[str, float]], people: int) -> list[tuple[Personalisation, float, float]]:
    """Return for each person: the verdict, and the regret of following the own twin and the population."""
    population = mixed(kinds)
    results = []
    for person in range(people):
        truth = kinds[person % len(kinds)]
        rng = np.random.default_rng(100 + person)
        twin = plain_twin(truth, DRAWS, night_sd=0.15)
        noise = 0.1 * rng.standard_normal(twin.person_effect.shape) * (len(kinds) > 1)
        twin = Draws(**{**vars(twin), "person_effect": twin.person_effect + noise})
        # Noise of its own for each, so that alike people do not agree to the last epoch by construction.
        own, others = utilities(twin, 200 + person), utilities(population, 500 + person)
        true = utilities(plain_twin(truth, 400, night_sd=0.15), 900 + person).mean(axis=1)
        chosen = [int(np.argmax(u.mean(axis=1))) for u in (own, others)]
        verdict = personalisation(own, others, permutations=100, rng=rng)
        results.append((verdict, *(float(true.max() - true[c]) for c in chosen)))
    return results


def nearer(kind: dict[str, float], share: float) -> dict[str, float]:
    """Return people that much of the way from the average."""
    return {group: share * value for group, value in kind.items()}


@pytest.mark.slow
def test_own_twin_has_less_regret_as_soon_as_people_need_different_treatments() -> None:
    results = judged([nearer(LATENCY, 0.8), nearer(WAKING, 0.8)], 6)
    own, population = np.mean([r[1] for r in results]), np.mean([r[2] for r in results])
    assert own < population - 0.2


@pytest.mark.slow
def test_nothing_is_lost_where_people_differ_and_the_same_treatment_is_best() -> None:
    results = judged([nearer(LATENCY, 0.5), nearer(WAKING, 0.5)], 4)
    assert [r[1] for r in results] == [r[2] for r in results] == [0.0] * 4
    assert all(verdict.gain == 0 for verdict, _, _ in results)


@pytest.mark.slow
def test_another_person_s_twin_is_worse_than_the_population() -> None:
    """Permuted people: each follows the twin of somebody of the other kind."""
    kinds = [LATENCY, WAKING]
    population = utilities(mixed(kinds), 500)
    true = [utilities(plain_twin(kind, 400, night_sd=0.15), 900).mean(axis=1) for kind in kinds]
    chosen = [int(np.argmax(utilities(plain_twin(kind, DRAWS, night_sd=0.15), 200).mean(axis=1))) for kind in kinds]
    follow = int(np.argmax(population.mean(axis=1)))
    regret = {
        "own": np.mean([true[k].max() - true[k][chosen[k]] for k in (0, 1)]),
        "permuted": np.mean([true[k].max() - true[k][chosen[1 - k]] for k in (0, 1)]),
        "population": np.mean([true[k].max() - true[k][follow] for k in (0, 1)]),
    }
    assert regret["own"] < 0.1 < regret["population"] <= regret["permuted"], regret


@pytest.mark.slow
def test_own_twin_has_less_regret_where_people_differ() -> None:
    results = judged([LATENCY, WAKING], 12)
    own, population = np.mean([r[1] for r in results]), np.mean([r[2] for r in results])
    assert own < 0.1
    assert population > own + 0.5
    assert all(verdict.personal for verdict, _, _ in results)
    assert max(verdict.gain for verdict, _, _ in results) > 0.5


@pytest.mark.slow
def test_no_personal_ranking_where_people_are_alike() -> None:
    results = judged([WAKING], 12)
    assert all(own == population for _, own, population in results)
    # The null has a level of 5 %: four or more of twelve happen once in 500 times.
    assert sum(verdict.personal for verdict, _, _ in results) <= 3
    index = [verdict.index for verdict, _, _ in results]
    assert 0 < max(index) < 0.1, index
