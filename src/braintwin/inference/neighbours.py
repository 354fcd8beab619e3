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


def repeats(pull: Floats, used: npt.NDArray[np.bool_], reach: Floats, step_hz: float) -> float:
    """Return by what the variance of a sum over neighbouring bins exceeds that of independent ones (at least 1).

    The integrated autocorrelation over frequency, one for the spectra of a stage: 1 + 2 (ρ₁ + ρ₂ + ...), as far as the
    autocorrelation stands out from chance, up to `SPAN_HZ`. What the fit has taken away of neighbours is given back:
    residuals of independent errors are correlated by minus the hat matrix. Raising a likelihood to one over the result
    gives intervals of the right width to first order (doi:10.1016/j.jspi.2006.12.009).

    Parameters
    ----------
    pull : (..., freq) array
        Of :func:`scores`.
    used : (..., freq) bool array
        Bins that count.
    reach : (..., freq, dim) array
        Rows whose products are the hat matrix of the fit.
    step_hz : float
        Distance of neighbouring bins.
    """
    counted = used.astype(float)
    square = np.sum(counted * pull**2)
    left = np.sum(counted * (1 - np.sum(reach**2, axis=-1)))
    if not square > 0 or not left > 0:
        return 1.0
    total = 1.0
    for lag in range(1, max(1, round(SPAN_HZ / step_hz)) + 1):
        both = counted[..., lag:] * counted[..., :-lag]
        if both.sum() < 2:
            break
        share = counted.sum() / both.sum()
        taken = np.sum(both * np.sum(reach[..., lag:, :] * reach[..., :-lag, :], axis=-1)) / left
        rho = share * (np.sum(both * pull[..., lag:] * pull[..., :-lag]) / square + taken)
        if rho < 2 / np.sqrt(both.sum()):
            break
        total += 2 * rho
    return float(total)
