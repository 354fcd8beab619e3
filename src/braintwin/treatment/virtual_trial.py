"""Virtual trials: people of the population enrolled under arms, night by night, and the contrast that a trial sees.

People are made as sleepless as the trial's were (:mod:`braintwin.treatment.trial`). What a treatment does on average is
drawn once for each trial, since nobody knows it exactly; how people differ around it is drawn for each of them. Arms of
a parallel trial hold different people; in a crossover everybody sleeps under both. Nights and noise are never shared:
unlike a twin, a trial cannot see the same night twice.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from braintwin.contracts.simulate import OUTCOMES
from braintwin.contracts.stages import EPOCH_S
from braintwin.models.nights_simulator import simulate_nights
from braintwin.models.outcomes import outcomes
from braintwin.models.population import Draws, Population, Who
from braintwin.treatment.evidence import Baseline, Treatment
from braintwin.treatment.library import Meta
from braintwin.treatment.operators import Operators, Uncertainty, draw_operators
from braintwin.treatment.trial import LONGEST_EXTENSION_MIN, enrol

Floats = npt.NDArray[np.float64]
Kind = Literal["parallel", "crossover"]

SHIFT_PEOPLE = 800
"""People among whom the shift to a trial's baseline is found."""

PORTIONS, PORTION_NIGHTS = 64, 4000
"""Most portions of many trials, and the nights of the shortest: about half a second, which is worth sending away."""


@dataclass(frozen=True)
class Design:
    """A trial to be simulated.

    Attributes
    ----------
    kind : parallel or crossover
    people : int
        All of them; half in each arm of a parallel trial.
    nights : int
        Of each person under each of their arms; a person's outcome is their mean.
    """

    kind: Kind = "parallel"
    people: int = 60
    nights: int = 1


@dataclass(frozen=True)
class Clinic:
    """Where the people of a trial come from.

    Attributes
    ----------
    population : Population
    shift : (group,) float
        From the population to the people of the trial.
    time_in_bed_min : float
    latency : SOL or LPS
        Wake after sleep onset counts from there on.
    ahi : float
        Respiratory events per hour of sleep.
    """

    population: Population
    shift: Floats
    time_in_bed_min: float
    latency: str = "SOL"
    ahi: float = 0.0


def clinic(population: Population, baseline: Baseline, *, seed: int) -> Clinic:
    """Return people whose mean untreated night is the baseline.

    Raises
    ------
    ValueError
        If no shift of the population leads there.
    """
    trial = enrol(population, baseline, people=SHIFT_PEOPLE, rng=np.random.default_rng(seed))
    # The same draw once more, before it was shifted.
    drawn = population.draw(np.random.default_rng(seed), SHIFT_PEOPLE, Who(ahi=baseline.AHI or None))
    shift = (trial.effects - drawn.person_effect - drawn.night_effect).mean(axis=0)
    return Clinic(population, shift, baseline.TIB, baseline.latency, baseline.AHI)


@dataclass(frozen=True)
class Arm:
    """What happens to people in one arm, by trial and by person.

    Attributes
    ----------
    average : Operators
        One row per trial.
    apart : (person, group) float
        How each person differs from the average; the same people in the same order in every trial.
    apart_min : (person,) float
        The same of the time in bed.
    arousal_factor : (person,) float
    """

    average: Operators
    apart: Floats
    apart_min: Floats
    arousal_factor: Floats

    def trials(self, numbers: range) -> "Arm":
        """Return the arm in some of the trials."""
        part, all_trials = slice(numbers.start, numbers.stop), self.average
        between = None if all_trials.between is None else all_trials.between[part]
        average = Operators(
            all_trials.shift[part], all_trials.time_in_bed_min[part], all_trials.arousal_factor[part], between
        )
        return replace(self, average=average)


def arm(
    treatment: Treatment,
    meta: Meta,
    *,
    trials: int,
    people: int,
    time_in_bed_min: float,
    placebo: tuple[Floats, Floats],
    seed: int,
    heterogeneity_sd: float,
    error_scale: float = 1.0,
) -> Arm:
    """Return what a treatment does in each trial and to each person.

    Parameters
    ----------
    placebo : tuple of (trial,) float
        Draws of the placebo, shared by the arms; see :func:`braintwin.treatment.operators.placebo_shift`.
    seed : int
        The average and the people have generators of their own.
    error_scale : float
        0 where the average is to be the best estimate in every trial.
    """
    same = treatment
    if treatment.operators is not None and treatment.operators.between_sd:
        same = treatment.model_copy(update={"operators": treatment.operators.model_copy(update={"between_sd": {}})})

    def drawn(entry: Treatment, draws: int, sd: float, which: int, offset: bool, scale: float) -> Operators:
        return draw_operators(
            entry, meta, draws=draws, time_in_bed_min=time_in_bed_min, placebo=placebo,
            rng=np.random.default_rng([seed, which]),
            uncertainty=Uncertainty(sd, comparator_offset=offset, error_scale=scale),
        )  # fmt: skip

    average = drawn(same, trials, 0.0, 0, True, error_scale)
    # Generators in one state: what is left is how people differ.
    full, plain = drawn(treatment, people, heterogeneity_sd, 1, False, 1.0), drawn(same, people, 0.0, 1, False, 1.0)
    return Arm(average, full.shift - plain.shift, full.time_in_bed_min - plain.time_in_bed_min, full.arousal_factor)


