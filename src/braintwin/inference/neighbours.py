"""How many neighbouring frequencies of a spectrum say the same thing.

What a model misses of a spectrum is smooth: windows smear it, and a peak that is not in the model covers several bins.
Bins taken as independent then count one error many times, and intervals come out too narrow.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SPAN_HZ = 5.0
"""Farthest frequencies that are held to say the same thing."""


def scores(error: Floats, spread: Floats, used: npt.NDArray[np.bool_], nu: float) -> Floats:
    """Return the pull of each bin on the model's level there, in units of its spread; 0 where a bin is not used.

    Parameters
    ----------
    error : (..., freq) array
        Seen less modelled log spectrum, nat.
    spread : (..., freq) array
        Scale of the residual with the sampling error, nat.
    nu : float
        Degrees of freedom of the residual (Student-t): far bins pull less.
    """
    far = np.where(used, error / spread, 0.0)
    return np.asarray((nu + 1) * far / (nu + far**2))


def repeats(pull: Floats, used: npt.NDArray[np.bool_], reach: Floats, step_hz: float) -> Floats:
    """Return by what the variance of a sum over neighbouring bins exceeds that of independent ones (at least 1).

    The integrated autocorrelation over frequency of each stage: 1 + 2 (ρ₁ + ρ₂ + ...), as far as the autocorrelation of
    all stages together stands out from chance, up to `SPAN_HZ`: how far one stage's does, its bins are too few to tell.
    What the fit has taken away of neighbours is given back: residuals of independent errors are correlated by minus the
    hat matrix. Raising a likelihood to one over the result gives intervals of the right width to first order
    (doi:10.1016/j.jspi.2006.12.009).

    Parameters
    ----------
    pull : (stage, channel, freq) array
        Of :func:`scores`.
    used : (stage, channel, freq) bool array
        Bins that count.
    reach : (stage, channel, freq, dim) array
        Rows whose products are the hat matrix of the fit.
    step_hz : float
        Distance of neighbouring bins.

    Returns
    -------
    (stage,) array
    """
    counted = used.astype(float)
    total = np.ones(len(pull))
    square, left = _by_stage(counted * pull**2), _by_stage(counted * (1 - np.sum(reach**2, axis=-1)))
    if not square.sum() > 0 or not left.sum() > 0:
        return total
    for lag in range(1, max(1, round(SPAN_HZ / step_hz)) + 1):
        both = counted[..., lag:] * counted[..., :-lag]
        if both.sum() < 2:
            break
        near = _by_stage(both * pull[..., lag:] * pull[..., :-lag])
        taken = _by_stage(both * np.sum(reach[..., lag:, :] * reach[..., :-lag, :], axis=-1))
        rho = counted.sum() / both.sum() * (near.sum() / square.sum() + taken.sum() / left.sum())
        if rho < 2 / np.sqrt(both.sum()):
            break
        pairs = np.maximum(_by_stage(both), 1.0)
        own = near / np.maximum(square, 1e-12) + taken / np.maximum(left, 1e-12)
        total += 2 * _by_stage(counted) / pairs * own
    return np.maximum(total, 1.0)


def _by_stage(values: Floats) -> Floats:
    return np.asarray(values.sum(axis=(1, 2)))
