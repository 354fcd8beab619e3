"""Where each artefact lives, and the names that people and nights go by.

Identifiers are ``person = <dataset>-<pid>`` and ``night = <dataset>-<sub>[-<ses>][-<run>]``; they hold only
letters, digits and hyphens, so that a file name can be read back.
"""

import hashlib
import re
from pathlib import Path

NIGHT_STEPS = ("prepare", "features", "connect")
PERSON_STEPS = ("spectral", "night", "check", "simulate", "rank")

_NAME = re.compile(r"^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$")
_DATE = re.compile(
    r"^(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])\d*$|^(0[1-9]|[12]\d|3[01])(0[1-9]|1[0-2])(19|20)\d{2}\d*$"
)


def label(text: str) -> str:
    """Return `text` with only letters and digits; a label that reads as a date becomes a hash of itself."""
    bare = re.sub(r"[^A-Za-z0-9]", "", text)
    if not bare or _DATE.match(bare):
        return "x" + hashlib.sha256(text.encode()).hexdigest()[:8]
    return bare


def person_id(dataset: str, pid: str) -> str:
    """Return ``<dataset>-<pid>``."""
    return f"{label(dataset)}-{label(pid)}"


def night_id(dataset: str, sub: str, ses: str | None = None, run: str | None = None) -> str:
    """Return ``<dataset>-<sub>[-<ses>][-<run>]``."""
    return "-".join(label(part) for part in (dataset, sub, ses, run) if part)


def is_identifier(text: str) -> bool:
    """Tell whether `text` can be a person or a night."""
    return bool(_NAME.match(text))


class StudyPaths:
    """Every path of one study, relative to `root` (``results/<study>``)."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)

    def dataset_record(self, name: str) -> Path:
        """Return the record that `retrieve` writes about a dataset."""
        return self.root / "datasets" / f"{name}.json"

    @property
    def nights(self) -> Path:
        """Return the table with one row per usable night."""
        return self.root / "index" / "nights.tsv"

    @property
    def people(self) -> Path:
        """Return the append-only table of people."""
        return self.root / "index" / "people.tsv"

    @property
    def refused(self) -> Path:
        """Return the table of nights that the index refused."""
        return self.root / "index" / "refused.tsv"

    def night(self, night: str, step: str, suffix: str = ".nc") -> Path:
        """Return a night's artefact, for example ``nights/<night>/prepare.nc``."""
        return self.root / "nights" / night / f"{step}{suffix}"

    def person(self, person: str, step: str, suffix: str = ".nc") -> Path:
        """Return a person's artefact, for example ``people/<person>/spectral.nc``."""
        return self.root / "people" / person / f"{step}{suffix}"

    @property
    def quarantine(self) -> Path:
        """Return the table of nights and people that were refused, with reasons."""
        return self.root / "cohort" / "quarantine.tsv"

    @property
    def population(self) -> Path:
        """Return the population prior that was learned from this study."""
        return self.root / "cohort" / "population.nc"

    def treatment(self, name: str, suffix: str = ".yaml") -> Path:
        """Return the library entry of a treatment that was learned from this study, or the record of its fit."""
        return self.root / "cohort" / "treatments" / f"{name}{suffix}"

    def job(self, step: str, name: str) -> Path:
        """Return the record of a job whose outputs carry no stamp: tables and pages."""
        return self.root / "provenance" / f"{step}-{name}.json"

    @property
    def manifest(self) -> Path:
        """Return the manifest of the last finished run."""
        return self.root / "manifest.json"

    def hypnograms(self, dataset: str) -> Path:
        """Return the description of the derivative that holds the stages of a dataset's nights."""
        return self.root / "derivatives" / f"hypnograms-{dataset}" / "dataset_description.json"

    @property
    def summary(self) -> Path:
        """Return the table with one row a person."""
        return self.root / "cohort" / "summary.tsv"

    @property
    def cohort_page(self) -> Path:
        """Return the cohort's page."""
        return self.root / "report" / "index.html"

    def person_page(self, person: str) -> Path:
        """Return a person's page."""
        return self.root / "report" / "people" / f"{person}.html"


def owner(path: Path | str) -> str:
    """Return the night or person that an artefact belongs to: the name of its folder."""
    return Path(path).parent.name
