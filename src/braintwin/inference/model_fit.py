"""A registered model of one power spectrum, fitted to a log spectrum: the best of several robust climbs."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares

from braintwin.models.spectral_models import SpectralModel

Floats = npt.NDArray[np.float64]

SOFT_NAT = 0.2
"""Residual, nat, from which a bin pulls less than in proportion."""


@dataclass(frozen=True)
class FittedModel:
    """The log spectrum of a fitted model at every frequency, its parameters, and what is left of the fit."""

    log_psd: Floats
    values: dict[str, float]
    cost: float


def fit_model(
    model: SpectralModel,
    freq: Floats,
    log_psd: Floats,
    used: npt.NDArray[np.bool_],
    rng: np.random.Generator,
    *,
    starts: int = 4,
    evaluations: int = 60,
) -> FittedModel:
    """Fit a model with a free scale.

    Parameters
    ----------
    freq, log_psd : (freq,) array
        Hz; observed log spectrum.
    used : (freq,) bool array
        Which bins are fitted; the others are predicted.
    starts : int
        Climbs from points drawn evenly from the ranges.
    evaluations : int
        Most evaluations of one climb, differences not counted.
    """
    low, high = (np.array([limits[i] for limits in model.ranges.values()]) for i in (0, 1))

    def prediction(share: Floats) -> Floats:
        values = low + share * (high - low)
        found = np.log(model.formula(freq, **dict(zip(model.ranges, values, strict=True))))
        return np.asarray(found + (log_psd - found)[used].mean())

    def residual(share: Floats) -> Floats:
        return np.asarray((log_psd - prediction(share))[used])

    begin = rng.uniform(0.1, 0.9, (starts, low.size))
    fits = [
        least_squares(residual, start, bounds=(0, 1), loss="soft_l1", f_scale=SOFT_NAT, max_nfev=evaluations)
        for start in begin
    ]
    best = min(fits, key=lambda fit: float(fit.cost))
    values = low + best.x * (high - low)
    return FittedModel(
        prediction(best.x), dict(zip(model.ranges, (float(v) for v in values), strict=True)), float(best.cost)
    )
