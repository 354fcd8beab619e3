"""Models of one power spectrum, registered by name: rivals of the spectral twin, and your own.

Examples
--------
>>> @spectral_model("power law", exponent=(0.0, 4.0))                              # doctest: +SKIP
... def power_law(freq, exponent):
...     return freq**-exponent
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Formula = Callable[..., Floats]


@dataclass(frozen=True)
class SpectralModel:
    """One model: its formula, (freq,) and parameters -> power (freq,) up to a factor, and each parameter's range."""

    formula: Formula
    ranges: Mapping[str, tuple[float, float]]


REGISTRY: dict[str, SpectralModel] = {}
"""Registered models by name."""


def spectral_model(name: str, **ranges: tuple[float, float]) -> Callable[[Formula], Formula]:
    """Register a formula whose parameters lie within `ranges`."""

    def register(formula: Formula) -> Formula:
        REGISTRY[name] = SpectralModel(formula, ranges)
        return formula

    return register
