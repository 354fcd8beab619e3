"""A trial as the hypnogram twin sees it: people with treated and untreated nights, and what is expected of them.

The effects of the nights of a person, stacked as e (night, group), are normal before the data,

    e = person + night + first-night effect + β + x (τ + δ)

with x = 1 on treated nights: β is how this trial's people differ from the population, τ what the treatment does to
the log hazards of everybody (the operators), δ how the person differs in that. Crossover and parallel arms need no
different model: x says who was treated when.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from braintwin.contracts.night import GROUPS
from braintwin.inference.night_counts import CountTable, cell_offsets, tabulate
from braintwin.inference.training import TrainingNight
from braintwin.models.population import Population, Who

Floats = npt.NDArray[np.float64]

SIZE = len(GROUPS)

OPERATOR_SD = 0.3
"""Prior sd of an operator, a shift of a log hazard: hypnotics move transition rates by tens of per cent."""

LEAST_STUDY_SD = 0.1
"""A trial's people differ from the population at least by so much, also where its dataset is known."""


@dataclass(frozen=True)
class Prior:
    """What is known before the trial.

    Attributes
    ----------
    operator_sd : float
        Prior sd of the shift of a log hazard.
    spread_sd, spread_people : float
        Between-person sd of that shift, as if so many people with it had been seen besides.
    """

    operator_sd: float = OPERATOR_SD
    spread_sd: float = 0.15
    spread_people: float = 10.0


@dataclass(frozen=True)
class Member:
    """One person of a trial.

    Attributes
    ----------
    person : str
    counts : CountTable
        Of their nights, in the order in which they were slept.
    offset : (cell, way) float
        Log odds of the cells but for the effects.
    treated : (night,) bool
    mean : (night × group,) float
        What the population expects of the nights.
    person_cov, night_cov : (group, group) float
        Spread of people like this one, and of their nights.
    study_sd : (group,) float
        How far a study's people may lie from the population.
    nights : tuple of TrainingNight
        The nights themselves.
    """

    person: str
    counts: CountTable
    offset: Floats
    treated: npt.NDArray[np.bool_]
    mean: Floats
    person_cov: Floats
    night_cov: Floats
    study_sd: Floats
    nights: tuple[TrainingNight, ...]

    @property
    def design(self) -> Floats:
        """Return how (β, τ) enter the stacked effects, (night × group, 2 × group)."""
        rows = np.column_stack([np.ones(len(self.treated)), self.treated.astype(float)])
        return np.kron(rows, np.eye(SIZE))

    def covariance(self, spread: Floats) -> Floats:
        """Return the prior covariance of the stacked effects given (β, τ), (night × group, night × group).

        Parameters
        ----------
        spread : (group,) float
            Between-person sd of the operators.
        """
        n, x = len(self.treated), self.treated.astype(float)
        return np.asarray(
            np.kron(np.ones((n, n)), self.person_cov)
            + np.kron(np.eye(n), self.night_cov)
            + np.kron(np.outer(x, x), np.diag(spread**2))
        )


def members(nights: Sequence[TrainingNight], treated: Sequence[str], population: Population) -> list[Member]:
    """Return the people of a trial, by name.

    Whoever the population learned from is seen through the variant that never saw them.

    Parameters
    ----------
    nights : sequence of TrainingNight
        Treated and untreated nights.
    treated : sequence of str
        The conditions that are the treatment.
    """
    by_person: dict[str, list[TrainingNight]] = {}
    for night in sorted(nights, key=lambda n: (n.person, n.night_index, n.night)):
        by_person.setdefault(night.person, []).append(night)
    return [_member(name, tuple(own), treated, population) for name, own in by_person.items()]


def _member(person: str, nights: tuple[TrainingNight, ...], treated: Sequence[str], population: Population) -> Member:
    variant, first = population.for_person(person), nights[0]
    who = Who(first.age, first.sex or "", first.ahi, first.dataset)
    counts = tabulate([(night.stages, night.lights_off_known) for night in nights])
    rate = np.full(len(nights), first.ahi or 0.0)
    opening = np.array([night.night_index == 1 for night in nights], dtype=float)
    return Member(
        person=person,
        counts=counts,
        offset=cell_offsets(variant, counts, rate),
        treated=np.array([night.condition in treated for night in nights]),
        mean=(variant.person_mean(who) + np.outer(opening, variant.first_night)).ravel(),
        person_cov=variant.people_of(first.dataset),
        night_cov=variant.night_covariance(who),
        study_sd=np.maximum(variant.site_sd, LEAST_STUDY_SD),
        nights=nights,
    )
