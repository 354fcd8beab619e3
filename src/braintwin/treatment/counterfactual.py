"""The same nights under every treatment: one twin, one noise, many operators.

Person draws, night effects and the uniforms of every epoch are drawn once and given to every treatment (common random
numbers), so that two treatments differ by what they do and not by chance.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from braintwin.contracts.night import GROUPS
from braintwin.contracts.simulate import OUTCOMES
from braintwin.contracts.stages import EPOCH_S, STAGES
from braintwin.models.nights_simulator import simulate_nights
from braintwin.models.outcomes import nights_in, outcomes
from braintwin.models.population import Draws, Population
from braintwin.treatment.operators import Operators

Floats = npt.NDArray[np.float64]

LEAST_IN_BED_MIN = 300.0
"""Time in bed is not restricted below five hours, the floor of sleep restriction therapy."""

LONGEST_EXTENSION_MIN = 60.0
"""No treatment lengthens time in bed by more; the noise is drawn for that many epochs, so that one treatment's
nights do not depend on which others are simulated."""

CLOCK_BIN_MIN = 10.0


@dataclass(frozen=True)
class Nights:
    """Simulated nights under one treatment.

    Attributes
    ----------
    outcome : (draw, outcome) float
        Outcomes, averaged over replicates.
    stage_probability : (clock, stage) float
        Share of the nights in each stage, by 10 min of the usual time in bed.
    example : (example, epoch) int8
        A few whole nights; -1 is out of bed.
    """

    outcome: Floats
    stage_probability: Floats
    example: npt.NDArray[np.int8]


def person_draws(posterior: xr.Dataset, draws: int) -> Draws:
    """Return `draws` evenly spaced draws of a fitted person (all of them where there are fewer)."""
    names = ("person_effect", "night_sd")
    flat = posterior[list(names)].stack(sample=("chain", "draw")).transpose("sample", ...)
    total = flat.sizes["sample"]
    keep = np.linspace(0, total - 1, min(draws, total)).round().astype(int)
    values = {name: np.ascontiguousarray(flat[name].to_numpy()[keep], dtype=np.float64) for name in names}
    corr = posterior["night_corr"].to_numpy() if "night_corr" in posterior else np.eye(len(GROUPS))
    return Draws(night_effect=np.zeros_like(values["person_effect"]), night_corr=corr, **values)


def epochs_in_bed(time_in_bed_min: float, change_min: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Return the time in bed, epochs, that a change of the person's own (min) leads to."""
    least = min(LEAST_IN_BED_MIN, time_in_bed_min)
    minutes = np.clip(time_in_bed_min + np.asarray(change_min), least, time_in_bed_min + LONGEST_EXTENSION_MIN)
    return np.asarray(np.round(minutes * 60 / EPOCH_S).astype(np.int64))


def _noise(
    twin: Draws, replicates: int, width: int, longest: int, rng: np.random.Generator
) -> Iterator[tuple[Floats, Floats]]:
    """Yield (effects of person and night, uniforms) of one replicate after the other."""
    draws = twin.person_effect.shape[0]
    for _ in range(replicates):
        effects = twin.further_nights(rng)
        uniforms = rng.random((draws, width))
        yield effects, np.ascontiguousarray(uniforms[:, :longest])


def simulate_treatments(
    population: Population,
    twin: Draws,
    operators: Mapping[str, Operators],
    *,
    time_in_bed_min: float,
    arousal_rate: float,
    replicates: int,
    rng: np.random.Generator,
    examples: int = 0,
) -> dict[str, Nights]:
    """Simulate the same nights under each treatment.

    Parameters
    ----------
    population : Population
        Base rates of the chain.
    twin : Draws
        (draw, ...) effects of one person's posterior, or of people drawn from a population.
    operators : mapping of str to Operators
        What each treatment does, by draw.
    time_in_bed_min, arousal_rate : float
        The untreated night: min, and respiratory events per hour of sleep.
    replicates : int
        Nights per draw; each has night effects of its own.
    rng : Generator
        Two calls with generators in the same state use the same noise.
    examples : int
        Whole nights to keep: the first replicate of the first draws.

    Returns
    -------
    dict of str to Nights
    """
    draws = twin.person_effect.shape[0]
    # With common random numbers, arms that change nothing have the same nights: simulate one of them.
    idle = [name for name, operator in operators.items() if operator.idle(arousal_rate)]
    same = {name: idle[0] for name in idle[1:]}
    names = list(operators)
    operators = {name: operator for name, operator in operators.items() if name not in same}
    lengths = {name: epochs_in_bed(time_in_bed_min, op.time_in_bed_min) for name, op in operators.items()}
    # Fewer respiratory events: the sleep of people who have fewer.
    shift = {
        name: population.event_shift(arousal_rate, arousal_rate * op.arousal_factor) for name, op in operators.items()
    }
    width = int(epochs_in_bed(time_in_bed_min, LONGEST_EXTENSION_MIN))
    longest = max(int(length.max()) for length in lengths.values())
    per_bin = round(CLOCK_BIN_MIN * 60 / EPOCH_S)
    usual = int(epochs_in_bed(time_in_bed_min, 0.0))
    clocks = -(-usual // per_bin)
    total = {name: np.zeros((draws, len(OUTCOMES))) for name in operators}
    share = {name: np.zeros((clocks, len(STAGES))) for name in operators}
    kept: dict[str, npt.NDArray[np.int8]] = {}
    for effects, uniforms in _noise(twin, replicates, width, longest, rng):
        for name, operator in operators.items():
            stages = simulate_nights(
                population,
                effects=effects + operator.shift + shift[name],
                uniforms=uniforms,
                n_epochs=lengths[name],
                arousal_rate=arousal_rate * operator.arousal_factor,
            )
            total[name] += outcomes(stages)
            share[name] += _occupancy(stages[:, :usual], per_bin, clocks)
            kept.setdefault(name, _padded(stages[:examples], width))
    done = {
        name: Nights(total[name] / replicates, share[name] / (replicates * draws), kept[name]) for name in operators
    }
    return {name: done[same.get(name, name)] for name in names}


def _padded(stages: npt.NDArray[np.int8], width: int) -> npt.NDArray[np.int8]:
    """Return whole nights in as many epochs as any treatment's could have; -1 is out of bed."""
    out = np.full((len(stages), width), -1, dtype=np.int8)
    out[:, : stages.shape[1]] = stages
    return out


def _occupancy(stages: npt.NDArray[np.int8], per_bin: int, clocks: int) -> Floats:
    """Return the number of nights in each stage, (clock, stage), averaged over the epochs of a bin."""
    epochs = stages.shape[1]
    counts = np.zeros((clocks * per_bin, len(STAGES)))
    counts[:epochs] = nights_in(stages).T
    size = np.full(clocks, per_bin, dtype=float)
    size[-1] = epochs - (clocks - 1) * per_bin
    return np.asarray(counts.reshape(clocks, per_bin, len(STAGES)).sum(axis=1) / size[:, None])
