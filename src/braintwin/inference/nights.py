"""The hypnogram twin of one person from counts, given a population: one small multinomial.

A night enters as a table of counts over cells (row, time bin, dwell bin, Process-S bin, to); its likelihood equals
that of the sequence of epochs. Person and night effects are both there, because from one night they cannot be told
apart: the sd of nights keeps its prior and is propagated. All effects are non-centred, for the data of a few nights
say little about most of them. One compiled model serves everybody with up to the same bucket of nights.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from braintwin.contracts.night import GROUPS
from braintwin.contracts.stages import STAGES
from braintwin.inference.sample import CompiledModel, compile_model, draw
from braintwin.models.hypnogram import (
    BEFORE_ONSET,
    DESTINATIONS,
    DWELL_NAMES,
    GROUP_OF,
    N_STAGES,
    TIME_BASIS,
    TRANSITION_NAMES,
    arousal_shift,
    night_steps,
    pressure_centres,
    row_base,
    time_basis,
)
from braintwin.models.population import Population

Floats = npt.NDArray[np.float64]

WAYS = N_STAGES - 1
DIMS = {
    "person_effect": ("group",),
    "night_effect": ("night", "group"),
    "night_sd": ("group",),
    "time_effect": ("transition", "time_basis"),
    "dwell_effect": ("from_stage", "dwell_bin"),
    "pressure_effect": ("transition",),
}
"""Dims of each parameter after chain and draw."""


@dataclass(frozen=True)
class Night:
    """One hypnogram to fit.

    Attributes
    ----------
    name : str
        Identifier of the night.
    stages : (epoch,) int8
        The part of the night that is used, see :func:`window`.
    lights_off_known : bool
        Whether its first epoch is the first after lights off.
    """

    name: str
    stages: npt.NDArray[np.int8]
    lights_off_known: bool


def window(name: str, stages: npt.NDArray[Any], lights_off_epoch: int | None) -> Night:
    """Return the part of a recording that is the night.

    From lights off to the end of scoring; where lights off is unknown, from the last epoch before sleep onset to the
    last of sleep, for wake at either end may not have been spent in bed.
    """
    stages = np.asarray(stages).astype(np.int8)
    if lights_off_epoch is not None:
        scored = np.flatnonzero(stages >= 0)
        return Night(name, stages[max(lights_off_epoch, 0) : scored[-1] + 1 if scored.size else 0], True)
    asleep = np.flatnonzero(stages > 0)
    if not asleep.size:
        return Night(name, stages[:0], False)
    return Night(name, stages[max(asleep[0] - 1, 0) : asleep[-1] + 1], False)


@dataclass(frozen=True)
class Counts:
    """The sufficient counts of a person's nights.

    Attributes
    ----------
    cells : (cell, 5) int
        Row, night, time bin, dwell bin and Process-S bin.
    left : (cell, way) float
        How often the cell was left by each way.
    total : (cell,) float
        How many epochs stood in the cell.
    """

    cells: npt.NDArray[np.int64]
    left: Floats
    total: Floats


def bucket(nights: int) -> int:
    """Return the least power of two that holds `nights`: the number of nights a compiled model has room for."""
    return 1 << max(nights - 1, 0).bit_length()


def count(nights: Sequence[Night]) -> Counts:
    """Return the counts of a person's nights."""
    found = [night_steps(n.stages, lights_off_known=n.lights_off_known) for n in nights]
    owner = np.repeat(np.arange(len(found)), [len(s.epoch) for s in found])
    row, time, dwell, pressure, to = (
        np.concatenate([getattr(s, name) for s in found])
        for name in ("row", "time_bin", "dwell_bin", "pressure_bin", "to")
    )
    # Before onset nothing but the night's onset effect matters.
    pressure = np.where(row == BEFORE_ONSET, 0, pressure)
    keys = np.column_stack([row, owner, time, dwell, pressure])
    cells, inverse = np.unique(keys, axis=0, return_inverse=True)
    table = np.zeros((len(cells), N_STAGES))
    np.add.at(table, (inverse.ravel(), to), 1.0)
    return Counts(cells, np.take_along_axis(table, DESTINATIONS[cells[:, 0]], axis=1), table.sum(axis=1))


def base_odds(population: Population, arousal_rate: float) -> Floats:
    """Return the base log odds of a person with `arousal_rate` respiratory events per hour, (row, way)."""
    base = row_base(population)
    into_wake = DESTINATIONS[:N_STAGES] == 0
    base[:N_STAGES] += np.where(into_wake, arousal_shift(population, arousal_rate), 0.0)
    return base


def cell_log_likelihood(
    population: Population, counts: Counts, values: Mapping[str, Floats], arousal_rate: float = 0.0
) -> float:
    """Return the log likelihood of the counts: the same as that of the epochs in sequence.

    Parameters
    ----------
    values : mapping
        One draw of ``person_effect`` (group,), ``night_effect`` (night, group) and the three coefficient arrays.
    """
    row, night, time, dwell, pressure = counts.cells.T
    effect = values["person_effect"] + values["night_effect"]
    eta = base_odds(population, arousal_rate)[row] + effect[night[:, None], GROUP_OF[row]]
    asleep = row < N_STAGES
    k = row[asleep]
    eta[asleep] += values["dwell_effect"][k, dwell[asleep]][:, None]
    eta[asleep] += values["pressure_effect"].reshape(N_STAGES, WAYS)[k] * pressure_centres()[pressure[asleep], None]
    slopes = values["time_effect"].reshape(N_STAGES, WAYS, -1)[k]
    eta[asleep] += np.einsum("cb,cwb->cw", time_basis()[time[asleep]], slopes)
    return float((counts.left * eta).sum() - (counts.total * np.log1p(np.exp(eta).sum(axis=1))).sum())


