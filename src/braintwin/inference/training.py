"""A night that the population model learns from: its hypnogram, and what is known of the person and the occasion."""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from braintwin.inference.nights import Night

OLDEST = 92.5
"""Age that stands for the band 90+, years."""


@dataclass(frozen=True)
class TrainingNight:
    """One night of one person, with the covariates of the population model.

    Attributes
    ----------
    person, night, dataset : str
        Identifiers; the dataset stands for the site: its scorers, montage and first-night routine.
    stages : (epoch,) int8
        Stage codes of 30-s epochs, -1 where missing; the part that :func:`braintwin.inference.nights.window` keeps.
    lights_off_known : bool
        Whether the first epoch is the first after lights off; else it is the last before sleep.
    age : float or None
        Middle of the person's 5-year band, years.
    sex : str
        F, M, O or empty.
    ahi : float or None
        Apneas and hypopneas per hour of sleep of the person; None where nobody marked them.
    night_index : int
        Which night of the person this is, from 1.
    condition : str
        Condition of the night, empty where the dataset names none.
    fold : int
        Fold for cross-validation; all nights of a person share it.
    """

    person: str
    night: str
    dataset: str
    stages: npt.NDArray[np.int8]
    lights_off_known: bool
    age: float | None = None
    sex: str = ""
    ahi: float | None = None
    night_index: int = 1
    condition: str = ""
    fold: int = 0

    def as_night(self) -> Night:
        """Return what the model of one person takes."""
        return Night(self.night, self.stages, self.lights_off_known)


def age_of(band: str) -> float | None:
    """Return the middle of an age band in years: ``30-34`` -> 32.5, ``90+`` -> 92.5; None where it is no band."""
    found = re.fullmatch(r"(\d{2,3})-(\d{2,3})", band)
    if found:
        return (int(found[1]) + int(found[2]) + 1) / 2
    return OLDEST if band == "90+" else None
