"""The training nights of a population: a study's tables and prepared nights read together."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from braintwin.contracts.prepare import PREPARED
from braintwin.contracts.stages import EPOCH_S, STAGES
from braintwin.contracts.tables import NightRow, PersonRow
from braintwin.errors import NightExcluded
from braintwin.inference.nights import window
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
    min_sleep_min: float,
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
    min_sleep_min : float
        Least sleep of a night, min.
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
                training_night(read_dataset(path, PREPARED), row, of_person[row.person], conditions, min_sleep_min)
            )
        except NightExcluded as why:
            left_out[row.night] = str(why)
    return TrainingSet(tuple(found), left_out)


def training_night(
    prepared: xr.Dataset, night: NightRow, person: PersonRow, conditions: Collection[str], min_sleep_min: float
) -> TrainingNight:
    """Return one prepared night as the population model takes it.

    Raises
    ------
    NightExcluded
        If its condition is not among `conditions`, nobody scored it, or it holds too little sleep.
    """
    attrs = prepared.attrs
    if night.condition not in conditions:
        message = f"{night.night} was under {night.condition!r}"
        raise NightExcluded(message)
    if attrs["stages_source"] != "scored":
        message = f"{night.night} was not scored by anyone (stages: {attrs['stages_source']})"
        raise NightExcluded(message)
    mark = str(attrs["lights_off"])
    known = mark not in ("unknown", "")
    kept = window(night.night, prepared["stage"].values, round(float(mark) / EPOCH_S) if known else None)
    asleep = float((kept.stages >= STAGES.index("N1")).sum()) * EPOCH_S / 60
    if asleep < min_sleep_min:
        message = f"{night.night} holds {asleep:.1f} min of sleep, expected {min_sleep_min:g} or more"
        raise NightExcluded(message)
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
