"""The verdict on an archive: was it changed, does it agree with itself, do its numbers come out again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from braintwin.config import Config
from braintwin.errors import BrainTwinError
from braintwin.provenance import code_digest
from braintwin.review import compare, consistency, recompute
from braintwin.review import manifest as manifests
from braintwin.review.archive import Fault, container, integrity, unpack
from braintwin.review.compare import Number
from braintwin.review.crate import crate_faults
from braintwin.review.freeze import FORMAT
from braintwin.review.tables import KEYS, write_tables
from braintwin.review.tolerance import Tolerances, count_numbers

NUMERIC = ("numpy", "scipy", "numba", "arviz", "xarray")
"""Libraries that the numbers pass through when they are made again from the archive."""

STEPS = ("check", "simulate", "rank", "cohort")
Outcome = Literal["verified", "different", "sealed"]


@dataclass
class Report:
    """What was found. `outcome`: *verified*, *different*, or *sealed* where only integrity was asked for."""

    archive: str
    seal: str = ""
    faults: list[Fault] = field(default_factory=list)
    numbers: list[Number] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    study: str = ""
    version: str = ""
    source: str = "none"
    recomputed: bool = False

    @property
    def outcome(self) -> Outcome:
        """Return the verdict in a word."""
        if self.faults or any(number.verdict == "different" for number in self.numbers):
            return "different"
        return "verified" if self.recomputed else "sealed"

    def plain(self) -> dict[str, Any]:
        """Return the report as JSON holds it, every number included."""
        return {
            "archive": self.archive, "study": self.study, "version": self.version, "verdict": self.outcome,
            "seal": self.seal, "recomputed_from": self.source, "tally": compare.tally(self.numbers),
            "faults": [{"path": fault.path, "what": fault.what} for fault in self.faults], "notes": self.notes,
            "numbers": [number.plain() for number in self.numbers],
        }  # fmt: skip


@dataclass(frozen=True)
class Request:
    """How an archive is to be verified; `data` maps a dataset to where it lies, for `source` data."""

    seal: str | None = None
    source: Literal["archive", "data", "none"] = "archive"
    data: Mapping[str, Path] = field(default_factory=dict)
    seconds: float = 80.0
    cores: int = 2


def verify(archive: Path, request: Request) -> Report:
    """Verify an archive.

    Raises
    ------
    BrainTwinError
        If it is no archive of a study, or the data that were asked for are not there.
    """
    report = Report(archive.name)
    with TemporaryDirectory(prefix="braintwin-verify-") as place:
        folder = Path(place) / "archive"
        folder.mkdir()
        report.faults += unpack(archive, folder)
        known = {fault.path for fault in report.faults}
        found, report.seal = integrity(folder, request.seal)
        report.faults += [fault for fault in found if fault.path not in known]
        if not report.faults:
            publication = _publication(folder, archive.name)
            report.faults += container(archive, folder, str(publication.get("packed_with")))
            report.faults += consistency.disagreements(folder)
            report.faults += crate_faults(folder)
        if report.faults or request.source == "none":
            return report
        config = consistency.config_of(folder)
        manifest = manifests.read(folder / "manifest.json")
        report.study, report.version, report.source = config.study, manifest["version"], request.source
        try:
            _recompute(report, folder, Path(place), config, manifest, publication, request)
        except BrainTwinError as cause:
            others = other_software(manifest)
            if not others:
                raise
            message = (
                f"verify: {archive.name} is whole, but this software cannot make its numbers again ({cause}); it was "
                f"made with {others[0]}: verify it with BrainTwin as it was then, {manifest['version']}"
            )
            raise BrainTwinError(message) from cause
        report.recomputed = True
    return report


def _publication(folder: Path, name: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / "publication.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = {}
    if found.get("format") != FORMAT:
        message = f"{name}: is no archive of this format ({FORMAT}); this is another version of BrainTwin"
        raise BrainTwinError(message)
    return found


def _recompute(
    report: Report, folder: Path, place: Path, config: Config, manifest: Mapping[str, Any],
    publication: Mapping[str, Any], request: Request,
) -> None:  # fmt: skip
    derived = place / "derived"
    recompute.derive(folder, derived, config)
    others = other_software(manifest)
    same = not any("code of cohort" in said for said in others)
    page = compare.compare_pages(folder, derived, strict=same)
    tidy = compare.compare_tidy(folder, derived, strict=same)
    first = [*compare.compare_tables(folder, derived, None), *page, *tidy]
    wrong = [number for number in first if number.verdict == "different"]
    report.notes += [f"made with {said}" for said in others]
    strict = not others and request.source == "archive"
    tolerances = None if strict else Tolerances(folder, config.rank, config.seed, count_numbers(folder, KEYS))
    if request.source == "data":
        again = recompute.from_data(config, _located(config, request.data), place / "run", request.cores)
        write_tables(again, again / "tables")
        report.notes.append("every step was carried out again, from the data")
    else:
        withheld = bool(publication.get("withheld"))
        made = recompute.remake(folder, place / "again", config, seconds=request.seconds, withheld=withheld)
        again = made.root
        report.notes += _coverage(made, withheld)
        report.numbers += compare.compare_nights(folder, again, sorted(made.simulated), strict=strict)
    second = compare.compare_tables(folder, again, tolerances)
    named = {(number.table, number.row, number.quantity) for number in wrong}
    report.numbers += [*wrong, *(n for n in second if (n.table, n.row, n.quantity) not in named)]
    report.numbers += compare.compare_gates(folder, again, strict=strict)
    shown = ("report/index.html", "cohort/tables/")
    report.numbers += [number for number in first if number.table.startswith(shown) and number not in wrong]


def _coverage(made: recompute.Remade, withheld: bool) -> list[str]:
    everyone = len(made.simulated) + len(made.taken)
    notes = [f"treated nights simulated again for {len(made.simulated)} of {everyone} people, ranked again for all"]
    notes.append("the fits themselves are as published: to make them again needs the data (--data)")
    if withheld:
        notes.append("ages and covariates were withheld: who may have which treatment is as published")
    return notes


def _located(config: Config, data: Mapping[str, Path]) -> dict[str, Path]:
    """Return where each dataset lies that has no address of its own."""
    unknown = sorted(set(data) - set(config.datasets))
    if unknown:
        message = f"verify: no dataset {unknown[0]!r} in this study; it has {', '.join(config.datasets)}"
        raise BrainTwinError(message)
    missing = [
        name for name, dataset in config.datasets.items()
        if name not in data and ":" not in dataset.source
    ]  # fmt: skip
    if missing:
        message = f"verify: where is dataset {missing[0]!r}? say --data {missing[0]}=FOLDER"
        raise BrainTwinError(message)
    return dict(data)


def other_software(manifest: Mapping[str, Any]) -> list[str]:
    """Return in what this software is not that of the run, as far as the numbers made again depend on it."""
    found = []
    for step in STEPS:
        here = code_digest(f"braintwin.steps.{step}")
        if here not in manifest["code"].get(step, []):
            found.append(f"other code of {step} ({', '.join(manifest['code'].get(step, ['none']))}, here {here})")
    for name in NUMERIC:
        then = {environment["packages"].get(name) for environment in manifest["volatile"]["environments"]}
        try:
            now = version(name)
        except PackageNotFoundError:
            continue
        if then - {None} and then != {now}:
            found.append(f"{name} {'/'.join(sorted(str(v) for v in then))} (here {now})")
    return found
