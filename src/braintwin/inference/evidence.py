"""How much posterior mass lies about an optimum: by the curvature there (Laplace), or by bridge sampling of draws."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

Floats = npt.NDArray[np.float64]
Density = Callable[[Floats], tuple[float, Floats]]

STEP = 1e-4
"""Step of the differences of the gradient, in the unconstrained space, whose posterior sds are .01 to 1."""

FLATTEST = 0.05
"""Least curvature taken for a direction; a flatter one is no wider than the prior lets it be."""


def curvature(density: Density, point: Floats, step: float = STEP) -> Floats:
    """Return minus the second derivatives of a log density (dim, dim), from central differences of its gradient."""
    rows = np.empty((point.size, point.size))
    for i in range(point.size):
        shift = np.zeros(point.size)
        shift[i] = step
        rows[i] = (density(point - shift)[1] - density(point + shift)[1]) / (2 * step)
    return (rows + rows.T) / 2


def laplace(density: Density, point: Floats) -> tuple[float, Floats]:
    """Return the log of the mass about an optimum and its covariance, as if it were a Gaussian hill.

    Parameters
    ----------
    density : callable
        Unconstrained vector -> (log density, gradient).
    point : (dim,) array
        A local maximum.

    Returns
    -------
    log_mass : float
    covariance : (dim, dim) array
    """
    values, vectors = np.linalg.eigh(curvature(density, point))
    values = np.maximum(values, FLATTEST)
    log_mass = density(point)[0] + 0.5 * (point.size * np.log(2 * np.pi) - np.sum(np.log(values)))
    return float(log_mass), (vectors / values) @ vectors.T


def bridge(density: Density, draws: Floats, rng: np.random.Generator) -> tuple[float, float]:
    """Return the log of the mass that draws explored, and half the difference of its two estimates.

    A Gaussian is fitted to one half of each chain and compared with the other half, then the other way round
    (doi:10.1016/j.jmp.2017.09.005).

    Parameters
    ----------
    density : callable
        As for :func:`laplace`.
    draws : (chain, draw, dim) array
        Draws of the posterior in the unconstrained space.
    """
    half = draws.shape[1] // 2
    first, second = draws[:, :half].reshape(-1, draws.shape[2]), draws[:, half:].reshape(-1, draws.shape[2])
    found = [_bridge(density, a, b, rng) for a, b in ((first, second), (second, first))]
    return float(np.mean(found)), float(abs(found[0] - found[1]) / 2)


def _bridge(density: Density, fitted: Floats, judged: Floats, rng: np.random.Generator) -> float:
    centre = fitted.mean(axis=0)
    root = np.linalg.cholesky(np.cov(fitted.T) + 1e-12 * np.eye(centre.size))
    proposed = centre + rng.standard_normal(judged.shape) @ root.T

    def excess(points: Floats) -> Floats:
        z = np.linalg.solve(root, (points - centre).T)
        gaussian = -0.5 * np.sum(z**2, axis=0) - np.log(np.diag(root)).sum() - 0.5 * centre.size * np.log(2 * np.pi)
        return np.asarray([density(point)[0] for point in points] - gaussian)

    # both samples are of one size, so their shares of the bridge function are 1/2
    ours, theirs = excess(judged), excess(proposed)
    log_mass = float(np.median(ours))
    for _ in range(1000):
        above = logsumexp(theirs - np.logaddexp(theirs, log_mass))
        below = logsumexp(-np.logaddexp(ours, log_mass))
        before, log_mass = log_mass, float(above - below)
        if abs(log_mass - before) < 1e-10:
            break
    return log_mass
