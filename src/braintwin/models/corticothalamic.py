"""Spectrum and stability of a linearised corticothalamic neural field, in closed form and real arithmetic.

The loop gains enter as X (cortical), Y (corticothalamic) and Z (intrathalamic): the five raw gains are not
identifiable from a spectrum. With D = (1 - iω/γ)², the dendrites' low-pass L = 1 / [(1 - iω/α)(1 - iω/β)], inhibition
within the cortex of gain g, C = (1 + gL)/(1 + g), a share m of the corticothalamic loop that the reticular nucleus
takes away again, R = 1 + m - mL, and Z' = Z (α + β)²/(αβ), mode k of the graph Laplacian responds to white input by

    H_k(ω) = 1 / { [1/L² + Z'] [C (D + κλ_k) - L X] - Y (1 + Z') R exp(iωt₀) }

(doi:10.1103/PhysRevE.63.021903, doi:10.1103/PhysRevE.65.041924; graph form doi:10.1371/journal.pcbi.1008310). It is the
model of five gains (`braintwin.models.gains`) with g and m fixed; within the cortex C = L = 1, and R = 1, as is often
taken, moves X, Y, Z and α (decision 037). PyTensor has no gradient through complex numbers, hence the real form.
"""

import math
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

GAMMA = 116.0
"""Cortical damping rate γ, 1/s."""

INHIBITION = 5.0
"""Gain g of the cortex's inhibition of itself, -G_ei: published states have 4.1, 4.5, 7.0, and no spectrum tells it."""

RETICULAR = 0.3
"""What reticular cells take from the loop through relay cells, m = -G_esre / (G_ese + G_esre): a published state with a
strong loop has .39, and .33 to .37 under drugs."""

EMG_PEAK = 40.0
"""Peak of the muscle spectrum, Hz."""

FEW = 40
"""Number of brains from which compiling the winding rule is worth its second."""

Floats = npt.NDArray[np.floating]


def denominator(
    freq: Any, *, X: Any, Y: Any, Z: Any, t0: Any, alpha: Any, beta: Any, coupling: Any = 0.0, xp: ModuleType = np
) -> tuple[Any, Any]:
    """Return the real and imaginary part of 1/H.

    Parameters
    ----------
    freq : (..., freq) array
        Frequency, Hz.
    X, Y, Z : array
        Loop gains; like all others they must broadcast against `freq` (give them a last axis of length 1).
    t0 : array
        Corticothalamic loop delay, s.
    alpha, beta : array
        Dendritic decay and rise rate, 1/s.
    coupling : array
        κλ_k of the mode; 0 is the uniform mode.
    xp : module
        `numpy`, or `pytensor.tensor` for symbolic variables.
    """
    w = 2 * np.pi * freq
    return _inverse(w, xp.cos(w * t0), xp.sin(w * t0), X, Y, Z, alpha, beta, coupling)


def _inverse(
    w: Any, cos: Any, sin: Any, x: Any, y: Any, z: Any, alpha: Any, beta: Any, coupling: Any
) -> tuple[Any, Any]:
    """Return the real and imaginary part of 1/H from ω and the cosine and sine of ωt₀: arithmetic alone, for all."""
    a, b = 1 - w * w / (alpha * beta), -w * (1 / alpha + 1 / beta)
    low = 1 / (a * a + b * b)
    zp = z * (alpha + beta) ** 2 / (alpha * beta)
    # [1/L² + Z'] L, and [1/L² + Z'] C
    own_re, own_im = a + zp * a * low, b - zp * b * low
    wave_re = (a * a - b * b + zp + INHIBITION * own_re) / (1 + INHIBITION)
    wave_im = (2 * a * b + INHIBITION * own_im) / (1 + INHIBITION)
    spread_re, spread_im = 1 - (w / GAMMA) ** 2 + coupling, -2 * w / GAMMA
    loop, loop_re, loop_im = y * (1 + zp), 1 + RETICULAR * (1 - a * low), RETICULAR * b * low
    real = wave_re * spread_re - wave_im * spread_im - x * own_re - loop * (loop_re * cos - loop_im * sin)
    imag = wave_re * spread_im + wave_im * spread_re - x * own_im - loop * (loop_re * sin + loop_im * cos)
    return real, imag


def transfer_power(
    freq: Any, *, X: Any, Y: Any, Z: Any, t0: Any, alpha: Any, beta: Any, coupling: Any = 0.0, xp: ModuleType = np
) -> Any:
    """Return |H_k(ω)|², the gain in power of one mode; parameters as in :func:`denominator`."""
    real, imag = denominator(freq, X=X, Y=Y, Z=Z, t0=t0, alpha=alpha, beta=beta, coupling=coupling, xp=xp)
    return 1 / (real**2 + imag**2)


