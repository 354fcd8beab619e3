"""Small groups: people who could be told apart in a published table by their age band and sex."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from braintwin.contracts.tables import PersonRow

SMALLEST = 5
"""Fewest people of one age band and sex in a published study, unless another number is asked for."""


@dataclass(frozen=True)
class Group:
    """An age band and sex, and how many people of the study have both."""

    age_band: str
    sex: str
    people: int

    def __str__(self) -> str:
        return f"{self.age_band or 'age unknown'} × {self.sex or 'sex unknown'}: {self.people}"


def small_groups(people: Iterable[PersonRow], synthetic: Iterable[str], smallest: int = SMALLEST) -> list[Group]:
    """Return the groups with fewer than `smallest` people; people of `synthetic` datasets are nobody's.

    Where neither age nor sex is known, nobody can be told apart by them.
    """
    made_up = set(synthetic)
    tally = Counter((p.age_band, p.sex) for p in people if p.dataset not in made_up and (p.age_band or p.sex))
    return [Group(age, sex, count) for (age, sex), count in sorted(tally.items()) if count < smallest]


def withhold(people: Sequence[PersonRow]) -> list[PersonRow]:
    """Return `people` without age, sex and numeric covariates; the diagnosis stays, as the rankings rest on it."""
    return [
        person.model_copy(
            update={
                "age_band": "",
                "sex": "",
                "covariates": {name: value for name, value in person.covariates.items() if isinstance(value, str)},
            }
        )
        for person in people
    ]
