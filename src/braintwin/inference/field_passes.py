"""The field's response and its derivatives, one pass over frequency at a time, compiled by numba.

A loop writes one array, so that the compiler can prove that it touches no other one and takes several frequencies at a
time; with everything in one loop the same cost three times as much. The formulas are those of
:mod:`braintwin.models.corticothalamic`.
"""

import math

import numba
import numpy as np
import numpy.typing as npt

from braintwin.inference.lanes import JIT, total
from braintwin.inference.spectral_kernel import EDGE, EDGE_HEIGHT, EDGE_WIDTH
from braintwin.models.corticothalamic import INHIBITION, RETICULAR

Floats = npt.NDArray[np.float64]


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def filters(a: float, r: float, zp: float, w: Floats, delay: Floats, own: Floats, wave: Floats, loop: Floats) -> None:
    """Write what dendrites do to X, to the wave of the cortex, and to the loop through the thalamus.

    With L the low-pass of dendrites `own` is [1/L² + Z'] L and `wave` is [1/L² + Z'] (1 + gL)/(1 + g), each
    (3, 2, freq): value, derivative in Z', and in α; real, imaginary. `loop` is (1 + m - mL) exp(iωt₀), (2, 2, freq):
    value and derivative in α. `delay` is (2, freq), cosine and sine of ωt₀.
    """
    n = w.shape[0]
    square, line = 1 / (r * a * a), (1 + 1 / r) / a
    d_square, d_line = 2 * square / a, line / a
    low_re, low_im = own[1, 0], own[1, 1]
    for f in range(n):
        x, y = 1 - w[f] * w[f] * square, -w[f] * line
        low_re[f] = x / (x * x + y * y)
    for f in range(n):
        x, y = 1 - w[f] * w[f] * square, -w[f] * line
        low_im[f] = -y / (x * x + y * y)
    own_re, own_im, rate_re, rate_im = own[0, 0], own[0, 1], own[2, 0], own[2, 1]
    for f in range(n):
        own_re[f] = 1 - w[f] * w[f] * square + zp * low_re[f]
    for f in range(n):
        own_im[f] = -w[f] * line + zp * low_im[f]
    # first of L itself: L' = -L² (1/L)'
    for f in range(n):
        dx, dy = w[f] * w[f] * d_square, w[f] * d_line
        lx, ly = low_re[f] * low_re[f] - low_im[f] * low_im[f], 2 * low_re[f] * low_im[f]
        rate_re[f] = ly * dy - lx * dx
    for f in range(n):
        dx, dy = w[f] * w[f] * d_square, w[f] * d_line
        lx, ly = low_re[f] * low_re[f] - low_im[f] * low_im[f], 2 * low_re[f] * low_im[f]
        rate_im[f] = -lx * dy - ly * dx
    cos, sin = delay[0], delay[1]
    loop_re, loop_im, turn_re, turn_im = loop[0, 0], loop[0, 1], loop[1, 0], loop[1, 1]
    for f in range(n):
        loop_re[f] = (1 + RETICULAR * (1 - low_re[f])) * cos[f] + RETICULAR * low_im[f] * sin[f]
    for f in range(n):
        loop_im[f] = (1 + RETICULAR * (1 - low_re[f])) * sin[f] - RETICULAR * low_im[f] * cos[f]
    for f in range(n):
        turn_re[f] = RETICULAR * (rate_im[f] * sin[f] - rate_re[f] * cos[f])
    for f in range(n):
        turn_im[f] = -RETICULAR * (rate_re[f] * sin[f] + rate_im[f] * cos[f])
    for f in range(n):
        rate_re[f] = w[f] * w[f] * d_square + zp * rate_re[f]
    for f in range(n):
        rate_im[f] = w[f] * d_line + zp * rate_im[f]
    share, rest = INHIBITION / (1 + INHIBITION), 1 / (1 + INHIBITION)
    wave_re, wave_im = wave[0, 0], wave[0, 1]
    for f in range(n):
        x, y = 1 - w[f] * w[f] * square, -w[f] * line
        wave_re[f] = share * own_re[f] + rest * (x * x - y * y + zp)
    for f in range(n):
        x, y = 1 - w[f] * w[f] * square, -w[f] * line
        wave_im[f] = share * own_im[f] + rest * (2 * x * y)
    z_re, z_im, a_re, a_im = wave[1, 0], wave[1, 1], wave[2, 0], wave[2, 1]
    for f in range(n):
        z_re[f] = share * low_re[f] + rest
    for f in range(n):
        z_im[f] = share * low_im[f]
    for f in range(n):
        x, y = 1 - w[f] * w[f] * square, -w[f] * line
        dx, dy = w[f] * w[f] * d_square, w[f] * d_line
        a_re[f] = share * rate_re[f] + 2 * rest * (x * dx - y * dy)
    for f in range(n):
        x, y = 1 - w[f] * w[f] * square, -w[f] * line
        dx, dy = w[f] * w[f] * d_square, w[f] * d_line
        a_im[f] = share * rate_im[f] + 2 * rest * (x * dy + y * dx)


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def respond(
    lift: float, gain: float, back: float, own: Floats, wave: Floats, loop: Floats, cortex: Floats,
    re: Floats, im: Floats, power: Floats,
) -> None:  # fmt: skip
    """Write 1/H of one mode (real, imaginary) and its power |H|², each (freq,).

    Parameters
    ----------
    lift, gain, back : float
        κλ; X; Y (1 + Z').
    own, wave : (3, 2, freq) array
    loop : (2, 2, freq) array
        What dendrites do, as `filters` has it.
    cortex : (2, freq) array
        D.
    """
    d_re, d_im, loop_re, loop_im = cortex[0], cortex[1], loop[0, 0], loop[0, 1]
    own_re, own_im, wave_re, wave_im = own[0, 0], own[0, 1], wave[0, 0], wave[0, 1]
    for f in range(re.shape[0]):
        re[f] = wave_re[f] * (d_re[f] + lift) - wave_im[f] * d_im[f] - gain * own_re[f] - back * loop_re[f]
    for f in range(re.shape[0]):
        im[f] = wave_re[f] * d_im[f] + wave_im[f] * (d_re[f] + lift) - gain * own_im[f] - back * loop_im[f]
    for f in range(re.shape[0]):
        power[f] = 1 / (re[f] * re[f] + im[f] * im[f])


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
    g_power: Floats, power: Floats, re: Floats, im: Floats, lift: float, gain: float, back: float,
    own: Floats, wave: Floats, loop: Floats, cortex: Floats, w: Floats, work: Floats,
) -> tuple[float, float, float, float, float, float]:  # fmt: skip
    """Return the derivative in κλ, X, Z', α (of the filters), Y (1 + Z') and t₀ (over Y (1 + Z')) of one mode.

    `work` is (7, freq).
    """
    n = w.shape[0]
    d_re, d_im = cortex[0], cortex[1]
    loop_re, loop_im, turn_re, turn_im = loop[0, 0], loop[0, 1], loop[1, 0], loop[1, 1]
    g_re, g_im, w_re, w_im, term = work[0], work[1], work[2], work[3], work[4]
    for f in range(n):
        g_re[f] = -2 * g_power[f] * power[f] * power[f] * re[f]
    for f in range(n):
        g_im[f] = -2 * g_power[f] * power[f] * power[f] * im[f]
    of_wave_re, of_wave_im, of_own_re, of_own_im = wave[0, 0], wave[0, 1], own[0, 0], own[0, 1]
    for f in range(n):
        term[f] = g_re[f] * of_wave_re[f] + g_im[f] * of_wave_im[f]
    of_lift = total(term)
    for f in range(n):
        term[f] = g_re[f] * of_own_re[f] + g_im[f] * of_own_im[f]
    of_gain = -total(term)
    # what the wave is pulled by
    for f in range(n):
        w_re[f] = g_re[f] * (d_re[f] + lift) + g_im[f] * d_im[f]
    for f in range(n):
        w_im[f] = -g_re[f] * d_im[f] + g_im[f] * (d_re[f] + lift)
    of_filters = np.empty(2)
    for i in range(2):
        wave_re, wave_im, own_re, own_im = wave[i + 1, 0], wave[i + 1, 1], own[i + 1, 0], own[i + 1, 1]
        for f in range(n):
            by_wave = w_re[f] * wave_re[f] + w_im[f] * wave_im[f]
            term[f] = by_wave - gain * (g_re[f] * own_re[f] + g_im[f] * own_im[f])
        of_filters[i] = total(term)
    for f in range(n):
        term[f] = g_re[f] * turn_re[f] + g_im[f] * turn_im[f]
    of_rate = of_filters[1] - back * total(term)
    for f in range(n):
        term[f] = g_re[f] * loop_re[f] + g_im[f] * loop_im[f]
    of_back = -total(term)
    for f in range(n):
        term[f] = w[f] * (g_re[f] * loop_im[f] - g_im[f] * loop_re[f])
    return of_lift, of_gain, of_filters[0], of_rate, of_back, total(term)


@numba.njit(**JIT)  # type: ignore[untyped-decorator]
def scatter(
    of: tuple[float, float, float, float, float, float], eigenvalue: float, y: float, zp: float, spread: float,
    gradient: Floats,
) -> None:  # fmt: skip
    """Add what one mode pulls at (:func:`pull_through`) to `gradient`, which begins with X, Y, Z, α, t₀, κ.

    `zp` is Z' = Z `spread`.
    """
    of_lift, of_gain, of_z, of_rate, of_back, of_delay = of
    gradient[0] += of_gain
    gradient[1] += of_back * (1 + zp)
    gradient[2] += (of_z + of_back * y) * spread
    gradient[3] += of_rate
    gradient[4] += y * (1 + zp) * of_delay
    gradient[5] += of_lift * eigenvalue
