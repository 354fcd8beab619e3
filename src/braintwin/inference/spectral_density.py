"""The log posterior density of the spectral twin as one compiled function, from whitened coordinates to its gradient.

Prior, transforms and their Jacobians are written by hand beside the likelihood: as a PyTensor graph they cost twice
what the likelihood of one channel does.
"""

import math

import numba
import numpy as np
import numpy.typing as npt

from braintwin.inference.lanes import JIT
from braintwin.inference.spectral_kernel import KNEE
from braintwin.inference.spectral_passes import log_likelihood

Floats = npt.NDArray[np.float64]

ROOT_2, ROOT_2_PI, TINY = math.sqrt(2.0), math.sqrt(2 * math.pi), 1e-300


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def sigmoid(value: float) -> float:
    """Return 1 / (1 + exp(-value))."""
    return 1 / (1 + math.exp(-value))


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def log_sigmoid(value: float) -> float:
    """Return the log of the sigmoid, of large negative values too."""
    return min(value, 0.0) - math.log1p(math.exp(-abs(value)))


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def exponential(score: float) -> tuple[float, float]:
    """Return the quantile of an exponential of mean 1 at a normal score, -ln(1 - Φ(score)), and its derivative."""
    below = 0.5 * math.erfc(-score / ROOT_2)
    found = -math.log1p(-below) if score < 0 else -math.log(0.5 * math.erfc(score / ROOT_2))
    return found, math.exp(found - 0.5 * score * score) / ROOT_2_PI


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def share(score: float, b: float) -> tuple[float, float]:
    """Return the share at a normal score of Beta(1, b), and its derivative: 1 - (1 - Φ(score))^(1/b)."""
    far, slope = exponential(score)
    found = -math.expm1(-far / b)
    return found, (1 - found) / b * slope


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def log_posterior(
    white: Floats, centre: Floats, root: Floats, by_stage: Floats, shared: Floats, band: Floats, level: Floats,
    seen: Floats, variance: Floats, used: Floats, modes: Floats, eigenvalues: Floats,
) -> tuple[float, Floats]:  # fmt: skip
    """Return the log density at ``centre + root @ white`` and its gradient in `white`.

    Parameters
    ----------
    white, centre : (dim,) array
        Whitened coordinates, and the unconstrained vector where they are 0.
    root : (dim, dim) array
        Lower triangle of a Cholesky factor.
    by_stage : (11, stage) array
        Mean of X, Y, Z, α on their unbounded scales, their sds, a and b of the EMG fraction, β over α. Z has that
        prior, and is walked in its root (:data:`~braintwin.inference.spectral_kernel.KNEE`); the EMG fraction in the
        normal score of Beta(1, b), in which a share near 0 has no long tail; residuals in that of their prior.
    shared : (11,) array
        Bounds, mean and sd of t₀; mean and sd of ln κ; mean of the residuals; sd of the offset; upper end of Z;
        degrees of freedom; constant of the prior.
    band : (3, freq) array
        Hz; quadrature weights, Hz; EMG spectrum, 1/Hz.
    level, seen, variance, used, modes, eigenvalues
        As for :func:`~braintwin.inference.spectral_passes.log_likelihood`; `level` (stage, channel) is what offsets are
        counted from.
    """
    n_dim, n_stage, n_channel = white.shape[0], seen.shape[0], seen.shape[1]
    point, g = centre.copy(), np.empty(n_dim)
    for i in range(n_dim):
        for j in range(i + 1):
            point[i] += root[i, j] * white[j]
    low, high, t0_mean, t0_sd, kappa_mean, kappa_sd, residual_mean, offset_sd, z_max, nu, value = shared
    x, y, z = np.empty(n_stage), np.empty(n_stage), np.empty(n_stage)
    emg, emg_slope = np.empty(n_stage), np.empty(n_stage)
    residual, residual_slope = np.empty(n_stage), np.empty(n_stage)
    alpha, scale = np.empty(n_stage), np.empty((n_stage, n_channel))
    z_slope, g_root = np.empty(n_stage), np.empty(n_stage)
    at_emg, at_residual, at_rate, at_delay = 3 * n_stage, 4 * n_stage, 5 * n_stage, 6 * n_stage
    at_kappa, at_offset = at_delay + 1, at_delay + 2
    way = sigmoid(point[at_delay])
    t0 = low + (high - low) * way
    kappa = math.exp(kappa_mean + kappa_sd * point[at_kappa])
    for s in range(n_stage):
        x[s] = sigmoid(by_stage[0, s] + by_stage[4, s] * point[s])
        y[s] = by_stage[1, s] + by_stage[5, s] * point[n_stage + s]
        middle = math.exp(0.5 * by_stage[2, s])
        step = 0.5 * middle * by_stage[6, s]
        bent = (middle + step * point[2 * n_stage + s]) / KNEE
        root_odds = -KNEE * log_sigmoid(-bent)
        z[s] = z_max * root_odds * root_odds / (1 + root_odds * root_odds)
        z_slope[s] = 2 * step * sigmoid(bent) / root_odds
        far_z = (2 * math.log(root_odds) - by_stage[2, s]) / by_stage[6, s]
        # the prior is normal in the logit of Z; what follows is its Jacobian
        value += -0.5 * far_z * far_z + math.log(middle) + log_sigmoid(bent) - math.log(root_odds)
        g_root[s] = -far_z * z_slope[s] / by_stage[6, s] + sigmoid(-bent) * step / KNEE - 0.5 * z_slope[s]
        emg[s], emg_slope[s] = share(point[at_emg + s], by_stage[9, s])
        value += (by_stage[8, s] - 1) * math.log(max(emg[s], TINY))
        wide, slope_of = exponential(point[at_residual + s])
        residual[s], residual_slope[s] = residual_mean * wide, residual_mean * slope_of
        alpha[s] = math.exp(by_stage[3, s] + by_stage[7, s] * point[at_rate + s])
        for j in range(n_channel):
            scale[s, j] = level[s, j] + offset_sd * point[at_offset + s * n_channel + j]
    # normal is what is no root of Z and no logit of the delay; of a share of muscle, the rest is above
    for i in range(n_dim):
        normal = i < 2 * n_stage or (i >= at_emg and i != at_delay)
        g[i] = -point[i] if normal else 0.0
        value -= 0.5 * point[i] * point[i] if normal else 0.0
    found = log_likelihood(
        x, y, z, alpha, t0, kappa, emg, scale, residual, by_stage[10], band[0], band[1], band[2], nu,
        seen, variance, used, modes, eigenvalues,
    )  # fmt: skip
    value += found[0]
    for s in range(n_stage):
        g[s] += found[1][s] * x[s] * (1 - x[s]) * by_stage[4, s]
        g[n_stage + s] += found[2][s] * by_stage[5, s]
        g[2 * n_stage + s] = g_root[s] + found[3][s] * z[s] * (1 - z[s] / z_max) * z_slope[s]
        g[at_emg + s] += ((by_stage[8, s] - 1) / max(emg[s], TINY) + found[7][s]) * emg_slope[s]
        g[at_residual + s] += found[9][s] * residual_slope[s]
        g[at_rate + s] += found[4][s] * alpha[s] * by_stage[7, s]
        for j in range(n_channel):
            g[at_offset + s * n_channel + j] += found[8][s, j] * offset_sd
    far = (t0 - t0_mean) / t0_sd
    value += log_sigmoid(point[at_delay]) + log_sigmoid(-point[at_delay]) - 0.5 * far * far
    g[at_delay] = 1 - 2 * way + (found[5] - far / t0_sd) * (high - low) * way * (1 - way)
    g[at_kappa] += found[6] * kappa * kappa_sd
    slope = np.zeros(n_dim)
    for i in range(n_dim):
        for j in range(i + 1):
            slope[j] += root[i, j] * g[i]
    return value, slope
