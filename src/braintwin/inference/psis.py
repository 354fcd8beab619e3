"""Leave-one-out predictive densities from draws of the full posterior, by Pareto-smoothed importance sampling.

Vehtari, Gelman & Gabry 2017, doi:10.1007/s11222-016-9696-4; tail fit of Zhang & Stephens 2009,
doi:10.1198/tech.2009.08017.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

Floats = npt.NDArray[np.float64]

TOO_HEAVY = 0.7
"""Shape of the tail of the weights above which a leave-one-out density is not to be trusted."""


def leave_one_out(log_likelihood: Floats) -> tuple[Floats, Floats]:
    """Return the log predictive density of each point given the others, and the Pareto shape of its weights.

    Parameters
    ----------
    log_likelihood : (draw, point) array
        Of every point under every draw.
    """
    found = [_one(column) for column in np.asarray(log_likelihood, dtype=float).T]
    return np.array([density for density, _ in found]), np.array([shape for _, shape in found])


def _one(log_likelihood: Floats) -> tuple[float, float]:
    log_weight, shape = smooth(-log_likelihood)
    return float(logsumexp(log_weight + log_likelihood)), shape


def smooth(log_ratio: Floats) -> tuple[Floats, float]:
    """Return normalised log weights (draw,) whose largest ones follow a fitted generalised Pareto tail, and its shape.

    The tail is the largest fifth of the ratios, or three times the root of their number if that is less. Where all
    ratios are alike there is no tail: its shape is -inf.
    """
    ratio = log_ratio - log_ratio.max()
    n = ratio.size
    size = int(np.ceil(min(0.2 * n, 3 * np.sqrt(n))))
    order = np.argsort(ratio, kind="stable")
    tail, edge = order[-size:], ratio[order[-size - 1]]
    above = np.exp(ratio[tail]) - np.exp(edge)
    shape = -np.inf
    if size >= 5 and above[size // 4] > 0:
        shape, scale = _pareto(above)
        share = (np.arange(size) + 0.5) / size
        quantile = -np.log1p(-share) if abs(shape) < 1e-12 else np.expm1(-shape * np.log1p(-share)) / shape
        ratio = ratio.copy()
        # no weight may exceed the largest one that was seen
        ratio[tail] = np.minimum(np.log(np.exp(edge) + scale * quantile), 0.0)
    return ratio - logsumexp(ratio), float(shape)


def _pareto(excess: Floats) -> tuple[float, float]:
    """Return shape and scale of a generalised Pareto distribution from excesses in ascending order.

    A posterior mean over the profile likelihood of θ = -shape / scale; the shape is drawn to 1/2 as if ten more
    excesses had said so.
    """
    n = excess.size
    number = 30 + int(np.sqrt(n))
    quarter = excess[int(n / 4 + 0.5) - 1]
    theta = 1 / excess[-1] + (1 - np.sqrt(number / (np.arange(1, number + 1) - 0.5))) / (3 * quarter)
    shapes = np.log1p(-theta[:, None] * excess).mean(axis=1)
    profile = n * (np.log(-theta / shapes) - shapes - 1)
    weight = np.exp(profile - profile.max())
    mean = float(np.sum(theta * weight) / weight.sum())
    shape = float(np.log1p(-mean * excess).mean())
    return (n * shape + 5) / (n + 10), -shape / mean