def network_power(freq: Any, modes: Any, eigenvalues: Any, kappa: Any, *, xp: ModuleType = np, **loop: Any) -> Any:
    """Return the auto-spectra that white input of unit power gives at each sensor.

    Parameters
    ----------
    freq : (freq,) array
        Frequency, Hz.
    modes : (sensor, mode) array
        W_jk, the squared weight of mode k in sensor j.
    eigenvalues : (mode,) array
        λ_k of the normalised graph Laplacian, in [0, 2].
    kappa : array
        Coupling κ; a scalar, or any shape of draws.
    loop
        X, Y, Z, t0, alpha, beta: scalars, or of the shape of `kappa`.

    Returns
    -------
    (..., sensor, freq) array
    """
    wide = {name: value[..., None, None] if getattr(value, "ndim", 0) else value for name, value in loop.items()}
    kappa = kappa[..., None, None] if getattr(kappa, "ndim", 0) else kappa
    power = transfer_power(freq, coupling=kappa * eigenvalues[:, None], xp=xp, **wide)
    return xp.matmul(modes, power)


def emg_shape(freq: Any, fmin: float, fmax: float) -> Any:
    """Return the muscle spectrum with unit area on [fmin, fmax], 1/Hz; doi:10.1016/j.jneumeth.2015.06.001.

    ``(f/f_e)² / [1 + (f/f_e)²]²`` with ``f_e`` = 40 Hz; the area is its closed-form integral.
    """

    def integral(f: float) -> float:
        u = f / EMG_PEAK
        return float(EMG_PEAK / 2 * (np.arctan(u) - u / (1 + u**2)))

    u2 = (freq / EMG_PEAK) ** 2
    return u2 / (1 + u2) ** 2 / (integral(fmax) - integral(fmin))


def is_stable(
    X: Any, Y: Any, Z: Any, t0: Any, alpha: Any, beta: Any, *, fmax: float = 100.0, n_freq: int = 1001
) -> npt.NDArray[np.bool_]:
    """Tell whether the uniform mode, the least stable one, has all its poles in the stable half plane.

    By the argument principle: along ω from 0 to ∞ the dispersion function ``L²/H`` must start positive and cross
    the negative real axis as often in one direction as in the other. Where ``Im`` changes sign between two
    frequencies, ``Re`` is interpolated at the crossing.

    Parameters
    ----------
    X, Y, Z, t0, alpha, beta : array
        As in :func:`denominator`, of any shapes that broadcast.

    Returns
    -------
    (...) bool array
    """
    parameters = np.broadcast_arrays(*(np.asarray(p, dtype=float) for p in (X, Y, Z, t0, alpha, beta)))
    columns = np.stack([p.ravel() for p in parameters])
    judge, inverse = (_winds_not, _inverse) if columns.shape[1] < FEW else _compiled_winding()
    return np.asarray(judge(columns, np.linspace(0.0, fmax, n_freq), inverse)).reshape(parameters[0].shape)


def _winds_not(columns: Floats, freq: Floats, inverse: Any) -> npt.NDArray[np.bool_]:
    """Return for each column (X, Y, Z, t0, α, β) whether its dispersion function does not wind about 0.

    Written as a loop: arrays of draw × frequency were half of a person's fit. `inverse` is :func:`_inverse`.
    """
    stable = np.empty(columns.shape[1], dtype=np.bool_)
    for i in range(columns.shape[1]):
        x, y, z, t0, alpha, beta = columns[:, i]
        turns, last_re, last_im, start = 0, 0.0, 0.0, False
        for k in range(freq.shape[0]):
            w = 2 * math.pi * freq[k]
            a, b = 1 - w * w / (alpha * beta), -w * (1 / alpha + 1 / beta)
            re, im = inverse(w, math.cos(w * t0), math.sin(w * t0), x, y, z, alpha, beta, 0.0)
            filter_re, filter_im = a * a - b * b, 2 * a * b
            size = filter_re * filter_re + filter_im * filter_im
            now_re, now_im = (re * filter_re + im * filter_im) / size, (im * filter_re - re * filter_im) / size
            if k == 0:
                start = x + y < 1
            elif (last_im < 0) != (now_im < 0) and last_re - last_im * (now_re - last_re) / (now_im - last_im) < 0:
                turns += 1 if now_im > last_im else -1
            last_re, last_im = now_re, now_im
        stable[i] = start and turns == 0
    return stable


@cache
def _compiled_winding() -> Any:
    import numba

    rules = {"error_model": "numpy"}
    return numba.njit(_winds_not, **rules), numba.njit(_inverse, **rules)


def dispersion_floor(freq: Any, *, xp: ModuleType = np, **loop: Any) -> Any:
    """Return |L²/H|² of the uniform mode at each frequency: its approach to 0 is the edge of stability.

    Parameters
    ----------
    freq : (..., freq) array
        Frequency, Hz.
    loop
        X, Y, Z, t0, alpha, beta as in :func:`denominator`.
    """
    real, imag = denominator(freq, xp=xp, **loop)
    w2 = (2 * np.pi * freq) ** 2
    filters = (1 + w2 / loop["alpha"] ** 2) * (1 + w2 / loop["beta"] ** 2)
    return (real**2 + imag**2) / filters**2
