"""What a person's page is made from."""

from dataclasses import dataclass, field

import xarray as xr

from braintwin.contracts.check import PersonCheck
from braintwin.contracts.tables import PersonRow
from braintwin.treatment.library import NO_CHANGE, Library

Groups = dict[str, xr.Dataset]

AUTOMATIC = "yasa"
"""Value of ``stages_source`` of a night that no person scored."""


@dataclass(frozen=True)
class NightMaterial:
    """What there is of one night; None where a step had nothing, with its reason."""

    night: str
    prepared: xr.Dataset | None
    features: xr.Dataset | None = None
    connect: xr.Dataset | None = None
    reasons: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PersonMaterial:
    """What there is of one person; `reasons` tells by artefact why something is missing.

    `links` are addresses, relative to the page, of the person's artefacts by what they hold.
    """

    person: PersonRow
    nights: list[NightMaterial]
    spectral: Groups | None
    night: Groups | None
    check: PersonCheck | None
    simulated: xr.Dataset | None
    ranking: xr.Dataset | None
    library: Library
    reasons: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)


def attribute(groups: Groups | None, group: str, name: str) -> str:
    """Return an attribute of a group; empty where there is none."""
    return "" if groups is None or group not in groups else str(groups[group].attrs.get(name, ""))


def is_ranked(ranking: xr.Dataset | None) -> bool:
    """Return whether anything was ranked: a verdict, and something besides no change that may come first."""
    if ranking is None or ranking.sizes.get("treatment", 0) == 0 or ranking.attrs.get("verdict") == "none":
        return False
    names = ranking["treatment"].values[ranking["candidate"].values.astype(bool)]
    return any(str(name) != NO_CHANGE for name in names)
