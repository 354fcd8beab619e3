"""What `fit-nights` reads: prepared nights, as sure as their scoring is, and their slow-wave activity."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from braintwin.contracts.features import FEATURES
from braintwin.contracts.prepare import PREPARED
from braintwin.errors import NightExcluded
from braintwin.inference.admission import admit
from braintwin.inference.nights import Night
from braintwin.inference.process_s import Course
from braintwin.inference.soft_stages import soften
from braintwin.io.arrays import read_dataset
from braintwin.io.records import read_status
from braintwin.options.fit_nights import FitNightsOptions
from braintwin.provenance import derive_seed

STEP = "fit-nights"


@dataclass(frozen=True)
class Prepared:
    """What this step takes from one `prepare.nc`."""

    path: Path
    person: str
    night: Night | None
    why_not: str
    course: Course | None = None


def read_night(path: Path, features: Path | None, seed: int, options: FitNightsOptions) -> Prepared | None:
    """Return a night and whether it can be fitted; None if an earlier step refused it.

    The stages of an automatic scoring come in several versions; slow-wave activity is read where it is asked for.
    """
    if read_status(path).state != "ok":
        return None
    data = read_dataset(path, PREPARED)
    name, person = str(data.attrs["night"]), str(data.attrs["person"])
    try:
        night = admitted(data, seed, options)
    except NightExcluded as why:
        return Prepared(path, person, None, f"{name}: {why}")
    if options.process_s == "literature" or features is None or read_status(features).state != "ok":
        return Prepared(path, person, night, "")
    return Prepared(path, person, night, "", course_of(night, read_dataset(features, FEATURES)))


def admitted(prepared: xr.Dataset, seed: int, options: FitNightsOptions) -> Night:
    """Return the part of a prepared night that is the night, with as many versions as its scoring calls for.

    Raises
    ------
    NightExcluded
        If it is none that a twin can learn from.
    """
    night = admit(prepared, options.conditions, options.min_night_min)
    if "stage_probability" not in prepared or options.stage_versions == 1:
        return night
    rng = np.random.default_rng(derive_seed(seed, "stage versions", night.name))
    return soften(night, prepared["stage_probability"].values, options.stage_versions, rng)


def course_of(night: Night, features: xr.Dataset) -> Course:
    """Return the slow-wave activity of a night in the channel that has it of most epochs.

    A mean over channels would step where one of them is lost.
    """
    power = features["swa"].transpose("epoch", "channel").values[night.begin : night.begin + len(night.stages)]
    best = int(np.isfinite(power).sum(axis=0).argmax())
    return Course(night.stages, power[:, best].astype(np.float64))


def left_out(person: str, found: Sequence[Prepared]) -> str:
    """Return which nights of a person no twin can learn from, and why, as JSON: night to reason."""
    mine = {p.path.parent.name: p.why_not for p in found if p.person == person and p.night is None}
    return json.dumps({name: why.removeprefix(f"{name}: ") for name, why in mine.items()}, sort_keys=True)


def usable(person: str, found: Sequence[Prepared]) -> list[Prepared]:
    """Return the nights of a person that can be fitted, by name.

    Raises
    ------
    NightExcluded
        If there is none.
    """
    mine = [p for p in found if p.person == person]
    good = sorted((p for p in mine if p.night is not None), key=lambda p: p.night.name if p.night else "")
    if not good:
        reasons = "; ".join(p.why_not for p in mine) or "no night came through prepare"
        message = (
            f"{STEP}: {person} has no night to fit ({reasons}); "
            "add a scored night, or name its condition under fit_nights.conditions"
        )
        raise NightExcluded(message)
    return good
