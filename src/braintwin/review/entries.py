"""The entries of a manifest: every artefact of a study with what it was made from, read from the stamps."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from braintwin.digest import lasting_digest
from braintwin.io.records import read_nights
from braintwin.paths import StudyPaths
from braintwin.provenance import options_digest

ORDER = (
    "retrieve", "index", "prepare", "features", "connect", "fit-spectral", "fit-nights", "check", "simulate", "rank",
    "pages", "cohort",
)  # fmt: skip
"""The steps, each after those whose outputs it takes."""

STAMPED = ("braintwin_version", "step", "code", "options", "inputs", "seed", "command", "environment")


@dataclass
class Survey:
    """What was found in a study: entries in the order of the steps, option sets by digest, and what is wrong."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    environments: list[Any] = field(default_factory=list)
    commands: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def results(study: StudyPaths) -> Iterator[Path]:
    """Yield every result of a study, relative to its root: no logs, no records of jobs, nothing hidden.

    What is left of nights and people that are no longer in the tables is no result of this study.
    """
    rows = read_nights(study.nights)
    known = {"nights": {row.night for row in rows}, "people": {row.person for row in rows}}
    for folder in ("datasets", "index", "nights", "people", "cohort", "report"):
        for path in sorted((study.root / folder).rglob("*")):
            name = path.relative_to(study.root)
            if not path.is_file() or any(part.startswith(".") for part in name.parts):
                continue
            owner = name.parts[1] if folder in known else name.stem
            if folder in known and owner not in known[folder]:
                continue
            if folder == "report" and len(name.parts) > 2 and owner not in known["people"]:
                continue
            yield name


def read_stamp(path: Path) -> dict[str, str]:
    """Return the stamp that an artefact carries, as text by name; empty where it carries none."""
    if path.suffix == ".nc":
        import h5py

        with h5py.File(path, "r") as stored:
            found = {name: stored.attrs[name] for name in STAMPED if name in stored.attrs}
    elif path.suffix == ".json":
        values = json.loads(path.read_text(encoding="utf-8"))
        found = values.get("stamp", {}) if isinstance(values, dict) else {}
    else:
        found = {}
    return {name: text.decode() if isinstance(text, bytes) else str(text) for name, text in found.items()}


def _carrier(root: Path, name: Path) -> Path:
    """Return the artefact whose stamp speaks for a file: statuses, epochs and matrices go with the artefact beside."""
    if name.parent.name == "relmat":
        return name.parent.parent / "connect.nc"
    stem = "prepare" if name.name.endswith(".zarr.zip") else name.name.split(".")[0]
    for suffix in (".nc", ".json"):
        beside = name.with_name(stem + suffix)
        if beside != name and (root / beside).is_file():
            return beside
    return name


def _jobs(study: StudyPaths) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the records of jobs by (output, digest of the output)."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for path in sorted((study.root / "provenance").glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        found |= {(name, digest): record for name, digest in record["outputs"].items()}
    return found


def survey(study: StudyPaths) -> Survey:
    """Read every artefact's stamp and compare what it says it was made from with what lies there now."""
    found, jobs = Survey(), _jobs(study)
    stamps: dict[Path, dict[str, str]] = {}
    for name in results(study):
        digest = lasting_digest(study.root / name)
        carrier = _carrier(study.root, name)
        if carrier not in stamps:
            stamps[carrier] = read_stamp(study.root / carrier)
        made = stamps[carrier] or jobs.get((name.as_posix(), digest), {})
        if not made:
            found.problems.append(f"{name.as_posix()}: no stamp and no record of the job that made it; run again")
            continue
        found.entries.append(_entry(name, digest, made, found))
    found.entries.sort(key=lambda entry: (_place(entry["step"]), entry["path"]))
    found.environments.sort(key=lambda value: json.dumps(value, sort_keys=True))
    found.problems += _stale(found.entries)
    return found


def _place(step: str) -> int:
    return ORDER.index(step) if step in ORDER else len(ORDER)


def _entry(name: Path, digest: str, made: Mapping[str, Any], found: Survey) -> dict[str, Any]:
    options = json.loads(made.get("options") or "{}")
    key = options_digest(options)
    found.options[key] = options
    environment = json.loads(made.get("environment") or "{}")
    if environment and environment not in found.environments:
        found.environments.append(environment)
    if made.get("command"):
        found.commands[name.as_posix()] = made["command"]
    inputs = json.loads(made.get("inputs") or "{}")
    return {
        "path": name.as_posix(), "step": made.get("step", ""), "digest": digest, "code": made.get("code", ""),
        "options": key, "seed": made.get("seed", ""), "inputs": inputs, "version": made.get("braintwin_version", ""),
    }  # fmt: skip


def _stale(entries: list[dict[str, Any]]) -> list[str]:
    """Return a sentence for every input that is no longer what an artefact was made from."""
    there = {"/".join(entry["path"].split("/")[-2:]): entry["digest"] for entry in entries}
    return [
        f"{entry['path']}: made from another {name} than lies there now; run again"
        for entry in entries
        for name, digest in entry["inputs"].items()
        if name in there and not there[name].startswith(digest)
    ]
