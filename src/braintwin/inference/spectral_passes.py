"""The passes over frequency of the spectral likelihood and its gradient, compiled by numba.

A loop writes one array, so that the compiler can prove that it touches no other one and takes several frequencies at a
time; with everything in one loop the same cost three times as much. The compiler may not reorder sums nor fuse products
("fastmath"): what it would do depends on what else was compiled before, and a person's draws then depend on it
(decision 035). Sums are written in the lanes that it would have used.
"""

import math

import numba
import numpy as np
import numpy.typing as npt

from braintwin.inference.spectral_kernel import EDGE, EDGE_HEIGHT, EDGE_WIDTH
from braintwin.models.corticothalamic import GAMMA

Floats = npt.NDArray[np.float64]

JIT = {"error_model": "numpy"}

_MANTISSA, _ONE, _EXPONENT = (np.int64(bits) for bits in (0x000FFFFFFFFFFFFF, 0x3FF0000000000000, 0x4330000000000000))
_SHIFT = 4503599627370496.0 + 1023.0
"""An exponent e written into the last bits of 2⁵² reads as 2⁵² + 1023 + e."""

_LEAST, _MOST = 2.3e-308, 1.7e308
_ROOT_2, _LN_2 = math.sqrt(2.0), math.log(2.0)


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def logarithms(values: Floats, out: Floats, work: Floats) -> None:
    """Write the logs of `values` (n,) to `out`, to 4e-16; `work` is (2, n).

    The log of the library does one number at a time. Here x = m 2ᵉ with m in [√½, √2), and the log of m is the series
    of 2 artanh((m - 1)/(m + 1)). What is no positive normal number is left to the library.
    """
    n = values.shape[0]
    bits, parts = values.view(np.int64), work.view(np.int64)
    fraction, power = parts[0], parts[1]
    strange = 0.0
    for i in range(n):
        strange += 0.0 if _LEAST < values[i] < _MOST else 1.0
    for i in range(n):
        fraction[i] = (bits[i] & _MANTISSA) | _ONE
    for i in range(n):
        power[i] = (bits[i] >> 52) | _EXPONENT
    m, e = work[0], work[1]
    for i in range(n):
        large = m[i] > _ROOT_2
        part = 0.5 * m[i] if large else m[i]
        s = (part - 1) / (part + 1)
        q = s * s
        series = 1 / 11 + q * (1 / 13 + q * (1 / 15 + q * (1 / 17 + q * (1 / 19))))
        series = q * (1 / 3 + q * (1 / 5 + q * (1 / 7 + q * (1 / 9 + q * series))))
        out[i] = (e[i] - _SHIFT + (1.0 if large else 0.0)) * _LN_2 + 2 * (s + s * series)
    if strange > 0:
        for i in range(n):
            if not _LEAST < values[i] < _MOST:
                out[i] = math.log(values[i])


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def total(values: Floats) -> float:
    """Return the sum of `values` (n,), in eight lanes."""
    n = values.shape[0]
    a, b, c, d, e, f, g, h = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    whole = n - n % 8
    for i in range(0, whole, 8):
        a += values[i]
        b += values[i + 1]
        c += values[i + 2]
        d += values[i + 3]
        e += values[i + 4]
        f += values[i + 5]
        g += values[i + 6]
        h += values[i + 7]
    for i in range(whole, n):
        a += values[i]
    return ((a + e) + (b + f)) + ((c + g) + (d + h))


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def filters(a: float, r: float, zp: float, w: Floats, b_re: Floats, q_im: Floats, slope: Floats) -> None:
    """Write the dendritic filter Q + Z' (real, imaginary) and its derivative in α, `slope` (2, freq)."""
    square, line = 1 / (r * a * a), (1 + 1 / r) / a
    for f in range(w.shape[0]):
        a1, b1 = 1 - w[f] * w[f] * square, -w[f] * line
        b_re[f] = a1 * a1 - b1 * b1 + zp
    for f in range(w.shape[0]):
        a1, b1 = 1 - w[f] * w[f] * square, -w[f] * line
        q_im[f] = 2 * a1 * b1
    d_re, d_im = slope[0], slope[1]
    d_square, d_line = 2 * square / a, line / a
    for f in range(w.shape[0]):
        a1, b1 = 1 - w[f] * w[f] * square, -w[f] * line
        da1, db1 = w[f] * w[f] * d_square, w[f] * d_line
        d_re[f] = 2 * (a1 * da1 - b1 * db1)
    for f in range(w.shape[0]):
        a1, b1 = 1 - w[f] * w[f] * square, -w[f] * line
        da1, db1 = w[f] * w[f] * d_square, w[f] * d_line
        d_im[f] = 2 * (a1 * db1 + b1 * da1)


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def respond(
    lift: float, loop: float, b_re: Floats, q_im: Floats, cortex: Floats, delay: Floats,
    re: Floats, im: Floats, power: Floats,
) -> None:  # fmt: skip
    """Write 1/H of one mode (real, imaginary) and its power |H|², each (freq,).

    Parameters
    ----------
    lift, loop : float
        κλ - X; Y (1 + Z').
    b_re, q_im : (freq,) array
        The dendritic filter.
    cortex, delay : (2, freq) array
        D, and cosine and sine of ωt₀.
    """
    d_re, d_im, cos, sin = cortex[0], cortex[1], delay[0], delay[1]
    for f in range(re.shape[0]):
        re[f] = b_re[f] * (d_re[f] + lift) - q_im[f] * d_im[f] - loop * cos[f]
    for f in range(re.shape[0]):
        im[f] = b_re[f] * d_im[f] + q_im[f] * (d_re[f] + lift) - loop * sin[f]
    for f in range(re.shape[0]):
        power[f] = 1 / (re[f] * re[f] + im[f] * im[f])


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
def wall(
    x: float, y: float, a: float, r: float, w: Floats, power: Floats, g_power: Floats, floor: Floats
) -> tuple[float, float, float]:
    """Return the wall of stability and its derivative in X and Y (the same one) and in α; add to `g_power` of mode 0.

    The wall is the distance of the uniform mode's dispersion function from 0, at the nearest frequency or at ω = 0.
    """
    one, other = 1 / (a * a), 1 / (r * r * a * a)
    for f in range(w.shape[0]):
        both = (1 + w[f] * w[f] * one) * (1 + w[f] * w[f] * other)
        floor[f] = 1 / (power[f] * both * both)
    nearest = 0
    for f in range(w.shape[0]):
        if floor[f] < floor[nearest]:
            nearest = f
    lowest = 1 - x - y
    # NaN must reach the value
    inside = not math.sqrt(floor[nearest]) >= lowest
    if inside:
        lowest = math.sqrt(floor[nearest])
    u = (EDGE - lowest) / EDGE_WIDTH
    value = -EDGE_HEIGHT * (max(u, 0.0) + math.log1p(math.exp(-abs(u))))
    push = EDGE_HEIGHT / EDGE_WIDTH / (1 + math.exp(min(max(-u, -700.0), 700.0)))
    if not inside:
        return value, -push, 0.0
    g_power[nearest] -= push * lowest / (2 * power[nearest])
    first, second = w[nearest] * w[nearest] * one, w[nearest] * w[nearest] * other
    return value, 0.0, push * lowest * 2 / a * (first / (1 + first) + second / (1 + second))


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def pull_through(
    g_power: Floats, power: Floats, re: Floats, im: Floats, lift: float, b_re: Floats, q_im: Floats, slope: Floats,
    cortex: Floats, delay: Floats, w: Floats, work: Floats,
) -> tuple[float, float, float, float, float]:  # fmt: skip
    """Return the derivative in κλ - X, Z', α (of the filter), Y (1 + Z') and t₀ (over Y (1 + Z')) of one mode.

    `work` is (7, freq).
    """
    n = w.shape[0]
    d_re, d_im, cos, sin = cortex[0], cortex[1], delay[0], delay[1]
    dq_re, dq_im = slope[0], slope[1]
    g_re, g_im, g_b, g_q, term = work[0], work[1], work[2], work[3], work[4]
    for f in range(n):
        g_re[f] = -2 * g_power[f] * power[f] * power[f] * re[f]
    for f in range(n):
        g_im[f] = -2 * g_power[f] * power[f] * power[f] * im[f]
    for f in range(n):
        term[f] = g_re[f] * b_re[f] + g_im[f] * q_im[f]
    of_lift = total(term)
    for f in range(n):
        g_b[f] = g_re[f] * (d_re[f] + lift) + g_im[f] * d_im[f]
    of_z = total(g_b)
    for f in range(n):
        g_q[f] = -g_re[f] * d_im[f] + g_im[f] * (d_re[f] + lift)
    for f in range(n):
        term[f] = g_b[f] * dq_re[f] + g_q[f] * dq_im[f]
    of_rate = total(term)
    for f in range(n):
        term[f] = g_re[f] * cos[f] + g_im[f] * sin[f]
    of_loop = -total(term)
    for f in range(n):
        term[f] = w[f] * (g_re[f] * sin[f] - g_im[f] * cos[f])
    return of_lift, of_z, of_rate, of_loop, total(term)


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def log_likelihood(
    x: Floats, y: Floats, z: Floats, alpha: Floats, t0: float, kappa: float, emg: Floats, scale: Floats, sigma: float,
    ratio: Floats, freq: Floats, weight: Floats, muscle: Floats, nu: float,
    seen: Floats, variance: Floats, used: Floats, modes: Floats, eigenvalues: Floats,
) -> tuple[float, Floats, Floats, Floats, Floats, float, float, Floats, Floats, float]:  # fmt: skip
    """Return the log likelihood with the wall of stability, and its gradient.

    Parameters
    ----------
    x, y, z, alpha, emg : (stage,) array
        Loop gains, dendritic decay rate (1/s), EMG fraction.
    t0, kappa, sigma : float
        Delay (s), graph coupling, residual scale (nat).
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
    g_x, g_y, g_z, g_alpha = np.zeros(n_stage), np.zeros(n_stage), np.zeros(n_stage), np.zeros(n_stage)
    g_emg, g_scale = np.zeros(n_stage), np.zeros((n_stage, n_channel))
    value, g_t0, g_kappa, g_sigma = 0.0, 0.0, 0.0, 0.0
    re, im = np.empty((n_mode, n_freq)), np.empty((n_mode, n_freq))
    power, g_power = np.empty((n_mode, n_freq)), np.empty((n_mode, n_freq))
    b_re, q_im, slope = np.empty(n_freq), np.empty(n_freq), np.empty((2, n_freq))
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
        loop = y[s] * (1 + zp)
        filters(a, r, zp, w, b_re, q_im, slope)
        g_power[:] = 0.0
        seen_here = 0
        for k in range(n_mode):
            if real[k]:
                respond(kappa * eigenvalues[k] - x[s], loop, b_re, q_im, cortex, delay, re[k], im[k], power[k])
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
                at, emg[s], scale[s, j], sigma, nu, muscle, weight, seen[s, j], variance[s, j], used[s, j],
                pull_back, work,
            )  # fmt: skip
            value += found[0]
            g_emg[s] += found[1]
            g_scale[s, j] += found[2]
            g_sigma += found[3]
            for k in range(n_mode):
                if real[k]:
                    for f in range(n_freq):
                        g_power[k, f] += modes[j, k] * pull_back[f]
        edge, push, of_rate = wall(x[s], y[s], a, r, w, power[0], g_power[0], work[0])
        value += edge
        g_x[s] += push
        g_y[s] += push
        g_alpha[s] += of_rate
        for k in range(n_mode):
            if real[k] and (k == 0 or seen_here > 0):
                of = pull_through(
                    g_power[k],
                    power[k],
                    re[k],
                    im[k],
                    kappa * eigenvalues[k] - x[s],
                    b_re,
                    q_im,
                    slope,
                    cortex,
                    delay,
                    w,
                    work,
                )
                g_x[s] -= of[0]
                g_kappa += of[0] * eigenvalues[k]
                g_alpha[s] += of[2]
                g_y[s] += of[3] * (1 + zp)
                g_z[s] += (of[1] + of[3] * y[s]) * spread
                g_t0 += loop * of[4]
    return value, g_x, g_y, g_z, g_alpha, g_t0, g_kappa, g_emg, g_scale, g_sigma
