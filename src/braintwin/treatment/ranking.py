"""Ranking under uncertainty: expected utility, regret, P(best), SUCRA, near ties.

P(best) favours whatever is least known, so it never stands alone (doi:10.1016/j.jclinepi.2010.03.016 for SUCRA).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Ranking:
    """What draws of utility say of each treatment; NaN where a treatment is no candidate and none is defined.

    Attributes
    ----------
    expected_utility, utility_sd, utility_mcse : (treatment,) float
    utility_quantile : (treatment, quantile) float
    p_best, expected_regret, sucra : (treatment,) float
    rank_probability : (treatment, rank) float
        Over the candidates; a row of zeros for the others.
    near_tie : (treatment,) bool
        Candidates that may be within the smallest difference that matters of the best, the best included.
    order : (treatment,) int
        Candidates, best first, then the others, best first.
    """

    expected_utility: Floats
    utility_sd: Floats
    utility_mcse: Floats
    utility_quantile: Floats
    p_best: Floats
    expected_regret: Floats
    sucra: Floats
    rank_probability: Floats
    near_tie: Bools
    order: npt.NDArray[np.int64]


def rank_mass(utility: Floats) -> Floats:
    """Return the ranks that each treatment takes in each draw, (draw, treatment, rank); ties share their ranks.

    Parameters
    ----------
    utility : (treatment, draw) float
        Higher is better.
    """
    treatments, draws = utility.shape
    by_draw = utility.T
    above = (by_draw[:, None, :] > by_draw[:, :, None]).sum(axis=2)
    level = (by_draw[:, None, :] == by_draw[:, :, None]).sum(axis=2)
    mass = np.zeros((draws, treatments, treatments + 1))
    draw, row = np.indices((draws, treatments))
    mass[draw, row, above] += 1 / level
    mass[draw, row, above + level] -= 1 / level
    return np.asarray(np.cumsum(mass, axis=2)[:, :, :-1])


def sucra(rank_probability: Floats) -> Floats:
    """Return the surface under the cumulative ranking, (treatment,): 1 is surely best, 0 surely last."""
    treatments = rank_probability.shape[0]
    if treatments < 2:
        return np.ones(treatments)
    mean_rank = rank_probability @ np.arange(1, treatments + 1)
    return np.asarray((treatments - mean_rank) / (treatments - 1))


def rank(utility: Floats, candidate: Bools, *, mcid: float, near_tie_probability: float) -> Ranking:
    """Rank treatments from draws of utility.

    Parameters
    ----------
    utility : (treatment, draw) float
        Utility against no change.
    candidate : (treatment,) bool
        Treatments that may be ranked first; there must be one (no change is).
    mcid : float
        Smallest difference in utility that matters.
    near_tie_probability : float
        A candidate is a near tie if P(its utility > the best one's − mcid) exceeds this.

    Returns
    -------
    Ranking
    """
    treatments, draws = utility.shape
    mean = utility.mean(axis=1)
    chosen = np.flatnonzero(candidate)
    probability = np.zeros((treatments, treatments))
    mass = rank_mass(utility[chosen]).mean(axis=0)
    probability[np.ix_(chosen, np.arange(chosen.size))] = mass
    surface = np.full(treatments, np.nan)
    surface[chosen] = sucra(mass)
    best = chosen[np.argmax(mean[chosen])]
    close = (utility > utility[best] - mcid).mean(axis=1) > near_tie_probability
    spread = utility.std(axis=1, ddof=1) if draws > 1 else np.zeros(treatments)
    return Ranking(
        expected_utility=mean,
        utility_sd=spread,
        utility_mcse=spread / np.sqrt(draws),
        utility_quantile=np.quantile(utility, QUANTILES, axis=1).T,
        p_best=probability[:, 0].copy(),
        expected_regret=(utility[chosen].max(axis=0) - utility).mean(axis=1),
        sucra=surface,
        rank_probability=probability,
        near_tie=close & candidate,
        order=np.lexsort((-mean, ~candidate)),
    )
