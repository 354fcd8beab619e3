"""What is known of a treatment's operators, as a library entry carries it: a posterior over the hazard groups.

The same record holds operators that were calibrated to a trial's contrasts (:mod:`braintwin.treatment.calibration`)
and operators that were learned from treated nights. In YAML, under a treatment::

    operators:
      origin: learned                      # or calibrated
      source: crossover of 10 people, temazepam 10 mg against placebo
      population: hypnograms-2026          # the population model they belong to
      mean: {onset: 0.05, n23_w: -0.24, w_n1: 0.11}
      covariance: [[0.04, 0.0, 0.0], [0.0, 0.01, 0.0], [0.0, 0.0, 0.01]]
      between_sd: {n23_w: 0.10}            # of people; without it the shrinking prior of `simulate` stands

Rows and columns of the covariance are in the order of `mean`. Values are shifts of the natural logarithm of a hazard
against the entry's `reference` (no treatment, or a placebo), but for `TIB_min`, the change of time in bed in minutes.
"""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from braintwin.contracts.night import GROUPS
from braintwin.models.population import root

Floats = npt.NDArray[np.float64]

TIME_IN_BED = "TIB_min"
"""The one operator that is no shift of a log hazard: the change of time in bed, min."""

NAMES = (*GROUPS, TIME_IN_BED)


class OperatorPosterior(BaseModel):
    """Mean and covariance of operators, and how much they differ between people.

    Attributes
    ----------
    mean : dict of str to float
        By hazard group (and TIB_min); a group that is not named is not shifted.
    covariance : list of list of float
        Of what is known on average, in the order of `mean`; it may be singular.
    between_sd : dict of str to float
        Sd of people around the mean; where it is empty, the half-normal prior of `simulate` stands for it.
    origin : calibrated or learned
        From a trial's contrasts, or from treated nights.
    source, population : str
        What it was made from, and the name of the population model.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    origin: Literal["calibrated", "learned"]
    source: str = Field(min_length=1)
    mean: dict[str, float] = Field(min_length=1)
    covariance: list[list[float]]
    between_sd: dict[str, float] = {}
    population: str = ""

    @model_validator(mode="after")
    def _shapes(self) -> "OperatorPosterior":
        unknown = [name for name in (*self.mean, *self.between_sd) if name not in NAMES]
        if unknown:
            message = f"operators name {', '.join(unknown)}; known: {', '.join(NAMES)}"
            raise ValueError(message)
        size = len(self.mean)
        if len(self.covariance) != size or any(len(row) != size for row in self.covariance):
            message = f"covariance must be {size} x {size}, in the order of mean"
            raise ValueError(message)
        matrix = np.array(self.covariance)
        if not np.allclose(matrix, matrix.T, atol=1e-6) or np.linalg.eigvalsh(matrix).min() < -1e-6:
            message = "covariance is not symmetric and non-negative"
            raise ValueError(message)
        if any(sd < 0 for sd in self.between_sd.values()):
            message = "between_sd holds a negative sd"
            raise ValueError(message)
        return self

    def average(self, draws: int, rng: np.random.Generator, scale: float = 1.0) -> tuple[Floats, Floats]:
        """Return draws of what the treatment does on average: shifts (draw, group) and time in bed (draw,), min.

        Parameters
        ----------
        draws : int
        rng : Generator
        scale : float
            Factor on the sd of what is known (2 for the control that doubles trial errors).
        """
        noise = rng.standard_normal((draws, len(self.mean))) @ root(np.array(self.covariance))
        return self._spread_out(np.array(list(self.mean.values())) + scale * noise)

    def between(self, draws: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Return draws of a person's distance from the average, by `between_sd`: as :meth:`average`."""
        noise = rng.standard_normal((draws, len(NAMES)))
        sd = np.array([self.between_sd.get(name, 0.0) for name in NAMES])
        return noise[:, : len(GROUPS)] * sd[: len(GROUPS)], noise[:, -1] * sd[-1]

    def _spread_out(self, values: Floats) -> tuple[Floats, Floats]:
        full = np.zeros((len(values), len(NAMES)))
        full[:, [NAMES.index(name) for name in self.mean]] = values
        return full[:, : len(GROUPS)], full[:, -1]

    @classmethod
    def of(cls, mean: Mapping[str, float], covariance: npt.ArrayLike, **values: Any) -> "OperatorPosterior":
        """Return the record of a mean and a covariance (array), rounded to what is worth writing down."""
        matrix = [[round(float(x), 8) for x in row] for row in np.atleast_2d(np.asarray(covariance, dtype=float))]
        return cls(mean={name: round(float(x), 5) for name, x in mean.items()}, covariance=matrix, **values)
