"""How probable nights are given what is known of a person: marginal likelihood by importance sampling.

Plain Monte-Carlo from the prior is wrong by nats; draws from a t about the posterior mode, with the curvature there,
are not, and their effective sample size says so.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from braintwin.contracts.night import GROUPS
from braintwin.inference.night_counts import CountTable, cell_offsets
from braintwin.models.hypnogram import GROUP_OF
from braintwin.models.population import NOBODY, Population, Who, root

Floats = npt.NDArray[np.float64]

FREEDOM = 8.0
"""Degrees of freedom of the t that is drawn from."""
DRAWS = 400


@dataclass(frozen=True)
class Belief:
    """What is known of a person's lasting effects: a normal distribution.

    Attributes
    ----------
    mean : (group,) float
    cov : (group, group) float
    """

    mean: Floats
    cov: Floats


@dataclass(frozen=True)
class Evidence:
    """What nights say.

    Attributes
    ----------
    log_probability : float
        Log marginal likelihood of the nights, nats.
    ess : float
        Effective number of the draws that it rests on.
    belief : Belief
        What is known of the person after these nights.
    person : (draw, group) float
        Draws of the person's lasting effects, equally weighted.
    """

    log_probability: float
    ess: float
    belief: Belief
    person: Floats


def prior_belief(population: Population, who: Who) -> Belief:
    """Return what is known of a person before any night."""
    return Belief(population.person_mean(who), population.person_covariance(who))


def weigh(
    counts: CountTable,
    offset: Floats,
    belief: Belief,
    night_mean: Floats,
    night_cov: Floats,
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> Evidence:
    """Return the evidence of one person's nights.

    Parameters
    ----------
    counts : CountTable
        The nights.
    offset : (cell, way) float
        Of :func:`braintwin.inference.night_counts.cell_offsets`.
    belief : Belief
        What was known before.
    night_mean : (night, group) float
        Expected night effects: those of a first night, or zero.
    night_cov : (group, group) float
        Spread of nights around the person.
    """
    from braintwin.inference import night_laplace

    nights, size = len(counts), len(GROUPS)
    dim = nights * size
    precision = np.linalg.inv(night_laplace.stacked(nights, belief.cov, night_cov))
    precision = (precision + precision.T) / 2
    mean = (belief.mean + night_mean).ravel()
    normals = rng.standard_normal((draws, dim))
    chi = np.sqrt(rng.chisquare(FREEDOM, draws) / FREEDOM)
    log_probability, weight, drawn = importance(counts, offset, mean, precision, normals, chi)

    gain = np.tile(belief.cov, (1, nights)) @ precision
    rest = belief.cov - gain @ np.tile(belief.cov, (nights, 1))
    expected = belief.mean + (drawn - mean) @ gain.T
    centre = weight @ expected
    spread = (expected - centre).T @ (weight[:, None] * (expected - centre)) + rest
    picked = systematic(weight, draws, rng)
    noise = rng.standard_normal((draws, size)) @ root(rest)
    return Evidence(
        log_probability,
        float(1 / np.square(weight).sum()),
        Belief(centre, (spread + spread.T) / 2),
        expected[picked] + noise,
    )


def importance(
    counts: CountTable, offset: Floats, mean: Floats, precision: Floats, normals: Floats, chi: Floats
) -> tuple[float, Floats, Floats]:
    """Weigh draws of the stacked effects of some nights, from a t distribution about their mode.

    Parameters
    ----------
    counts, offset
        As in :func:`weigh`.
    mean : (night × group,) float
    precision : (night × group, night × group) float
        Prior of the stacked effects.
    normals : (draw, night × group) float
        Standard normal noise.
    chi : (draw,) float
        Root of chi-square over FREEDOM, of FREEDOM degrees.

    Returns
    -------
    log_probability : float
        Log marginal likelihood of the nights, nats.
    weight : (draw,) float
        They add to 1.
    drawn : (draw, night × group) float
    """
    from scipy.special import gammaln

    from braintwin.inference import night_laplace

    dim, drawn, at = len(mean), np.empty_like(normals), mean.copy()
    arrays = (counts.bounds, offset, *counts.arrays, GROUP_OF, mean, precision)
    _, hessian = night_laplace.mode(*arrays, at, 30)
    scale = np.ascontiguousarray(np.linalg.inv(np.linalg.cholesky(hessian)).T)
    log_weight = night_laplace.log_weights(*arrays, at, scale, FREEDOM, normals, chi, drawn)
    top = log_weight.max()
    weight = np.exp(log_weight - top)
    log_t = gammaln((FREEDOM + dim) / 2) - gammaln(FREEDOM / 2) - 0.5 * dim * np.log(FREEDOM * np.pi)
    half = 0.5 * (np.linalg.slogdet(precision)[1] - np.linalg.slogdet(hessian)[1])
    log_probability = top + np.log(weight.mean()) + half - 0.5 * dim * np.log(2 * np.pi) - log_t
    return float(log_probability), weight / weight.sum(), drawn


def systematic(weight: Floats, draws: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return indices resampled in proportion to their weights, with the least added noise."""
    edges = (np.arange(draws) + rng.random()) / draws
    return np.minimum(np.searchsorted(np.cumsum(weight), edges), len(weight) - 1)


def night_evidence(
    population: Population,
    counts: CountTable,
    belief: Belief,
    *,
    arousal_rate: float = 0.0,
    first: npt.ArrayLike = False,
    who: Who = NOBODY,
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> Evidence:
    """Return the evidence of one person's nights under a population and a belief.

    Parameters
    ----------
    first : (night,) bool
        Whether each is a first night in the laboratory.
    who : Who
        Whose dataset says how nights vary.
    """
    offset = cell_offsets(population, counts, np.asarray(arousal_rate))
    first = np.broadcast_to(np.asarray(first, dtype=float), (len(counts),))
    return weigh(
        counts, offset, belief, np.outer(first, population.first_night), population.night_covariance(who), rng, draws
    )
