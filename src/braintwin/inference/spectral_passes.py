"""The spectral likelihood and its gradient, compiled by numba; the field's response is in `field_passes`."""

import numba
import numpy as np
import numpy.typing as npt

from braintwin.inference.field_passes import filters, pull_through, respond, scatter, wall
from braintwin.inference.lanes import JIT, logarithms, total
from braintwin.models.corticothalamic import GAMMA

Floats = npt.NDArray[np.float64]


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def residuals(
    at: Floats, share: float, scale: float, sigma: float, nu: float, muscle: Floats, weight: Floats,
    seen: Floats, variance: Floats, used: Floats, pull_back: Floats, work: Floats,
) -> tuple[float, float, float, float]:  # fmt: skip
    """Score one channel of one stage.

    Parameters
    ----------
    at : (freq,) array
        Power of the model before it is given unit area.
    pull_back : (freq,) array
        Filled with the derivative in `at`.
    work : (7, freq) array
        Room.

    Returns
    -------
    value, and its derivative in share, scale and sigma
    """
    n = at.shape[0]
    mix, log, error, spread, tail, spare = work[0], work[1], work[2], work[3], work[4], work[5:]
    for f in range(n):
        mix[f] = at[f] * weight[f]
    per_area = 1 / total(mix)
    for f in range(n):
        mix[f] = (1 - share) * (at[f] * per_area) + share * muscle[f]
    logarithms(mix, log, spare)
    for f in range(n):
        error[f] = seen[f] - scale - log[f] if used[f] > 0 else 0.0
    for f in range(n):
        spread[f] = sigma * sigma + variance[f] if used[f] > 0 else 1.0
    per_nu = 1 / nu
    for f in range(n):
        tail[f] = 1 + error[f] * error[f] * per_nu / spread[f]
    logarithms(tail, log, spare)
    term = spare[0]
    for f in range(n):
        term[f] = used[f] * log[f]
    value = -0.5 * (nu + 1) * total(term)
    logarithms(spread, log, spare)
    for f in range(n):
        term[f] = used[f] * log[f]
    value -= 0.5 * total(term)
    informs = spare[1]
    for f in range(n):
        informs[f] = used[f] / (spread[f] * tail[f])
    for f in range(n):
        term[f] = informs[f] * (nu * tail[f] - (nu + 1))
    g_sigma = sigma * total(term)
    pull, stiff = error, (nu + 1) * per_nu
    for f in range(n):
        pull[f] = stiff * informs[f] * error[f]
    g_scale = total(pull)
    slope = log
    for f in range(n):
        slope[f] = pull[f] / mix[f]
    for f in range(n):
        term[f] = slope[f] * (muscle[f] - at[f] * per_area)
    g_share = total(term)
    for f in range(n):
        term[f] = slope[f] * at[f]
    g_area = -total(term)
    of_shape, of_area = (1 - share) * per_area, (1 - share) * per_area * per_area * g_area
    for f in range(n):
        pull_back[f] = of_shape * slope[f] + of_area * weight[f]
    return value, g_share, g_scale, g_sigma


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def log_likelihood(
    x: Floats, y: Floats, z: Floats, alpha: Floats, t0: float, kappa: float, emg: Floats, scale: Floats, sigma: Floats,
    ratio: Floats, freq: Floats, weight: Floats, muscle: Floats, nu: float,
    seen: Floats, variance: Floats, used: Floats, modes: Floats, eigenvalues: Floats,
) -> tuple[float, Floats, Floats, Floats, Floats, float, float, Floats, Floats, Floats]:  # fmt: skip
    """Return the log likelihood with the wall of stability, and its gradient.

    Parameters
    ----------
    x, y, z, alpha, emg, sigma : (stage,) array
        Loop gains, dendritic decay rate (1/s), EMG fraction, residual scale (nat).
    t0, kappa : float
        Delay (s), graph coupling.
    scale : (stage, channel) array
        Log of the power in the band.
    ratio : (stage,) array
        β over α.
    freq, weight, muscle : (freq,) array
        Hz; quadrature weights of the band, Hz; EMG spectrum of unit area, 1/Hz.
    nu : float
        Degrees of freedom of the residual.
    seen, variance, used : (stage, channel, freq) array
        Observed log spectrum, its sampling variance, 1 where it counts.
    modes : (channel, mode) array
    eigenvalues : (mode,) array
        The first one must be 0: the wall is computed from it.

    Returns
    -------
    value : float
    gradient : in x, y, z, alpha, t0, kappa, emg, scale, sigma
    """
    n_stage, n_channel, n_freq = seen.shape
    n_mode = eigenvalues.shape[0]
    # rows of x, y, z, alpha, t0 and kappa, as `scatter` adds them, then emg and sigma
    gradient, g_scale, value = np.zeros((8, n_stage)), np.zeros((n_stage, n_channel)), 0.0
    re, im = np.empty((n_mode, n_freq)), np.empty((n_mode, n_freq))
    power, g_power = np.empty((n_mode, n_freq)), np.empty((n_mode, n_freq))
    own, wave, loop = np.empty((3, 2, n_freq)), np.empty((3, 2, n_freq)), np.empty((2, 2, n_freq))
    cortex, delay = np.empty((2, n_freq)), np.empty((2, n_freq))
    at, pull_back, work = np.empty(n_freq), np.empty(n_freq), np.empty((7, n_freq))
    w = 2 * np.pi * freq
    cortex[0], cortex[1] = 1 - (w / GAMMA) ** 2, -2 * w / GAMMA
    delay[0], delay[1] = np.cos(w * t0), np.sin(w * t0)
    # modes that only pad the shape reach no channel; the first one makes the wall
    real = np.ones(n_mode, np.bool_)
    for k in range(1, n_mode):
        real[k] = np.any(modes[:, k] != 0)
    for s in range(n_stage):
        r = ratio[s]
        a, spread = alpha[s], (1 + r) ** 2 / r
        zp = z[s] * spread
        back = y[s] * (1 + zp)
        filters(a, r, zp, w, delay, own, wave, loop)
        g_power[:] = 0.0
        seen_here = 0
        for k in range(n_mode):
            if real[k]:
                respond(kappa * eigenvalues[k], x[s], back, own, wave, loop, cortex, re[k], im[k], power[k])
        for j in range(n_channel):
            if not np.any(used[s, j] > 0):
                continue
            seen_here += 1
            at[:] = 0.0
            for k in range(n_mode):
                if real[k]:
                    for f in range(n_freq):
                        at[f] += modes[j, k] * power[k, f]
            found = residuals(
                at, emg[s], scale[s, j], sigma[s], nu, muscle, weight, seen[s, j], variance[s, j], used[s, j],
                pull_back, work,
            )  # fmt: skip
            value += found[0]
            gradient[6, s] += found[1]
            g_scale[s, j] += found[2]
            gradient[7, s] += found[3]
            for k in range(n_mode):
                if real[k]:
                    for f in range(n_freq):
                        g_power[k, f] += modes[j, k] * pull_back[f]
        edge, push, of_rate = wall(x[s], y[s], a, r, w, power[0], g_power[0], work[0])
        value += edge
        gradient[0, s] += push
        gradient[1, s] += push
        gradient[3, s] += of_rate
        for k in range(n_mode):
            if real[k] and (k == 0 or seen_here > 0):
                of = pull_through(
                    g_power[k], power[k], re[k], im[k], kappa * eigenvalues[k], x[s], back, own, wave, loop, cortex, w,
                    work,
                )  # fmt: skip
                scatter(of, eigenvalues[k], y[s], zp, spread, gradient[:, s])
    return (
        value, gradient[0], gradient[1], gradient[2], gradient[3], gradient[4].sum(), gradient[5].sum(), gradient[6],
        g_scale, gradient[7],
    )  # fmt: skip
