"""Simulation-based calibration of the hypnogram twin: rank of the truth among posterior draws."""

from dataclasses import replace

import numpy as np
from scipy.stats import chi2

from braintwin.inference.night_counts import tabulate
from braintwin.inference.night_evidence import night_evidence, prior_belief
from braintwin.models.nights_simulator import simulate_nights
from braintwin.models.population import Population, Who, first_population

GROUPS_JUDGED = tuple(range(12))
BINS = 10


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
    n, quantities = ranks.shape
    counts = np.array([np.histogram(r, np.linspace(0, 1, BINS + 1))[0] for r in ranks.T])
    statistic = (np.square(counts - n / BINS) / (n / BINS)).sum(axis=1)
    return float(min(1.0, quantities * chi2.sf(statistic, BINS - 1).min()))
