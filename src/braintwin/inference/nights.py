"""The hypnogram twin of one person, given a population.

A night enters as a table of counts, whose likelihood equals that of the sequence of epochs. Person and night effects
are both there, because from one night they cannot be told apart. The sampler moves in the effects of the nights,
from which the person's lasting effects follow by a conditional normal. One compiled model serves everybody with up
to the same bucket of nights.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from braintwin.contracts.night import GROUPS
from braintwin.inference.night_counts import CountTable, cell_offsets, tabulate
from braintwin.inference.night_evidence import Belief, prior_belief
from braintwin.inference.sample import CompiledModel, compile_model, draw
from braintwin.models.hypnogram import GROUP_OF
from braintwin.models.night_history import LITERATURE, ProcessS
from braintwin.models.population import NOBODY, Population, Who, root, scales

Floats = npt.NDArray[np.float64]

DIMS = {
    "person_effect": ("group",),
    "night_effect": ("night", "group"),
    "night_sd": ("group",),
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
    begin : int
        Epoch of the recording that is its first.
    versions : (version, epoch) int8, optional
        Hypnograms that may be the true one, where an automatic scoring says how sure it is; `stages` is the first.
    """

    name: str
    stages: npt.NDArray[np.int8]
    lights_off_known: bool
    begin: int = 0
    versions: npt.NDArray[np.int8] | None = None


def window(name: str, stages: npt.NDArray[Any], lights_off_epoch: int | None) -> Night:
    """Return the part of a recording that is the night.

    From lights off to the end of scoring; where lights off is unknown, from the last epoch before sleep onset to the
    last of sleep, for wake at either end may not have been spent in bed.
    """
    stages = np.asarray(stages).astype(np.int8)
    if lights_off_epoch is not None:
        scored, begin = np.flatnonzero(stages >= 0), max(lights_off_epoch, 0)
        return Night(name, stages[begin : scored[-1] + 1 if scored.size else 0], True, begin)
    asleep = np.flatnonzero(stages > 0)
    if not asleep.size:
        return Night(name, stages[:0], False)
    begin = max(int(asleep[0]) - 1, 0)
    return Night(name, stages[begin : asleep[-1] + 1], False, begin)


def bucket(nights: int) -> int:
    """Return the least power of two that holds `nights`: the number of nights a compiled model has room for."""
    return 1 << max(nights - 1, 0).bit_length()


def count(nights: Sequence[Night], process: ProcessS = LITERATURE) -> CountTable:
    """Return the counts of a person's nights."""
    return tabulate([(night.stages, night.lights_off_known) for night in nights], process)


def first_nights(nights: int, belief: Belief | None) -> npt.NDArray[np.bool_]:
    """Return which of a person's nights, in order, is their first: none if earlier ones made the belief."""
    return np.asarray(np.arange(nights) == (0 if belief is None else -1))


@dataclass(frozen=True)
class Task:
    """What the sampler is given of one person.

    Attributes
    ----------
    data : dict
        The `pm.Data` of the model.
    belief : Belief
        What was known of the person before these nights.
    gain : (group, night × group) float
        Of the person's effects on those of the nights.
    rest : (group, group) float
        Covariance of the person's effects given those of the nights.
    night_cov : (group, group) float
    """

    data: dict[str, Floats]
    belief: Belief
    gain: Floats
    rest: Floats
    night_cov: Floats


def task(
    population: Population,
    nights: Sequence[Night],
    room: int,
    who: Who = NOBODY,
    *,
    belief: Belief | None = None,
    arousal_rate: float = 0.0,
    near: Floats | None = None,
) -> Task:
    """Return the data of one person: counts, prior of the stacked effects, mode and curvature of the posterior.

    The search for the mode begins at `near` (night × group,), or at what is expected.
    """
    from braintwin.inference import night_laplace

    before = prior_belief(population, who) if belief is None else belief
    night_cov = population.night_covariance(who)
    counts = count(nights, population.process)
    offset = cell_offsets(population, counts, np.asarray(arousal_rate))
    first = np.zeros(room)
    first[: len(nights)] = first_nights(len(nights), belief)
    mean = (before.mean + np.outer(first, population.first_night)).ravel()
    precision = np.linalg.inv(night_laplace.stacked(room, before.cov, night_cov))
    precision = (precision + precision.T) / 2
    bounds = np.concatenate([counts.bounds, np.full(room - len(nights), counts.bounds[-1])])
    at = mean.copy() if near is None else near.copy()
    _, hessian = night_laplace.mode(bounds, offset, *counts.arrays, GROUP_OF, mean, precision, at, 30)
    gain = np.tile(before.cov, (1, room)) @ precision
    data = {
        "cells": np.column_stack([counts.row, counts.owner]).astype(np.float64),
        "left": counts.left,
        "total": counts.total,
        "offset": offset,
        "mean": mean,
        "precision": precision,
        "mode": at,
        "root": np.ascontiguousarray(np.linalg.inv(np.linalg.cholesky(hessian)).T),
    }
    return Task(data, before, gain, before.cov - gain @ np.tile(before.cov, (room, 1)), night_cov)