def model_data(population: Population, counts: Counts, arousal_rate: float) -> dict[str, Floats]:
    """Return the `pm.Data` of one person."""
    return {
        "cells": counts.cells.astype(np.float64),
        "left": counts.left,
        "total": counts.total,
        "base": base_odds(population, arousal_rate),
    }


def night_model(population: Population, data: Mapping[str, Floats], nights: int) -> Any:
    """Return the PyMC model of a person with room for `nights` nights.

    Its variables are standard normal; :func:`parameters` scales them to the contract's.

    Parameters
    ----------
    data : mapping
        As made by :func:`model_data`; replaceable.
    """
    import pymc as pm
    import pytensor.tensor as pt

    from braintwin.inference.transition_counts import TransitionCounts

    slope_mean, slope_sd = _slopes(population)
    with pm.Model() as model:
        held = [pm.Data(name, values) for name, values in data.items()]
        person_z = pm.Normal("person_z", 0.0, 1.0, shape=len(GROUPS))
        night_z = pm.Normal("night_z", 0.0, 1.0, shape=(nights, len(GROUPS)))
        night_sd_z = pm.Normal("night_sd_z", 0.0, 1.0, shape=len(GROUPS))
        slope_z = pm.Normal("slope_z", 0.0, 1.0, shape=slope_sd.shape)
        dwell_z = pm.Normal("dwell_z", 0.0, 1.0, shape=population.dwell_effect.shape)
        night_sd = population.night_sd * pt.exp(population.night_sd_spread * night_sd_z)
        value, *_ = TransitionCounts()(
            *held,
            population.person_sd * person_z + night_sd * night_z,
            slope_mean + slope_sd * slope_z,
            population.dwell_effect + population.dwell_effect_sd * dwell_z,
        )
        pm.Potential("transitions", value)
    return model


def _slopes(population: Population) -> tuple[Floats, Floats]:
    """Return mean and sd of the coefficients of the time basis and Process S, (transition, feature)."""
    return (
        np.column_stack([population.time_effect, population.pressure_effect]),
        np.column_stack([population.time_effect_sd, population.pressure_effect_sd]),
    )


def parameters(population: Population, drawn: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return the parameters of the contract from draws (..., shape) of the model's standard normals."""
    slope_mean, slope_sd = _slopes(population)
    slopes = slope_mean + slope_sd * drawn["slope_z"]
    night_sd = population.night_sd * np.exp(population.night_sd_spread * drawn["night_sd_z"])
    return {
        "person_effect": population.person_sd * drawn["person_z"],
        "night_effect": night_sd[..., None, :] * drawn["night_z"],
        "night_sd": night_sd,
        "time_effect": slopes[..., :-1],
        "dwell_effect": population.dwell_effect + population.dwell_effect_sd * drawn["dwell_z"],
        "pressure_effect": slopes[..., -1],
    }


def compile_nights(population: Population, nights: int) -> CompiledModel:
    """Compile the model with room for `nights` nights; its data are replaced for each person."""
    empty = Night("", np.zeros(1, dtype=np.int8), False)
    return compile_model(night_model(population, model_data(population, count([empty]), 0.0), nights))


def fit_person(
    compiled: CompiledModel,
    population: Population,
    nights: Sequence[Night],
    *,
    seed: int,
    arousal_rate: float = 0.0,
    chains: int = 4,
    tune: int = 500,
    draws: int = 500,
    cores: int = 1,
) -> tuple[xr.Dataset, xr.Dataset]:
    """Return the posterior draws of one person and what the sampler said.

    Parameters
    ----------
    compiled : CompiledModel
        Model for ``bucket(len(nights))`` nights.
    nights : sequence of Night
    arousal_rate : float
        Respiratory events per hour.

    Returns
    -------
    posterior : Dataset
        The variables of `contracts.night.NIGHT_POSTERIOR`; the room for further nights is cut off.
    stats : Dataset
        The variables of `contracts.night.NIGHT_STATS`.
    """
    drawn = draw(
        compiled,
        model_data(population, count(nights), arousal_rate),
        seed=seed,
        chains=chains,
        tune=tune,
        draws=draws,
        cores=cores,
    )
    values = parameters(population, {str(name): drawn.posterior[name].values for name in drawn.posterior})
    return labelled(values, [n.name for n in nights]), drawn.stats


def prior_person(population: Population, seed: int, draws: int) -> xr.Dataset:
    """Return prior draws of the person's parameters, as one chain."""
    drawn = population.draw(np.random.default_rng(seed), draws)
    return labelled({name: getattr(drawn, name)[None] for name in ("person_effect", "night_sd")}, ())


def labelled(values: Mapping[str, npt.NDArray[Any]], nights: Sequence[str]) -> xr.Dataset:
    """Return arrays of shape (chain, draw, ...) as a dataset with the coordinates of the contract."""
    chains, draws = next(iter(values.values())).shape[:2]
    coords = {
        "chain": np.arange(chains),
        "draw": np.arange(draws),
        "group": list(GROUPS),
        "night": list(nights),
        "transition": list(TRANSITION_NAMES),
        "time_basis": list(TIME_BASIS),
        "from_stage": list(STAGES),
        "dwell_bin": list(DWELL_NAMES),
    }
    variables = {}
    for name, array in values.items():
        kept = array[:, :, : len(nights)] if name == "night_effect" else array
        variables[name] = (("chain", "draw", *DIMS[name]), np.asarray(kept, dtype=np.float64))
    used = {dim for dims, _ in variables.values() for dim in dims}
    return xr.Dataset(variables, {name: value for name, value in coords.items() if name in used})
