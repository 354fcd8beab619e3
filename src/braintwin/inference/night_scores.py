"""How well simulated nights foretell a real one: CRPS, coverage, width of intervals, of each outcome."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from braintwin.contracts.night import GROUPS
from braintwin.contracts.simulate import OUTCOMES
from braintwin.models.night_profile import Profile, profiles
from braintwin.models.nights_simulator import simulate_nights
from braintwin.models.outcomes import NEED_LIGHTS_OFF, outcomes
from braintwin.models.population import Draws, Population, Who, correlated, scales

Floats = npt.NDArray[np.float64]

AT_ONCE = 20.0
"""Log hazard that stands for sleep from the first epoch on, where lights off is unknown."""


def predict_nights(
    population: Population,
    person: Floats,
    who: Who,
    *,
    n_epochs: int,
    lights_off_known: bool,
    arousal_rate: float = 0.0,
    rng: np.random.Generator,
) -> npt.NDArray[np.int8]:
    """Return one simulated further night for each draw of a person's effects (draw, group), as (draw, epoch) stages.

    Where lights off is unknown the night begins with its sleep, as the fitted ones do.
    """
    sd, corr = scales(population.night_covariance(who))
    effects = person + sd * correlated(rng, len(person), corr)
    if not lights_off_known:
        effects[:, GROUPS.index("onset")] = AT_ONCE
    uniforms = rng.random((len(person), n_epochs))
    return simulate_nights(population, effects=effects, uniforms=uniforms, n_epochs=n_epochs, arousal_rate=arousal_rate)


def replicate(
    population: Population,
    draws: Draws,
    stages: npt.NDArray[np.integer],
    lights_off_known: npt.NDArray[np.bool_],
    first: npt.NDArray[np.bool_],
    *,
    arousal_rate: float = 0.0,
    rng: np.random.Generator,
) -> Profile:
    """Return the course of replicated nights, summed over the nights of each replicate, (draw, ...).

    Each draw of the person sleeps every night again, with fresh night effects: as long, with the same epochs missing,
    and from sleep onset on where lights off is unknown.

    Parameters
    ----------
    draws : Draws
        The person, as a twin or a population has them.
    stages : (night, epoch) int
        The nights that are replicated; -1 is missing or after the end.
    lights_off_known, first : (night,) bool
        Whether lights off is known, and which are first nights in the laboratory.
    """
    total: Profile | None = None
    for night, known, at_first in zip(stages, lights_off_known, first, strict=True):
        effects = draws.further_nights(rng) + at_first * population.first_night
        if not known:
            effects[:, GROUPS.index("onset")] = AT_ONCE
        length = int(np.flatnonzero(night >= 0)[-1]) + 1
        made = simulate_nights(
            population,
            effects=effects,
            uniforms=rng.random((len(effects), length)),
            n_epochs=length,
            arousal_rate=arousal_rate,
        )
        made[:, night[:length] < 0] = -1
        found = profiles(made, known)
        total = found if total is None else total.plus(found)
    if total is None:
        message = "no night to replicate"
        raise ValueError(message)
    return total


def outcome_values(stages: npt.NDArray[np.integer], *, lights_off_known: bool) -> Floats:
    """Return outcomes of nights, NaN for those that need lights off where it is unknown, (night, outcome)."""
    values = outcomes(stages)
    if not lights_off_known:
        values[:, np.isin(OUTCOMES, NEED_LIGHTS_OFF)] = np.nan
    return values


def crps(samples: Floats, observed: Floats) -> Floats:
    """Return the continuous ranked probability score of samples (sample, ...), fair in their number; smaller is better.

    doi:10.1198/016214506000001437.
    """
    n = len(samples)
    ordered = np.sort(samples, axis=0)
    weight = (2 * np.arange(1, n + 1) - n - 1).reshape(-1, *([1] * (samples.ndim - 1)))
    spread = 2 * (weight * ordered).sum(axis=0) / (n * (n - 1))
    return np.asarray(np.abs(samples - observed).mean(axis=0) - spread / 2)


@dataclass(frozen=True)
class Scores:
    """How one forecast of a night did, by outcome.

    Attributes
    ----------
    crps, width, inside : (outcome,) float
        Score; width of the 90 % interval; whether it holds what was seen.
    """

    crps: Floats
    width: Floats
    inside: Floats


def score(samples: Floats, observed: Floats, level: float = 0.9) -> Scores:
    """Return the scores of simulated outcomes (sample, outcome) against those of a night (outcome,)."""
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2], axis=0)
    inside = np.where(np.isfinite(observed), ((observed >= low) & (observed <= high)).astype(float), np.nan)
    return Scores(crps(samples, observed), high - low, inside)


def holm(p_values: Floats) -> Floats:
    """Return p-values adjusted for their number by Holm's method."""
    order = np.argsort(p_values)
    n = len(p_values)
    stepped = np.maximum.accumulate(np.minimum(1.0, p_values[order] * (n - np.arange(n))))
    adjusted = np.empty(n)
    adjusted[order] = stepped
    return adjusted
