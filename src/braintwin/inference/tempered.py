"""Tempered sequential Monte Carlo: draws and evidence that owe nothing to where a search or a chain began.

Particles come from the prior; the likelihood is let in by degrees, each as large as keeps half of the particles
effective; in between they are resampled and moved by Hamiltonian trajectories in the metric of their own spread
(doi:10.1111/j.1467-9868.2006.00553.x). The product of the mean weights is the evidence.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import logsumexp

Floats = npt.NDArray[np.float64]
Density = Callable[[Floats], tuple[float, Floats]]

EFFECTIVE = 0.5
"""Share of the particles that must stay effective from one temperature to the next."""

STEPS = 6
"""Leapfrog steps of a trajectory."""

ACCEPTED = (0.6, 0.9)
"""Share of accepted moves outside of which the step is changed."""


@dataclass(frozen=True)
class Particles:
    """What tempered SMC ends with.

    Attributes
    ----------
    points : (particle, dim) array
        Equally weighted draws of the posterior.
    log_evidence : float
        Log of the integral of the whole density over that of the density with the likelihood left out.
    temperatures : (step,) array
        How much of the likelihood was let in, up to 1.
    accepted : float
        Share of accepted moves in the last step.
    """

    points: Floats
    log_evidence: float
    temperatures: Floats
    accepted: float


def tempered(
    density_at: Callable[[float], Density],
    points: Floats,
    log_weight: Floats,
    rng: np.random.Generator,
    *,
    moves: int = 3,
) -> Particles:
    """Carry particles from the prior to the posterior.

    Parameters
    ----------
    density_at : callable
        Share of the log likelihood (0 to 1) -> function of the unconstrained vector -> (log density, gradient).
    points : (particle, dim) array
        Draws of the prior.
    log_weight : (particle,) array
        Their log weights, where they were not drawn from the density at 0 itself.
    moves : int
        Trajectories of each particle at each temperature.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):
        return _tempered(density_at, points, log_weight, rng, moves)


def _tempered(
    density_at: Callable[[float], Density], points: Floats, log_weight: Floats, rng: np.random.Generator, moves: int
) -> Particles:
    number, dim = points.shape
    weight = log_weight - logsumexp(log_weight)
    evidence, share, step, accepted = 0.0, 0.0, 0.5, 0.0
    shares: list[float] = []
    whole, none = density_at(1.0), density_at(0.0)
    gain = np.array([whole(point)[0] - none(point)[0] for point in points])
    gain[~np.isfinite(gain)] = -1e100
    while share < 1:
        by = _next(weight, gain, 1 - share)
        share = 1.0 if by >= 1 - share else share + by
        weight = weight + by * gain
        evidence += float(logsumexp(weight))
        weight -= logsumexp(weight)
        points = points[_resample(weight, rng)]
        weight = np.full(number, -np.log(number))
        root = np.asarray(np.linalg.cholesky(np.cov(points.T) + 1e-9 * np.eye(dim)), dtype=np.float64)
        density = density_at(share)
        for _ in range(moves):
            kept = sum(_move(density, points, row, root, step, rng) for row in range(number))
            accepted = kept / number
            step *= 0.7 if accepted < ACCEPTED[0] else 1.3 if accepted > ACCEPTED[1] else 1.0
        gain = np.array([whole(point)[0] - none(point)[0] for point in points])
        shares.append(share)
    return Particles(points, evidence, np.array(shares), accepted)


def _next(weight: Floats, gain: Floats, most: float) -> float:
    """Return by how much the likelihood can be let in so that half of the particles stay effective."""

    def excess(by: float) -> float:
        new = weight + by * gain
        return float(2 * logsumexp(new) - logsumexp(2 * new) - np.log(EFFECTIVE * weight.size))

    return most if excess(most) >= 0 or excess(0.0) <= 0 else float(brentq(excess, 0.0, most, xtol=1e-8))


def _resample(weight: Floats, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Return the particles that go on (systematic resampling)."""
    places = (rng.random() + np.arange(weight.size)) / weight.size
    cumulated = np.cumsum(np.exp(weight))
    return np.minimum(np.searchsorted(cumulated / cumulated[-1], places), weight.size - 1)


def _move(density: Density, points: Floats, row: int, root: Floats, step: float, rng: np.random.Generator) -> bool:
    """Move one particle by a trajectory, in place; tell whether it was accepted."""
    length = step * rng.uniform(0.5, 1.5)
    momentum: Floats = np.asarray(rng.standard_normal(points.shape[1:]))
    place: Floats = points[row].copy()
    value, gradient = density(place)
    before = value - 0.5 * float(momentum @ momentum)
    # next to the edge of stability slopes may overflow: such a trajectory is refused
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(STEPS):
            momentum = momentum + 0.5 * length * (root.T @ gradient)
            place = place + length * (root @ momentum)
            value, gradient = density(place)
            if not np.isfinite(value):
                return False
            momentum = momentum + 0.5 * length * (root.T @ gradient)
        after = value - 0.5 * float(momentum @ momentum)
    if np.log(rng.random()) < after - before:
        points[row] = place
        return True
    return False
