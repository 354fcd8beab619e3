"""Spectrum and stability of a linearised corticothalamic neural field, in closed form and real arithmetic.

The loop gains enter as X (cortical), Y (corticothalamic) and Z (intrathalamic): the five raw gains are not
identifiable from a spectrum. With D = (1 - iω/γ)², Q = [(1 - iω/α)(1 - iω/β)]² and Z' = Z (α + β)²/(αβ), mode k
of the graph Laplacian responds to white input by

    H_k(ω) = 1 / { [Q + Z'] [D + κλ_k - X] - Y (1 + Z') exp(iωt₀) }

(doi:10.1103/PhysRevE.63.021903, doi:10.1103/PhysRevE.65.041924; graph form doi:10.1371/journal.pcbi.1008310).
PyTensor has no gradient through complex numbers, hence the real form.
"""

import math
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

GAMMA = 116.0
"""Cortical damping rate γ, 1/s."""

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
        Effective corticothalamic loop delay, s.
    alpha, beta : array
        Dendritic decay and rise rate, 1/s.
    coupling : array
        κλ_k of the mode; 0 is the uniform mode.
    xp : module
        `numpy`, or `pytensor.tensor` for symbolic variables.
    """
    w = 2 * np.pi * freq
    a = 1 - w**2 / (alpha * beta)
    b = -w * (1 / alpha + 1 / beta)
    z = Z * (alpha + beta) ** 2 / (alpha * beta)
    thalamus_re, thalamus_im = a**2 - b**2 + z, 2 * a * b
    cortex_re, cortex_im = 1 - (w / GAMMA) ** 2 + coupling - X, -2 * w / GAMMA
    loop = Y * (1 + z)
    real = thalamus_re * cortex_re - thalamus_im * cortex_im - loop * xp.cos(w * t0)
    imag = thalamus_re * cortex_im + thalamus_im * cortex_re - loop * xp.sin(w * t0)
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
    judge = _winds_not if columns.shape[1] < FEW else _compiled_winding()
    return np.asarray(judge(columns, np.linspace(0.0, fmax, n_freq))).reshape(parameters[0].shape)


def _winds_not(columns: Floats, freq: Floats) -> npt.NDArray[np.bool_]:
    """Return for each column (X, Y, Z, t0, α, β) whether its dispersion function does not wind about 0.

    Written as a loop: arrays of draw × frequency were half of a person's fit.
    """
    stable = np.empty(columns.shape[1], dtype=np.bool_)
    for i in range(columns.shape[1]):
        x, y, z, t0, alpha, beta = columns[:, i]
        zp = z * (alpha + beta) ** 2 / (alpha * beta)
        loop = y * (1 + zp)
        turns, last_re, last_im, start = 0, 0.0, 0.0, False
        for k in range(freq.shape[0]):
            w = 2 * math.pi * freq[k]
            a, b = 1 - w * w / (alpha * beta), -w * (1 / alpha + 1 / beta)
            filter_re, filter_im = a * a - b * b, 2 * a * b
            cortex_re, cortex_im = 1 - (w / GAMMA) ** 2 - x, -2 * w / GAMMA
            thalamus = filter_re + zp
            re = thalamus * cortex_re - filter_im * cortex_im - loop * math.cos(w * t0)
            im = thalamus * cortex_im + filter_im * cortex_re - loop * math.sin(w * t0)
            size = filter_re * filter_re + filter_im * filter_im
            now_re, now_im = (re * filter_re + im * filter_im) / size, (im * filter_re - re * filter_im) / size
            if k == 0:
                start = now_re > 0
            elif (last_im < 0) != (now_im < 0) and last_re - last_im * (now_re - last_re) / (now_im - last_im) < 0:
                turns += 1 if now_im > last_im else -1
            last_re, last_im = now_re, now_im
        stable[i] = start and turns == 0
    return stable


@cache
def _compiled_winding() -> Any:
    import numba

    return numba.njit(_winds_not, error_model="numpy")


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
