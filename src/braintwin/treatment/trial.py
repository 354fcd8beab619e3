"""A trial's own population, simulated: people of the population model, made as sleepless as the trial's were.

The same people, nights and uniforms serve every arm (common random numbers), so that a contrast of a few thousand
people has a Monte-Carlo error of well under a minute.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from braintwin.contracts.simulate import OUTCOMES
from braintwin.contracts.stages import EPOCH_S
from braintwin.models.nights_simulator import simulate_nights
from braintwin.models.outcomes import outcomes
from braintwin.models.population import Population, Who
from braintwin.treatment.closed_form import hazard_shifts
from braintwin.treatment.evidence import Baseline
from braintwin.treatment.operators import Operators

Floats = npt.NDArray[np.float64]

LONGEST_EXTENSION_MIN = 60.0
NEAR_MIN = 0.5
"""A baseline is met when latency and wake are this near, min."""

MOST_STEPS = 12


@dataclass(frozen=True)
class Trial:
    """People of a trial, one night each.

    Attributes
    ----------
    population : Population
    baseline : Baseline
        What the mean untreated night is like.
    effects : (person, group) float
        Person, night, and the shift that makes the population the trial's.
    uniforms : (person, epoch) float
    """

    population: Population
    baseline: Baseline
    effects: Floats
    uniforms: Floats

    def arm(self, operators: Operators | None = None) -> Floats:
        """Return the outcomes of everybody in an arm, (person, outcome), as OUTCOMES; WASO as the trial counts it.

        Where the trial's latency is that to persistent sleep, wake counts from there on.
        """
        operators = Operators.nothing(1) if operators is None else operators
        minutes = np.maximum(self.baseline.TIB + np.minimum(operators.time_in_bed_min, LONGEST_EXTENSION_MIN), 60.0)
        after = self.baseline.AHI * operators.arousal_factor
        shift = operators.shift + self.population.event_shift(self.baseline.AHI, after)
        stages = simulate_nights(
            self.population,
            effects=self.effects + shift,
            uniforms=self.uniforms,
            n_epochs=np.round(minutes * 60 / EPOCH_S).astype(np.int64),
            arousal_rate=after,
        )
        found = outcomes(stages)
        if self.baseline.latency == "LPS":
            start = np.round(found[:, OUTCOMES.index("LPS")] * 60 / EPOCH_S).astype(int)
            counted = np.arange(stages.shape[1]) >= start[:, None]
            found[:, OUTCOMES.index("WASO")] = ((stages == 0) & counted).sum(axis=1) * EPOCH_S / 60
        return found

    def night(self, operators: Operators | None = None) -> dict[str, float]:
        """Return the mean outcomes of an arm."""
        return dict(zip(OUTCOMES, self.arm(operators).mean(axis=0).tolist(), strict=True))


def enrol(population: Population, baseline: Baseline, *, people: int, rng: np.random.Generator) -> Trial:
    """Return people whose mean latency and wake after sleep onset are the baseline's.

    They are drawn from the population (a dataset that it has not seen, so with the spread of datasets), and all of
    them are shifted alike: sleep onset until the latency, waking up and falling asleep again, in equal parts, until
    the wake is that of the trial.

    Raises
    ------
    ValueError
        If no shift leads there.
    """
    drawn = population.draw(rng, people, Who(ahi=baseline.AHI or None))
    width = round((baseline.TIB + LONGEST_EXTENSION_MIN) * 60 / EPOCH_S)
    trial = Trial(population, baseline, drawn.person_effect + drawn.night_effect, rng.random((people, width)))
    aim, at = np.array([baseline.SOL, baseline.WASO]), np.zeros(2)
    effects = trial.effects

    def shifted(values: Floats) -> Trial:
        return replace(trial, effects=effects + hazard_shifts(onset=-values[0], wake_odds=values[1]))

    def reached(values: Floats) -> Floats:
        night = shifted(values).night()
        return np.array([night[baseline.latency], night["WASO"]])

    for _ in range(MOST_STEPS):
        now = reached(at)
        if np.abs(now - aim).max() < NEAR_MIN:
            return shifted(at)
        step = 0.1
        slope = np.column_stack([(reached(at + step * unit) - now) / step for unit in np.eye(2)])
        at = at + np.clip(np.linalg.solve(slope, aim - now), -0.7, 0.7)
    message = f"no shift of the population gives latency {baseline.SOL:g} and WASO {baseline.WASO:g} min"
    raise ValueError(message)