def run_arm(
    place: Clinic, given: Arm, twin: Draws, members: npt.NDArray[np.int64], trial: int, nights: int,
    rng: np.random.Generator,
) -> Floats:  # fmt: skip
    """Return the mean outcomes of the members of an arm in one trial, (member, outcome)."""
    population, own = place.population, replace(twin, **{
        name: getattr(twin, name)[members] for name in ("person_effect", "night_effect", "night_sd")
    })  # fmt: skip
    after = place.ahi * given.arousal_factor[members]
    shift = place.shift + given.average.shift[trial] + given.apart[members]
    shift = shift + population.event_shift(place.ahi, after)
    change = given.average.time_in_bed_min[trial] + given.apart_min[members]
    minutes = np.maximum(place.time_in_bed_min + np.minimum(change, LONGEST_EXTENSION_MIN), 60.0)
    epochs = np.round(minutes * 60 / EPOCH_S).astype(np.int64)
    total = np.zeros((len(members), len(OUTCOMES)))
    for _ in range(nights):
        stages = simulate_nights(
            population,
            effects=own.further_nights(rng) + shift,
            uniforms=rng.random((len(members), int(epochs.max()))),
            n_epochs=epochs,
            arousal_rate=after,
        )
        total += counted(stages, place.latency)
    return total / nights


def counted(stages: npt.NDArray[np.int8], latency: str) -> Floats:
    """Return the outcomes of nights, with wake after sleep onset as a trial with this latency counts it."""
    found = outcomes(stages)
    if latency == "LPS":
        start = np.round(found[:, OUTCOMES.index("LPS")] * 60 / EPOCH_S).astype(int)
        late = np.arange(stages.shape[1]) >= start[:, None]
        found[:, OUTCOMES.index("WASO")] = ((stages == 0) & late).sum(axis=1) * EPOCH_S / 60
    return found


@dataclass(frozen=True)
class Estimates:
    """What each of many virtual trials found.

    Attributes
    ----------
    contrast, error : (trial, outcome) float
        Treatment less comparator, and its standard error.
    freedom : (trial, outcome) float
        Degrees of freedom of the t interval.
    """

    contrast: Floats
    error: Floats
    freedom: Floats

    def intervals(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """Return the intervals that the trials would print, (trial, outcome) each."""
        from scipy.stats import t

        half = t.ppf((1 + level) / 2, self.freedom) * self.error
        return self.contrast - half, self.contrast + half

    def power(self, level: float = 0.95) -> Floats:
        """Return the share of trials whose interval leaves zero out, (outcome,)."""
        low, high = self.intervals(level)
        return np.asarray(((low > 0) | (high < 0)).mean(axis=0))


def contrast(treated: Floats, control: Floats, kind: Kind) -> tuple[Floats, Floats, Floats]:
    """Return contrast, standard error and degrees of freedom: paired, or by Welch's formula.

    Parameters
    ----------
    treated, control : (person, outcome) float
        Of a crossover, the same people in the same order.
    """
    if kind == "crossover":
        gap = treated - control
        n = len(gap)
        return gap.mean(axis=0), gap.std(axis=0, ddof=1) / np.sqrt(n), np.full(gap.shape[1], n - 1.0)
    parts = [x.var(axis=0, ddof=1) / len(x) for x in (treated, control)]
    total = parts[0] + parts[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = total**2 / sum(part**2 / (len(x) - 1) for part, x in zip(parts, (treated, control), strict=True))
    return treated.mean(axis=0) - control.mean(axis=0), np.sqrt(total), np.where(total > 0, freedom, 1.0)


def virtual_trials(
    place: Clinic, treated: Arm, control: Arm, design: Design, *,
    trials: int, seed: int, each: Callable[..., Iterable[Any]] = map,
) -> Estimates:  # fmt: skip
    """Simulate trials and analyse each as its statistician would.

    Parameters
    ----------
    seed : int
        Trial *i* depends on the seed and *i* alone.
    each : callable
        ``map``, or one like it whose calls are made elsewhere: portions of the trials are independent.
    """
    arms = [(part, treated.trials(part), control.trials(part)) for part in portions(design, trials)]
    found = np.concatenate(list(each(partial(_trials, place, design, seed), arms)))
    return Estimates(*np.moveaxis(found, 1, 0))


def portions(design: Design, trials: int) -> list[range]:
    """Return the numbers of the trials in portions of nearly equal size, none of which is too short to be sent away."""
    short = -(-PORTION_NIGHTS // (design.people * design.nights))
    size = max(short, -(-trials // PORTIONS))
    return [range(first, min(first + size, trials)) for first in range(0, trials, size)]


def _trials(place: Clinic, design: Design, seed: int, portion: tuple[range, Arm, Arm]) -> Floats:
    """Return contrast, standard error and degrees of freedom of some trials, (trial, 3, outcome)."""
    numbers, *given = portion
    people = np.arange(design.people)
    half = design.people // 2
    members = (people, people) if design.kind == "crossover" else (people[:half], people[half:])
    found = np.empty((len(numbers), 3, len(OUTCOMES)))
    for row, number in enumerate(numbers):
        rng = np.random.default_rng([seed, number])
        twin = place.population.draw(rng, design.people, Who(ahi=place.ahi or None))
        first, second = (
            run_arm(place, own, twin, who, row, design.nights, rng) for own, who in zip(given, members, strict=True)
        )
        found[row] = contrast(first, second, design.kind)
    return found
