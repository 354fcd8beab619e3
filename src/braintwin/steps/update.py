"""update: one more night for one person's hypnogram twin; the population and everybody else stay as they are.

IN   people/<person>/night.nc, a prepared night or a scoring, the population
OUT  people/<person>/night.nc, people/<person>/versions/

The new posterior is that of all the person's nights: those that the twin was fitted to are stored in it, so that the
update is exact and needs neither the dataset nor the cohort.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr

import braintwin
from braintwin.contracts.night import NIGHT_OBSERVED, NIGHT_POSTERIOR
from braintwin.contracts.stages import EPOCH_S
from braintwin.contracts.tables import NightRow, PersonRow
from braintwin.digest import lasting_digest
from braintwin.errors import BrainTwinError, NightExcluded
from braintwin.inference.nights import Night
from braintwin.io.population import read_population
from braintwin.io.posterior import read_groups, write_groups
from braintwin.io.records import read_status, write_status
from braintwin.io.versions import Version, night_digest, record
from braintwin.options.dataset import DatasetOptions
from braintwin.options.fit_nights import FitNightsOptions
from braintwin.options.prepare import PrepareOptions
from braintwin.provenance import derive_seed, file_digest, stamp
from braintwin.steps.fit_nights import CONTRACTS, fit_twin
from braintwin.steps.fit_nights_read import admitted
from braintwin.steps.prepare import prepare_night

STEP = "update"


def run(
    *, person: PersonRow, twin: Path, prepared: xr.Dataset, population: Path, seed: int, options: FitNightsOptions
) -> tuple[Version, Version]:
    """Give a twin one more night; return the versions before and after.

    Parameters
    ----------
    person : PersonRow
        Whose twin it is; ``covariates["ahi"]``, where given, is the rate of respiratory events.
    twin : path
        Their `night.nc`, to be replaced; the one before stays among its versions.
    prepared : Dataset
        The new night, under the contract of `prepare.nc`.
    population : path
        The population prior that the twin was fitted with.
    seed : int
        Seed of the study.
    options : FitNightsOptions
        As the twin was fitted with.

    Raises
    ------
    BrainTwinError
        If the twin is not usable, was fitted with another population, or has seen the night; or if the night cannot
        be learned from. Nothing is written then.
    """
    groups = whole_twin(twin, person.person)
    check_population(groups, population)
    try:
        new = admitted(prepared, seed, options)
    except NightExcluded as why:
        message = f"{STEP}: {prepared.attrs['night']} is no night to learn from: {why}"
        raise BrainTwinError(message) from None
    old = stored_nights(groups["observed_data"])
    check_unseen(new, old)
    before = record(twin)
    nights = [*old, new]
    own, rhythm = derive_seed(seed, STEP, person.person), groups["posterior"].attrs
    made = fit_twin(read_population(population), person, nights, own, options, rhythm)
    attrs = stamp(
        version=braintwin.__version__,
        step=STEP,
        module=__name__,
        options=options.model_dump(),
        inputs=[population],
        seed=seed,
    )
    inputs = json.loads(attrs["inputs"]) | {"before": before.twin[:16], "night": night_digest(new.stages)[:16]}
    attrs["inputs"] = json.dumps(inputs, sort_keys=True)
    write_groups(twin, made, CONTRACTS, attrs)
    write_status(twin, STEP, "ok")
    return before, record(twin)


def whole_twin(twin: Path, person: str) -> dict[str, xr.Dataset]:
    """Return the groups of a twin that can be updated.

    Raises
    ------
    BrainTwinError
        If there is none.
    """
    if not twin.is_file():
        message = f"{STEP}: {person} has no hypnogram twin yet; run the study first (braintwin run)"
        raise BrainTwinError(message)
    status = read_status(twin)
    if status.state != "ok":
        message = f"{STEP}: the twin of {person} is {status.state} ({status.reason}); run the study again instead"
        raise BrainTwinError(message)
    return read_groups(twin, {"posterior": NIGHT_POSTERIOR, "observed_data": NIGHT_OBSERVED})


def check_population(groups: dict[str, xr.Dataset], population: Path) -> None:
    """Refuse a population other than the twin's: its nights would be weighed against two priors."""
    known = json.loads(str(groups["/"].attrs.get("inputs", "{}")))
    stated = known.get(f"{population.parent.name}/{population.name}")
    if stated is not None and stated != lasting_digest(population)[:16]:
        message = f"{STEP}: the twin was fitted with another population prior; run the study again (braintwin run)"
        raise BrainTwinError(message)


def stored_nights(observed: xr.Dataset) -> list[Night]:
    """Return the nights that a twin was fitted to, as they were."""
    lengths = np.rint(observed["time_in_bed"].values * 60 / EPOCH_S).astype(int)
    rows = zip(
        observed["night"].values, observed["stage"].values, lengths, observed["lights_off_known"].values, strict=True
    )
    nights = [Night(str(name), stages[:n].astype(np.int8), bool(known)) for name, stages, n, known in rows]
    if "stage_version" not in observed:
        return nights
    drawn = [part[:, : len(night.stages)] for night, part in zip(nights, observed["stage_version"].values, strict=True)]
    return [replace(night, versions=part.astype(np.int8)) for night, part in zip(nights, drawn, strict=True)]


def check_unseen(new: Night, old: Sequence[Night]) -> None:
    """Refuse a night that the twin has seen, by its name or by its scoring."""
    for night in old:
        if night.name == new.name:
            message = f"{STEP}: the twin has seen {new.name} already; name another night"
            raise BrainTwinError(message)
        if night_digest(night.stages) == night_digest(new.stages):
            message = f"{STEP}: the twin has seen this scoring already, as {night.name}; name another night"
            raise BrainTwinError(message)


def from_scoring(events: Path, person: PersonRow, dataset: DatasetOptions, options: PrepareOptions) -> xr.Dataset:
    """Return a scoring outside the dataset as a prepared night, named by its content: file names may hold dates.

    Raises
    ------
    BrainTwinError
        If it cannot be read.
    """
    if not events.is_file():
        message = f"{STEP}: no file {events.name!r}; name an events table with --hypnogram"
        raise BrainTwinError(message)
    name = f"{person.person}-x{file_digest(events)[:8]}"
    row = NightRow(
        night=name, person=person.person, dataset=person.dataset, bids_path="", stages=events.name, has_stages=True
    )
    plain = dataset.model_copy(update={"stages": dataset.stages.model_copy(update={"file": None, "rows": {}})})
    try:
        return prepare_night(row, plain, events.parent, options)[0]
    except NightExcluded as why:
        message = f"{STEP}: {events.name}: {why}"
        raise BrainTwinError(message) from None
