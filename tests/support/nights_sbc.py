"""Simulation-based calibration of the hypnogram twin: rank of the truth among posterior draws."""

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.stats import chi2

from braintwin.contracts.night import GROUPS
from braintwin.inference.night_counts import tabulate
from braintwin.inference.night_evidence import night_evidence, prior_belief
from braintwin.models.nights_simulator import simulate_nights
from braintwin.models.population import Population, Who, first_population

GROUPS_JUDGED = tuple(range(12))
BINS = 10
BLOCKS, PEOPLE = 4, 100


def calibrate(people: int, *, seed: int, narrow: float = 1.0, epochs: int = 700, draws: int = 400) -> np.ndarray:
    """Return the rank of the truth in [0, 1], (person, quantity): twelve person effects and the log likelihood.

    With `narrow` below 1 the fit believes that nights vary that much less than they do: it must fail.
    """
    truth = first_population()
    believed: Population = replace(
        truth, night_cov=truth.night_cov * narrow**2, person_cov=truth.person_cov * narrow**2
    )
    rng = np.random.default_rng(seed)
    found = np.empty((people, len(GROUPS_JUDGED) + 1))
    for i in range(people):
        person = truth.draw(rng, 1)
        effect = np.concatenate([person.further_nights(rng) for _ in range(2)])
        stages = simulate_nights(truth, effects=effect, uniforms=rng.random((2, epochs)), n_epochs=epochs)
        counts = tabulate([(night, True) for night in stages])
        posterior = night_evidence(believed, counts, prior_belief(believed, Who()), rng=rng, draws=draws).person
        found[i, :-1] = (posterior < person.person_effect[0]).mean(axis=0)
        # A data-dependent quantity too: the distance from the posterior mean (doi:10.1214/23-BA1404).
        mean = posterior.mean(axis=0)
        far = np.square(posterior - mean).sum(axis=1)
        found[i, -1] = (far < np.square(person.person_effect[0] - mean).sum()).mean()
    return found


def uniformity(ranks: np.ndarray) -> float:
    """Return the least p-value over quantities of a chi-square test of uniform ranks, adjusted for their number."""
    return float(min(1.0, ranks.shape[1] * _p_values(_counts(ranks)).min()))


def _counts(ranks: np.ndarray) -> np.ndarray:
    return np.array([np.histogram(r, np.linspace(0, 1, BINS + 1))[0] for r in ranks.T])


def _p_values(counts: np.ndarray) -> np.ndarray:
    expected = counts.sum(axis=1, keepdims=True) / BINS
    return chi2.sf((np.square(counts - expected) / expected).sum(axis=1), BINS - 1)


def calibration(seed: int) -> dict[str, Any]:
    """Return p-values and rank histograms of 400 simulated people, and of 100 with a fit that is too sure."""
    ranks = {
        "as it is": np.concatenate([calibrate(PEOPLE, seed=BLOCKS * seed + block) for block in range(BLOCKS)]),
        "too sure": calibrate(PEOPLE, seed=99 - seed, narrow=0.4),
    }
    return {
        "fits": {name: {"people": len(found), "least_p": uniformity(found)} for name, found in ranks.items()},
        "ranks": {name: _by_quantity(found) for name, found in ranks.items()},
    }


def _by_quantity(ranks: np.ndarray) -> dict[str, dict[str, Any]]:
    counts = _counts(ranks)
    covered = ((ranks > 0.05) & (ranks < 0.95)).mean(axis=0)
    names = [*(GROUPS[group] for group in GROUPS_JUDGED), "distance from the mean"]
    parts = zip(names, _p_values(counts).tolist(), covered.tolist(), counts.tolist(), strict=True)
    return {name: {"p": p, "covered_90": share, "bins": bins} for name, p, share, bins in parts}
