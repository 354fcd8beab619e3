"""Make the published numbers again: with the very steps of the workflow, from what the archive holds or from the data.

From the archive: posterior draws -> check -> treated nights -> rankings -> tables and page. What needs the recordings
(preparation, spectra, connectomes, the fits themselves) is made again only where the data are given.
"""

import hashlib
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from braintwin.config import Config
from braintwin.contracts.simulate import SIMULATED
from braintwin.contracts.tables import PersonRow
from braintwin.errors import BrainTwinError
from braintwin.io.arrays import read_dataset, write_dataset
from braintwin.io.records import read_nights, read_people
from braintwin.paths import StudyPaths
from braintwin.review.archive import copy_all
from braintwin.review.freeze import remake_tables
from braintwin.steps import check, rank, simulate

JUDGED = ("eligible", "ineligible_reason", "caution")
"""Of simulated nights, what rests on age and covariates."""


@dataclass
class Remade:
    """Where the numbers were made again, and for whom the treated nights were simulated again."""

    root: Path
    simulated: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)


def _members(study: StudyPaths) -> list[PersonRow]:
    known = {row.person for row in read_nights(study.nights)}
    return [row for row in read_people(study.people) if row.person in known]


def _start(frozen: Path, folder: Path, patterns: Sequence[str]) -> None:
    names = sorted({p.relative_to(frozen) for pattern in patterns for p in frozen.glob(pattern)})
    copy_all(names, frozen, folder)


_GIVEN = (
    "index/*.tsv", "datasets/*.json", "nights/*/*.status.json", "people/*/spectral.*", "people/*/night.*",
    "treatments.yaml", "population.nc", "cohort/connectome.nc",
)  # fmt: skip


def derive(frozen: Path, folder: Path, config: Config) -> None:
    """Make the tables again from the archive's own rankings and checks: nothing random is between them."""
    _start(frozen, folder, [*_GIVEN, "people/*/*"])
    remake_tables(folder, config)


def remake(frozen: Path, folder: Path, config: Config, *, seconds: float, withheld: bool) -> Remade:
    """Make everything again that follows from the posterior draws.

    Parameters
    ----------
    frozen, folder : Path
        The unpacked archive, and where to make it again.
    config : Config
        The archive's config.
    seconds : float
        Time for simulating; people whose turn does not come keep the archive's simulated nights, which are then
        ranked again. Their order is by a hash of their name, so that nobody chooses who is checked.
    withheld : bool
        Ages and covariates were withheld; eligibility is then taken from the archive.
    """
    _start(frozen, folder, _GIVEN)
    old, new, found = StudyPaths(frozen), StudyPaths(folder), Remade(folder)
    people = _members(old)
    names = [row.person for row in people]
    spectral = [new.person(name, "spectral") for name in names if new.person(name, "spectral").is_file()]
    night = [new.person(name, "night") for name in names]
    checks = [new.person(name, "check", ".json") for name in names]
    check.run(spectral=spectral, night=night, check=checks, options=config.check)
    until = time.monotonic() + seconds
    for row in sorted(people, key=lambda row: hashlib.sha256(row.person.encode()).digest()):
        if time.monotonic() > until:
            found.taken.append(row.person)
            _start(frozen, folder, [f"people/{row.person}/simulate.*"])
            continue
        found.simulated.append(row.person)
        simulate.run(
            people=[row], night=[new.person(row.person, "night")], check=[new.person(row.person, "check", ".json")],
            treatments=folder / "treatments.yaml", population=folder / "population.nc",
            simulate=[new.person(row.person, "simulate")], seed=config.seed, options=config.simulate,
        )  # fmt: skip
        if withheld:
            _take_eligibility(old.person(row.person, "simulate"), new.person(row.person, "simulate"))
    rank.run(
        simulate=[new.person(name, "simulate") for name in names], check=checks, treatments=folder / "treatments.yaml",
        rank=[new.person(name, "rank") for name in names], seed=config.seed, options=config.rank,
    )  # fmt: skip
    remake_tables(folder, config)
    return found


def _take_eligibility(published: Path, remade: Path) -> None:
    theirs, ours = read_dataset(published, SIMULATED), read_dataset(remade, SIMULATED)
    if theirs.sizes["treatment"] and ours.sizes["treatment"]:
        taken = {name: theirs[name] for name in JUDGED if name in theirs}
        write_dataset(remade, ours.assign(taken), SIMULATED)


def from_data(config: Config, data: Mapping[str, Path], folder: Path, cores: int) -> Path:
    """Run the whole study again from its datasets and return its results.

    Parameters
    ----------
    config : Config
        The archive's config.
    data : mapping of str to Path
        Where each dataset lies that is a folder or an archive of files; others are fetched from their address.
    folder : Path
        An empty folder; everything happens inside it.

    Raises
    ------
    BrainTwinError
        If the run does not come to its end.
    """
    plain = config.model_dump(mode="json")
    for name, place in data.items():
        plain["datasets"][name]["source"] = str(place.resolve())
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("treatments", "population"):
        kept = next(iter(folder.parent.glob(f"archive/{name}.*")), None)
        if kept is not None:
            shutil.copyfile(kept, folder / kept.name)
            plain[name] = kept.name
    (folder / "config.yaml").write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
    command = [sys.executable, "-m", "braintwin", "run", "--config", "config.yaml", "--cores", str(cores), "--quiet"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    results = folder / "results" / config.study
    if not StudyPaths(results).summary.is_file():
        last = (done.stderr.strip().splitlines() or ["no word of why"])[-1]
        message = f"verify: the run from the data did not come to its end: {last}"
        raise BrainTwinError(message)
    return results
