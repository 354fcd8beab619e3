"""What if: one person's nights as they are and under a treatment, a dose, a combination, a time in bed.

Both arms see the same noise, night by night. What a treatment does beside its placebo (the operators) is scaled by the
dose and added up over a combination; the placebo's part comes once, whatever is taken with it. A night on which the
treatment is not taken is the usual night.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from braintwin.contracts.stages import EPOCH_S
from braintwin.models.nights_simulator import simulate_nights
from braintwin.models.outcomes import outcomes
from braintwin.models.population import Draws, Population
from braintwin.treatment.counterfactual import epochs_in_bed
from braintwin.treatment.operators import Operators

Floats = npt.NDArray[np.float64]

SHORTEST_MIN, LONGEST_MIN = 240.0, 720.0
"""Times in bed that can be asked for."""


@dataclass(frozen=True)
class Scenario:
    """What is to be simulated.

    Attributes
    ----------
    dose_factor : float
        Factor on the log hazards: the effect is taken as proportional to the dose, which is an assumption.
    adherence : float
        Share of the nights on which the treatment is taken.
    minutes_in_bed : float or None
        Time in bed of every night of the scenario; the usual one, changed as the treatment asks, where None.
    nights : int
        Nights of each draw.
    """

    dose_factor: float = 1.0
    adherence: float = 1.0
    minutes_in_bed: float | None = None
    nights: int = 14


@dataclass(frozen=True)
class Comparison:
    """Outcomes of the same nights as they are usually and under the scenario, (night, draw, outcome) each."""

    usual: Floats
    scenario: Floats

    @property
    def change(self) -> Floats:
        """Return scenario less usual, (night, draw, outcome)."""
        return self.scenario - self.usual


def dosed(operators: Operators, factor: float) -> Operators:
    """Return the operators of a dose `factor` times the trials'."""
    return Operators(
        shift=factor * operators.shift,
        time_in_bed_min=factor * operators.time_in_bed_min,
        arousal_factor=operators.arousal_factor**factor,
    )


def together(parts: Sequence[Operators]) -> Operators:
    """Return the operators of treatments taken together: log hazards add up, as if neither knew of the other."""
    return Operators(
        shift=np.asarray(sum(part.shift for part in parts)),
        time_in_bed_min=np.asarray(sum(part.time_in_bed_min for part in parts)),
        arousal_factor=np.prod([part.arousal_factor for part in parts], axis=0),
    )


def compare(
    population: Population,
    twin: Draws,
    operators: Operators,
    scenario: Scenario,
    *,
    usual_min: float,
    arousal_rate: float,
    rng: np.random.Generator,
) -> Comparison:
    """Simulate the usual nights and those of the scenario.

    Parameters
    ----------
    population : Population
    twin : Draws
        (draw, ...) effects of one person.
    operators : Operators
        What the treatments do on a night on which they are taken, one row per draw.
    scenario : Scenario
    usual_min : float
        Usual time in bed, min.
    arousal_rate : float
        Respiratory events per hour of sleep, untreated.
    rng : Generator
        Generators in the same state give two scenarios the same noise.
    """
    draws = len(twin.person_effect)
    usual = np.full(draws, round(usual_min * 60 / EPOCH_S))
    if scenario.minutes_in_bed is None:
        asked = epochs_in_bed(usual_min, operators.time_in_bed_min)
    else:
        asked = np.full(draws, round(scenario.minutes_in_bed * 60 / EPOCH_S))
    missed = usual if scenario.minutes_in_bed is None else asked
    width = round(LONGEST_MIN * 60 / EPOCH_S)
    events = arousal_rate * operators.arousal_factor
    shift = operators.shift + population.event_shift(arousal_rate, events)
    found = np.empty((2, scenario.nights, draws, outcomes(np.zeros((1, 2), np.int8)).shape[1]))
    for night in range(scenario.nights):
        effects, uniforms = twin.further_nights(rng), rng.random((draws, width))
        taken = rng.random(draws) < scenario.adherence

        def outcome(effect: Floats, epochs: npt.NDArray[np.int64], rate: Floats, uniforms: Floats = uniforms) -> Floats:
            stages = simulate_nights(population, effects=effect, uniforms=uniforms, n_epochs=epochs, arousal_rate=rate)
            return outcomes(stages)

        found[0, night] = outcome(effects, usual, np.full(draws, arousal_rate))
        found[1, night] = outcome(
            effects + taken[:, None] * shift, np.where(taken, asked, missed), np.where(taken, events, arousal_rate)
        )
    return Comparison(found[0], found[1])


@dataclass(frozen=True)
class Change:
    """What a scenario does to one outcome.

    Attributes
    ----------
    usual, scenario : float
        Means.
    mean, low, high : float
        Change of the average of the nights, with its 90 % interval: what is not known of the treatment and person.
    night_low, night_high : float
        90 % of single nights: what one night shows.
    rises : float
        Probability that the average rises.
    """

    usual: float
    scenario: float
    mean: float
    low: float
    high: float
    night_low: float
    night_high: float
    rises: float


def changes(found: Comparison) -> list[Change]:
    """Return the change of every outcome, in the order of `contracts.simulate.OUTCOMES`."""
    change = found.change
    average = change.mean(axis=0)
    low, high = np.quantile(average, [0.05, 0.95], axis=0)
    night_low, night_high = np.quantile(change.reshape(-1, change.shape[-1]), [0.05, 0.95], axis=0)
    usual, scenario = found.usual.mean(axis=(0, 1)), found.scenario.mean(axis=(0, 1))
    rises = (average > 0).mean(axis=0) + 0.5 * (average == 0).mean(axis=0)
    columns = np.column_stack([usual, scenario, average.mean(axis=0), low, high, night_low, night_high, rises])
    return [Change(*row) for row in columns.tolist()]
