"""The training nights as arrays, by person."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from braintwin.inference.night_counts import CountTable, tabulate
from braintwin.inference.training import TrainingNight
from braintwin.models.hypnogram import N_STAGES
from braintwin.models.population import Population, Who

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass
class Cohort:
    """Nights by person, as arrays.

    Attributes
    ----------
    counts : CountTable
    rows : list of CountTable
        Its cells by row of the chain, without those before onset.
    starts : (person + 1,) int
        First night of each person.
    who : list of Who
    fold : (person,) int
    first : (night,) bool
        First nights in the laboratory.
    """

    counts: CountTable
    rows: list[CountTable]
    starts: Ints
    people: list[str]
    who: list[Who]
    fold: Ints
    first: npt.NDArray[np.bool_]

    @property
    def person_of(self) -> Ints:
        """Return the person of each night."""
        return np.repeat(np.arange(len(self.people)), np.diff(self.starts))

    @property
    def several(self) -> npt.NDArray[np.bool_]:
        """Return which people have more than one night."""
        return np.diff(self.starts) > 1

    @property
    def arousal(self) -> Floats:
        """Return respiratory events per hour, (night,)."""
        return np.array([who.ahi or 0.0 for who in self.who])[self.person_of]

    def site(self, sites: Sequence[str]) -> Ints:
        """Return the position of each person's dataset."""
        return np.array([sites.index(who.site) for who in self.who], dtype=np.int64)

    def means(self, population: Population) -> Floats:
        """Return what is expected of each person, (person, group)."""
        return np.array([population.person_mean(who) for who in self.who])


def cohort(training: Sequence[TrainingNight]) -> Cohort:
    """Return nights in order of person and night index, counted."""
    nights = sorted(training, key=lambda n: (n.person, n.night_index, n.night))
    by_person: dict[str, list[TrainingNight]] = {}
    for night in nights:
        by_person.setdefault(night.person, []).append(night)
    counts = tabulate([(n.stages, n.lights_off_known) for n in nights])
    return Cohort(
        counts=counts,
        rows=[counts.cells(counts.row == k) for k in range(N_STAGES)],
        starts=np.concatenate([[0], np.cumsum([len(own) for own in by_person.values()])]).astype(np.int64),
        people=list(by_person),
        who=[Who(own[0].age, own[0].sex or "", own[0].ahi, own[0].dataset) for own in by_person.values()],
        fold=np.array([own[0].fold for own in by_person.values()], dtype=np.int64),
        first=np.array([n.night_index == 1 for n in nights]),
    )
