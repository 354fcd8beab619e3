"""Write the page of each person."""

import os
from collections.abc import Sequence
from pathlib import Path

import xarray as xr

from braintwin.contracts.base import Contract
from braintwin.contracts.check import PersonCheck
from braintwin.contracts.connect import CONNECTOME
from braintwin.contracts.features import FEATURES
from braintwin.contracts.prepare import PREPARED
from braintwin.contracts.rank import RANKING
from braintwin.contracts.simulate import SIMULATED
from braintwin.contracts.tables import PersonRow
from braintwin.errors import BrainTwinError
from braintwin.io.arrays import write_text
from braintwin.io.groups import read_groups_of, read_quickly
from braintwin.io.library import read_library
from braintwin.io.records import read_json, read_status, status_path
from braintwin.options.pages import PagesOptions
from braintwin.paths import owner
from braintwin.report.material import Groups, NightMaterial, PersonMaterial
from braintwin.report.page import person_page
from braintwin.treatment.library import Library

_WHAT = {
    "spectral": "spectral twin (NetCDF)",
    "night": "hypnogram twin (NetCDF)",
    "check": "check (JSON)",
    "simulate": "simulated nights (NetCDF)",
    "rank": "ranking (NetCDF)",
}
"""What each artefact of a person is called where the page links to it."""


def run(
    *,
    people: list[PersonRow],
    prepare: list[Path],
    features: list[Path],
    connect: list[Path],
    spectral: list[Path],
    night: list[Path],
    check: list[Path],
    simulate: list[Path],
    rank: list[Path],
    treatments: Path,
    page: list[Path],
    options: PagesOptions,
) -> None:
    """Write one page for each path in `page`; the person is the name of the page.

    A person whose artefacts are empty gets a page all the same, with the reasons.

    Raises
    ------
    BrainTwinError
        If a page is asked for of someone who is not among `people`.
    """
    library = read_library(treatments)
    known = {person.person: person for person in people}
    nights = _nights_of(list(known), prepare, features, connect)
    found = {
        name: {owner(path): path for path in paths}
        for name, paths in (
            ("spectral", spectral),
            ("night", night),
            ("check", check),
            ("simulate", simulate),
            ("rank", rank),
        )
    }
    for path in page:
        person = known.get(Path(path).stem)
        if person is None:
            message = f"pages: {Path(path).stem} is not among the {len(known)} people handed over; see --people"
            raise BrainTwinError(message)
        artefacts = {name: paths[person.person] for name, paths in found.items() if person.person in paths}
        material = _material(person, nights[person.person], artefacts, library, Path(path))
        write_text(path, person_page(material, options))


def _reason(artefact: Path) -> str:
    """Return why an artefact holds nothing; empty where it is whole or no status was written."""
    if not status_path(artefact).is_file():
        return ""
    status = read_status(artefact)
    return "" if status.state == "ok" else status.reason


def _read(path: Path | None, contract: Contract, reasons: dict[str, str], name: str) -> xr.Dataset | None:
    """Return an artefact that holds something; else None, with its reason kept under `name`."""
    if path is None:
        return None
    reason = _reason(path)
    if reason:
        reasons[name] = reason
        return None
    dataset = read_quickly(path, contract)
    return dataset if all(dataset.sizes[d] for d in _needed(contract)) else None


def _needed(contract: Contract) -> tuple[str, ...]:
    """Return the dimensions without which an artefact says nothing."""
    return {PREPARED.name: ("epoch",), FEATURES.name: ("channel", "stage"), CONNECTOME.name: ("node", "stage")}.get(
        contract.name, ("treatment",)
    )


def _read_groups(path: Path | None, reasons: dict[str, str], name: str) -> Groups | None:
    if path is None:
        return None
    reason = _reason(path)
    if reason:
        reasons[name] = reason
    groups = read_groups_of(path, ("posterior", "observed_data", "posterior_predictive"))
    posterior = groups.get("posterior", xr.Dataset())
    drawn = posterior.sizes.get("chain", 0) and posterior.sizes.get("draw", 0)
    return groups if drawn else None


def _nights_of(
    people: Sequence[str], prepare: Sequence[Path], features: Sequence[Path], connect: Sequence[Path]
) -> dict[str, list[NightMaterial]]:
    """Return the nights of each person, in the order of their number."""
    siblings = {
        name: {owner(path): path for path in paths} for name, paths in (("features", features), ("connect", connect))
    }
    nights: dict[str, list[tuple[int, str, NightMaterial]]] = {person: [] for person in people}
    for path in prepare:
        name = owner(path)
        prepared = read_quickly(path, PREPARED)
        person = str(prepared.attrs.get("person", "")) or _by_name(name, people)
        if person not in nights:
            continue
        reasons: dict[str, str] = {}
        whole = _read(path, PREPARED, reasons, "prepare")
        night = NightMaterial(
            night=name,
            prepared=whole,
            features=_read(siblings["features"].get(name), FEATURES, reasons, "features"),
            connect=_read(siblings["connect"].get(name), CONNECTOME, reasons, "connect"),
            reasons=reasons,
        )
        number = str(prepared.attrs.get("night_index", "") or 0)
        nights[person].append((int(float(number)), name, night))
    return {person: [night for _, _, night in sorted(rows, key=lambda r: r[:2])] for person, rows in nights.items()}


def _by_name(night: str, people: Sequence[str]) -> str:
    """Return whose night this is by its name, for one that was refused before its person was written down."""
    return max((p for p in people if night == p or night.startswith(f"{p}-")), key=len, default="")


def _material(
    person: PersonRow, nights: list[NightMaterial], artefacts: dict[str, Path], library: Library, page: Path
) -> PersonMaterial:
    reasons: dict[str, str] = {}
    spectral = _read_groups(artefacts.get("spectral"), reasons, "spectral")
    night = _read_groups(artefacts.get("night"), reasons, "night")
    checked = read_json(artefacts["check"], PersonCheck) if "check" in artefacts else None
    failed = checked is not None and checked.verdict == "fail"
    simulated = _read(artefacts.get("simulate"), SIMULATED, reasons, "simulate")
    ranking = _read(artefacts.get("rank"), RANKING, reasons, "rank")
    if ranking is None and "rank" in artefacts and "rank" not in reasons:
        reasons["rank"] = str(read_quickly(artefacts["rank"], RANKING).attrs.get("reason", ""))
    return PersonMaterial(
        person=person,
        nights=nights,
        spectral=spectral,
        night=night,
        check=checked,
        simulated=None if failed else simulated,
        # A failed check takes the ranking off the page whatever the ranking step wrote.
        ranking=None if failed else ranking,
        library=library,
        reasons=reasons,
        links={_WHAT[name]: Path(os.path.relpath(path, page.parent)).as_posix() for name, path in artefacts.items()},
    )
