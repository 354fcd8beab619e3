"""Whole nights from the hypnogram twin, epoch by epoch, with the hazards of the likelihood.

One uniform number per epoch decides what happens, by inverting the distribution over the stages in one fixed order.
Two treatments that are given the same uniforms therefore differ by their hazards and not by chance (common random
numbers).
"""

import numpy as np
import numpy.typing as npt

from braintwin.contracts.night import GROUPS
from braintwin.models.hypnogram import DESTINATIONS, GROUP_OF, arousal_shift, hazard_tables, row_base
from braintwin.models.night_history import bin_tables
from braintwin.models.population import Population

Floats = npt.NDArray[np.float64]

CDF_ORDER = (0, 1, 4, 2, 3)
"""Stages from the lightest to the deepest, W N1 R N2 N3: the order in which uniforms are read."""


def _stack(values: npt.ArrayLike, ndim: int, nights: int, name: str) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    array = np.ascontiguousarray(array if array.ndim == ndim else array[None])
    if array.ndim != ndim or array.shape[0] == 0 or nights % array.shape[0]:
        message = f"{name} has shape {np.shape(values)}: its first length must divide the number of nights, {nights}"
        raise ValueError(message)
    return array


def simulate_nights(
    population: Population,
    *,
    effects: npt.ArrayLike,
    uniforms: Floats,
    n_epochs: int | npt.NDArray[np.integer],
    arousal_rate: npt.ArrayLike = 0.0,
) -> npt.NDArray[np.int8]:
    """Simulate one night per row of `uniforms`, from lights off on, awake in the first epoch.

    Every argument may have fewer draws than there are nights, if their number divides that of the nights: night *i*
    of *n* uses draw ``i // (n / draws)``, so that replicates of a draw are neighbours.

    Parameters
    ----------
    population : Population
        Base rates and coefficients.
    effects : (draw, group) float
        Shift of the log hazards: person, night and treatment together.
    uniforms : (night, epoch) float in [0, 1)
        The noise; give the same to every treatment.
    n_epochs : int or (draw,) int
        Time in bed, epochs of 30 s.
    arousal_rate : float or (draw,) float
        Respiratory events per hour of sleep (AHI).

    Returns
    -------
    (night, epoch) int8
        Stage codes; -1 after the end of time in bed.

    Raises
    ------
    ValueError
        If the numbers of draws do not fit, or if time in bed is longer than the noise.
    """
    from braintwin.models.night_kernels import simulate

    nights, width = uniforms.shape
    lengths = np.atleast_1d(np.asarray(n_epochs, dtype=np.int64))
    if nights % len(lengths) or lengths.max(initial=0) > width:
        message = (
            f"n_epochs: {len(lengths)} draw(s) up to {lengths.max(initial=0)} do not fit uniforms {uniforms.shape}"
        )
        raise ValueError(message)
    effect = _stack(effects, 2, nights, "effects")
    if effect.shape[1] != len(GROUPS):
        message = f"shape after the draws: effects {effect.shape[1:]}, expected {(len(GROUPS),)}"
        raise ValueError(message)
    arousal = _stack(np.atleast_1d(arousal_shift(population, np.asarray(arousal_rate, float))), 1, nights, "arousal")
    out = np.empty((nights, width), dtype=np.int8)
    simulate(
        out, np.ascontiguousarray(uniforms, dtype=np.float64), lengths, effect, arousal,
        np.exp(row_base(population)), GROUP_OF, DESTINATIONS, *(np.exp(table) for table in hazard_tables(population)),
        np.array(CDF_ORDER), *bin_tables(population.process),
    )  # fmt: skip
    return out
