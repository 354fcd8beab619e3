"""The training nights of a population: a study's tables and prepared nights read together."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from braintwin.contracts.prepare import PREPARED
from braintwin.contracts.tables import NightRow, PersonRow
from braintwin.errors import NightExcluded
from braintwin.inference.admission import admit
from braintwin.inference.training import TrainingNight, age_of
from braintwin.io.arrays import read_dataset
from braintwin.io.records import read_status


@dataclass(frozen=True)
class TrainingSet:
    """The nights to learn from, and the reason of each that is left out."""

    nights: tuple[TrainingNight, ...]
    left_out: Mapping[str, str]


def read_training(
    nights: Sequence[NightRow],
    people: Sequence[PersonRow],
    prepared: Sequence[Path],
    conditions: Collection[str],
    *,
    min_night_min: float,
) -> TrainingSet:
    """Return the nights of a study that a population can learn from, in the order of their names.

    Parameters
    ----------
    nights, people : sequence of row
        The study's index.
    prepared : sequence of path
        `prepare.nc` of every night, each in the folder of its night.
    conditions : collection of str
        Conditions that count as untreated; nights under another are left out.
    min_night_min : float
        Least length of a night, min.
    """
    of_night = {row.night: row for row in nights}
    of_person = {row.person: row for row in people}
    found: list[TrainingNight] = []
    left_out: dict[str, str] = {}
    for path in sorted(prepared, key=lambda p: p.parent.name):
        row = of_night[path.parent.name]
        status = read_status(path)
        try:
            if status.state != "ok":
                raise NightExcluded(status.reason)
            found.append(
                training_night(read_dataset(path, PREPARED), row, of_person[row.person], conditions, min_night_min)
            )
        except NightExcluded as why:
            left_out[row.night] = str(why)
    return TrainingSet(tuple(found), left_out)


def training_night(
    prepared: xr.Dataset, night: NightRow, person: PersonRow, conditions: Collection[str], min_night_min: float
) -> TrainingNight:
    """Return one prepared night as the population model takes it.

    Raises
    ------
    NightExcluded
        If nobody scored it, or :func:`braintwin.inference.admission.admit` refuses it.
    """
    if prepared.attrs["stages_source"] != "scored":
        message = f"not scored by anyone (stages: {prepared.attrs['stages_source']})"
        raise NightExcluded(message)
    kept = admit(prepared, conditions, min_night_min)
    ahi = person.covariates.get("ahi")
    return TrainingNight(
        person=night.person,
        night=night.night,
        dataset=night.dataset,
        stages=kept.stages,
        lights_off_known=kept.lights_off_known,
        age=age_of(person.age_band),
        sex=person.sex,
        ahi=float(ahi) if ahi is not None else None,
        night_index=night.night_index,
        condition=night.condition,
        fold=night.fold,
    )
