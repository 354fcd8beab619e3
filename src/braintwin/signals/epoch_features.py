"""Features of your own: numbers that a formula takes from the spectrum of an epoch, registered by name.

Examples
--------
>>> @feature("power_15_30", unit="µV²", meaning="power in the beta band")          # doctest: +SKIP
... def beta(psd, freqs):
...     return band_power(psd, freqs, 15.0, 30.0)
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from braintwin.errors import BrainTwinError

F64 = npt.NDArray[np.float64]
Formula = Callable[[F64, F64], F64]


@dataclass(frozen=True)
class Feature:
    """One feature: its formula, (..., freq) and (freq,) -> (...), its unit and what it means."""

    formula: Formula
    unit: str
    meaning: str


REGISTRY: dict[str, Feature] = {}
"""Registered features by name; none comes with the program."""


def feature(name: str, *, unit: str, meaning: str) -> Callable[[Formula], Formula]:
    """Register a formula that takes the density of epochs (..., freq), µV²/Hz, and the frequencies (freq,), Hz."""

    def register(formula: Formula) -> Formula:
        REGISTRY[name] = Feature(formula, unit, meaning)
        return formula

    return register


def mean_by_stage(name: str, psd: F64, freqs: F64, stages: npt.NDArray[np.str_], clean: npt.NDArray[np.bool_]) -> F64:
    """Return the mean of a registered feature over the clean epochs of each stage that there is, (stage, channel).

    Parameters
    ----------
    name : str
        A registered feature.
    psd : (epoch, channel, freq) array
        Density of each epoch, µV²/Hz.
    freqs : (freq,) array
        Hz.
    stages : (epoch,) array
        Stage of each epoch; rows follow the sorted names.
    clean : (epoch, channel) bool array
        Which count.
    """
    if name not in REGISTRY:
        message = f"feature {name!r} is not registered; there are: {', '.join(sorted(REGISTRY)) or 'none'}"
        raise BrainTwinError(message)
    values = np.asarray(REGISTRY[name].formula(psd, freqs), dtype=float)
    if values.shape != psd.shape[:-1]:
        message = f"feature {name!r} returned shape {values.shape}; expected {psd.shape[:-1]}, one number an epoch"
        raise BrainTwinError(message)
    rows = [(stages == stage)[:, None] & clean for stage in np.unique(stages)]
    count = np.array([row.sum(axis=0) for row in rows])
    total = np.array([np.where(row, values, 0.0).sum(axis=0) for row in rows])
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))
