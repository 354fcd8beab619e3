"""Whole nights from the hypnogram twin, epoch by epoch, with the hazards of the likelihood.

One uniform number per epoch decides what happens, by inverting the distribution over the stages in one fixed order.
Two treatments that are given the same uniforms therefore differ by their hazards and not by chance (common random
numbers).
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from braintwin.contracts.night import GROUPS
from braintwin.contracts.stages import EPOCH_S, STAGES
from braintwin.models.hypnogram import (
    DESTINATIONS,
    DWELL_NAMES,
    GROUP_OF,
    N_PRESSURE_BINS,
    N_TIME_BINS,
    TIME_BIN_MIN,
    TRANSITIONS,
    arousal_shift,
    dwell_table,
    pressure_centres,
    pressure_step,
    row_base,
    steady_pressure,
    time_basis,
)
from braintwin.models.population import Population

Floats = npt.NDArray[np.float64]

CDF_ORDER = (0, 1, 4, 2, 3)
"""Stages from the lightest to the deepest, W N1 R N2 N3: the order in which uniforms are read."""


def _fill(
    out: Any, uniforms: Any, n_epochs: Any, base: Any, effect: Any, time: Any, dwell: Any, pressure: Any, arousal: Any,
    basis: Any, centres: Any, dwell_bins: Any, groups: Any, ways: Any, ways_before: Any, stages_of: Any,
    start: float, wake_factor: float, sleep_factor: float, epochs_per_bin: int,
) -> None:  # fmt: skip
    """Fill `out` (night, epoch) with stages; compiled by numba. Arrays as prepared by :func:`simulate_nights`."""
    nights, n_time, n_pressure = out.shape[0], basis.shape[0], centres.shape[0]
    hazard_time = np.empty((5, n_time, 4))  # exp of all that changes with the time of night
    hazard_pressure = np.empty((5, n_pressure, 4))
    hazard_dwell = np.empty((5, dwell.shape[2]))
    hazard_onset = np.empty(4)
    hazard_effect = np.empty((5, 4))
    edge = np.empty(5)
    row_time, row_dwell, row_pressure = -1, -1, -1
    for i in range(nights):
        at = i // (nights // time.shape[0])
        if at != row_time:
            row_time = at
            for k in range(5):
                for t in range(n_time):
                    for j in range(4):
                        value = base[k, j]
                        for b in range(basis.shape[1]):
                            value += basis[t, b] * time[at, 4 * k + j, b]
                        hazard_time[k, t, j] = np.exp(value)
        at = i // (nights // pressure.shape[0])
        if at != row_pressure:
            row_pressure = at
            for k in range(5):
                for p in range(n_pressure):
                    for j in range(4):
                        hazard_pressure[k, p, j] = np.exp(pressure[at, 4 * k + j] * centres[p])
        at = i // (nights // dwell.shape[0])
        if at != row_dwell:
            row_dwell = at
            for k in range(5):
                for d in range(dwell.shape[2]):
                    hazard_dwell[k, d] = np.exp(dwell[at, k, d])
        at = i // (nights // effect.shape[0])
        shift = arousal[i // (nights // arousal.shape[0])]
        for j in range(4):
            hazard_onset[j] = np.exp(base[5, j] + effect[at, groups[5, j]])
            for k in range(5):
                extra = shift if k > 0 and stages_of[k, j] == 0 else 0.0
                hazard_effect[k, j] = np.exp(effect[at, groups[k, j]] + extra)

        length = min(n_epochs[i // (nights // n_epochs.shape[0])], out.shape[1])
        stage, row, spent, since, process = 0, 5, 0, 0, start
        old_t, old_d, old_p, old_row = -1, -1, -1, -1
        low, high, before = 0.0, 1.0, 0
        for e in range(length):
            out[i, e] = stage
            spent += 1
            process = 1 - (1 - process) * wake_factor if stage == 0 else process * sleep_factor
            t, d, p = 0, 0, 0
            if row < 5:
                t = min(since // epochs_per_bin, n_time - 1)
                d = dwell_bins[min(spent, dwell_bins.shape[0] - 1)]
                p = min(int(process * n_pressure), n_pressure - 1)
                since += 1
            if row != old_row or t != old_t or d != old_d or p != old_p:
                old_row, old_t, old_d, old_p = row, t, d, p
                # The cumulative distribution: ways before the present stage, staying, ways after it.
                before = ways_before[row]
                total = 0.0
                for j in range(5):
                    if j == before:
                        total += 1.0
                    else:
                        w = ways[row, j if j < before else j - 1]
                        if row == 5:
                            total += hazard_onset[w]
                        else:
                            total += (
                                hazard_time[row, t, w] * hazard_pressure[row, p, w] * hazard_dwell[row, d]
                                * hazard_effect[row, w]
                            )  # fmt: skip
                    edge[j] = total
                for j in range(5):
                    edge[j] /= total
                low = edge[before - 1] if before > 0 else 0.0
                high = edge[before]
            u = uniforms[i, e]
            if u < low or (u >= high and before < 4):
                j = 0
                while j < 4 and u >= edge[j]:
                    j += 1
                if j != before:
                    w = ways[row, j if j < before else j - 1]
                    stage = stages_of[row, w]
                    row = stage
                    spent = 0
        for e in range(length, out.shape[1]):
            out[i, e] = -1


@cache
def _compiled() -> Callable[..., None]:
    import numba

    compiled: Callable[..., None] = numba.njit(cache=True, nogil=True, error_model="numpy")(_fill)
    return compiled


def _cdf_ways() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the ways out of each row in CDF order, (row, 4), and how many come before staying, (row,)."""
    rank = np.argsort(CDF_ORDER)
    ways = np.argsort(rank[DESTINATIONS], axis=1)
    present = np.array([*range(len(STAGES)), 0])
    return ways, (rank[DESTINATIONS] < rank[present][:, None]).sum(axis=1)


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
    time_effect: npt.ArrayLike | None = None,
    dwell_effect: npt.ArrayLike | None = None,
    pressure_effect: npt.ArrayLike | None = None,
    arousal_rate: npt.ArrayLike = 0.0,
) -> npt.NDArray[np.int8]:
    """Simulate one night per row of `uniforms`, from lights off on, awake in the first epoch.

    Every argument may have fewer draws than there are nights, if their number divides that of the nights: night *i*
    of *n* uses draw ``i // (n / draws)``, so that replicates of a draw are neighbours.

    Parameters
    ----------
    population : Population
        Base rates, and the coefficients that are not given.
    effects : (draw, group) float
        Shift of the log hazards: person, night and treatment together.
    uniforms : (night, epoch) float in [0, 1)
        The noise; give the same to every treatment.
    n_epochs : int or (draw,) int
        Time in bed, epochs of 30 s.
    time_effect : (draw, transition, time_basis) or (transition, time_basis) float, optional
    dwell_effect : (draw, from_stage, dwell_bin) or (from_stage, dwell_bin) float, optional
    pressure_effect : (draw, transition) or (transition,) float, optional
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
    nights, width = uniforms.shape
    lengths = np.atleast_1d(np.asarray(n_epochs, dtype=np.int64))
    if nights % len(lengths) or lengths.max(initial=0) > width:
        message = (
            f"n_epochs: {len(lengths)} draw(s) up to {lengths.max(initial=0)} do not fit uniforms {uniforms.shape}"
        )
        raise ValueError(message)
    time = _stack(population.time_effect if time_effect is None else time_effect, 3, nights, "time_effect")
    dwell = _stack(population.dwell_effect if dwell_effect is None else dwell_effect, 3, nights, "dwell_effect")
    pressure = _stack(
        population.pressure_effect if pressure_effect is None else pressure_effect, 2, nights, "pressure_effect"
    )
    effect = _stack(effects, 2, nights, "effects")
    arousal = _stack(np.atleast_1d(arousal_shift(population, np.asarray(arousal_rate, float))), 1, nights, "arousal")
    shapes = {
        "time_effect": (time.shape[1:], (len(TRANSITIONS), time_basis().shape[1])),
        "dwell_effect": (dwell.shape[1:], (len(STAGES), len(DWELL_NAMES))),
        "pressure_effect": (pressure.shape[1:], (len(TRANSITIONS),)),
        "effects": (effect.shape[1:], (len(GROUPS),)),
    }
    wrong = [f"{name} {got}, expected {expected}" for name, (got, expected) in shapes.items() if got != expected]
    if wrong:
        message = "shape after the draws: " + "; ".join(wrong)
        raise ValueError(message)
    ways, ways_before = _cdf_ways()
    out = np.empty((nights, width), dtype=np.int8)
    per_bin = round(TIME_BIN_MIN * 60 / EPOCH_S)
    _compiled()(
        out, np.ascontiguousarray(uniforms, dtype=np.float64), lengths, row_base(population), effect, time, dwell,
        pressure, arousal, time_basis(), pressure_centres(), dwell_table(), GROUP_OF, ways, ways_before, DESTINATIONS,
        steady_pressure(), *pressure_step(), per_bin,
    )  # fmt: skip
    assert time_basis().shape[0] == N_TIME_BINS
    assert pressure_centres().shape[0] == N_PRESSURE_BINS
    return out