def version_shifts(
    population: Population,
    nights: Sequence[Night],
    given: Task,
    who: Who,
    *,
    belief: Belief | None,
    arousal_rate: float,
    processes: Sequence[ProcessS],
) -> Floats:
    """Return how far the mode of the stacked effects lies elsewhere under each version of the nights.

    Versions are hypnograms drawn from the confidence of an automatic scoring, and time constants of Process S drawn
    from what slow-wave activity says of them. Moving draws by these shifts carries both into the posterior to first
    order, as decision 006 does for graphs.

    Returns
    -------
    (version, night × group) float
        No rows where everything is known for sure.
    """
    counts = [len(night.versions) for night in nights if night.versions is not None] + [len(processes)]
    moves = np.zeros((max(counts), given.data["mode"].size))
    room = given.data["mode"].size // len(GROUPS)
    for i, move in enumerate(moves):
        variant = [
            night if night.versions is None else replace(night, stages=night.versions[i % len(night.versions)])
            for night in nights
        ]
        process = processes[i % len(processes)] if processes else population.process
        same = all(np.array_equal(a.stages, b.stages) for a, b in zip(variant, nights, strict=True))
        if same and process == population.process:
            continue
        found = task(
            replace(population, process=process), variant, room, who, belief=belief, arousal_rate=arousal_rate,
            near=given.data["mode"],
        )  # fmt: skip
        move[:] = found.data["mode"] - given.data["mode"]
    return moves


def night_model(data: Mapping[str, Floats]) -> Any:
    """Return the PyMC model of a person; its variable `z` is nearly standard normal, see `transition_counts`."""
    import pymc as pm

    from braintwin.inference.transition_counts import TransitionCounts

    with pm.Model() as model:
        held = [pm.Data(name, values) for name, values in data.items()]
        z = pm.Flat("z", shape=data["mean"].shape)
        value, *_ = TransitionCounts()(*held, z)
        pm.Potential("posterior", value)
    return model


def compile_nights(population: Population, nights: int) -> CompiledModel:
    """Compile the model with room for `nights` nights; its data are replaced for each person."""
    empty = Night("", np.zeros(2, dtype=np.int8), True)
    return compile_model(night_model(task(population, [empty], nights).data))


def fit_person(
    compiled: CompiledModel,
    population: Population,
    nights: Sequence[Night],
    *,
    seed: int,
    who: Who = NOBODY,
    belief: Belief | None = None,
    arousal_rate: float | None = None,
    processes: Sequence[ProcessS] = (),
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
        In the order in which they were slept.
    who : Who
        What is known of the person.
    belief : Belief, optional
        What earlier nights left; then these are further nights, and nothing else of the earlier ones is needed.
    arousal_rate : float, optional
        Respiratory events per hour; that of `who` where unset.
    processes : sequence of ProcessS
        Draws of the person's time constants, about those of `population`; none where they are taken for known.

    Returns
    -------
    posterior : Dataset
        The variables of `contracts.night.NIGHT_POSTERIOR`; the room for further nights is cut off.
    stats : Dataset
        The variables of `contracts.night.NIGHT_STATS`.
    """
    rate = (who.ahi or 0.0) if arousal_rate is None else arousal_rate
    room = compiled.n_dim // len(GROUPS)
    given = task(population, nights, room, who, belief=belief, arousal_rate=rate)
    drawn = draw(compiled, given.data, seed=seed, chains=chains, tune=tune, draws=draws, cores=cores)
    z = drawn.posterior["z"].values
    stacked = given.data["mode"] + z @ given.data["root"].T
    moves = version_shifts(
        population, nights, given, who, belief=belief, arousal_rate=rate, processes=processes
    )  # fmt: skip
    if moves.any():
        stacked = stacked + moves[np.arange(z.shape[1]) % len(moves)]
    rng = np.random.default_rng([seed, 1])
    noise = rng.standard_normal((*z.shape[:2], len(GROUPS))) @ root(given.rest)
    person = given.belief.mean + (stacked - given.data["mean"]) @ given.gain.T + noise
    night = stacked.reshape(*z.shape[:2], room, len(GROUPS))[:, :, : len(nights)] - person[:, :, None]
    sd, corr = scales(given.night_cov)
    values = {"person_effect": person, "night_effect": night, "night_sd": np.broadcast_to(sd, person.shape)}
    posterior = labelled(values, [n.name for n in nights]).assign(night_corr=(("group", "group_too"), corr))
    return posterior.assign_coords(group_too=list(GROUPS)), drawn.stats


def belief_of(posterior: xr.Dataset) -> Belief:
    """Return what a twin knows of its person's lasting effects, as the prior of the next night."""
    draws = posterior["person_effect"].transpose(..., "group").values.reshape(-1, len(GROUPS))
    return Belief(draws.mean(axis=0), np.cov(draws.T))


def prior_person(population: Population, seed: int, draws: int, who: Who = NOBODY) -> xr.Dataset:
    """Return prior draws of the person's parameters, as one chain."""
    drawn = population.draw(np.random.default_rng(seed), draws, who)
    return labelled({name: getattr(drawn, name)[None] for name in ("person_effect", "night_sd")}, ())


def labelled(values: Mapping[str, npt.NDArray[Any]], nights: Sequence[str]) -> xr.Dataset:
    """Return arrays of shape (chain, draw, ...) as a dataset with the coordinates of the contract."""
    chains, draws = next(iter(values.values())).shape[:2]
    coords = {"chain": np.arange(chains), "draw": np.arange(draws), "group": list(GROUPS), "night": list(nights)}
    variables = {
        name: (("chain", "draw", *DIMS[name]), np.asarray(array, dtype=np.float64)) for name, array in values.items()
    }
    used = {dim for dims, _ in variables.values() for dim in dims}
    return xr.Dataset(variables, {name: value for name, value in coords.items() if name in used})
