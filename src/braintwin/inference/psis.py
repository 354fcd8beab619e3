"""Leave-one-out predictive densities from draws of the full posterior, by Pareto-smoothed importance sampling.

Vehtari, Gelman & Gabry 2017, doi:10.1007/s11222-016-9696-4; the smoothing is ArviZ's.
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
    each = np.ascontiguousarray(np.asarray(log_likelihood, dtype=float).T)
    log_weight, shape = smooth(-each)
    return np.asarray(logsumexp(log_weight + each, axis=1)), shape


def smooth(log_ratio: Floats) -> tuple[Floats, Floats]:
    """Return normalised log weights (point, draw) with a fitted generalised Pareto tail, and its shape (point,).

    The tail is the largest fifth of the ratios, or three times the root of their number if that is less. Where it is
    level there is nothing to fit, and its shape is -inf.
    """
    import arviz

    draws = log_ratio.shape[1]
    tail = int(np.ceil(min(draws / 5, 3 * np.sqrt(draws)))) + 1
    steep = np.ptp(np.partition(log_ratio, -tail, axis=1)[:, -tail:], axis=1) > 0
    log_weight = log_ratio - logsumexp(log_ratio, axis=1, keepdims=True)
    shape = np.full(len(log_ratio), -np.inf)
    if steep.any() and hasattr(arviz, "psislw"):
        with np.errstate(over="ignore"):  # of profile weights that are 0
            log_weight[steep], shape[steep] = arviz.psislw(log_ratio[steep])
    elif steep.any():
        from arviz_stats.base import array_stats

        log_weight[steep], shape[steep] = array_stats.psislw(-log_ratio[steep])  # ArviZ 1 wants log likelihoods
    return log_weight, shape
