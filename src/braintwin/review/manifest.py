"""The manifest of a run: what was asked, what was used, every artefact with what it was made from, sealed as a whole.

`seal` is the last link of a hash chain over all that lasts. Two runs with equal seals hold equal results; what may
differ between them (commands, machines) is kept under ``volatile`` and is no part of it.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import braintwin
from braintwin.config import Config
from braintwin.contracts.tables import DatasetRecord
from braintwin.digest import lasting_digest
from braintwin.errors import BrainTwinError
from braintwin.io.records import read_json, read_nights, read_people, read_table, write_json
from braintwin.paths import StudyPaths
from braintwin.provenance import derive_seed, options_digest
from braintwin.review.chain import chained, first_break
from braintwin.review.entries import survey

FORMAT = "braintwin-manifest-1"

SECTIONS = {
    "retrieve": "retrieve", "index": "index", "features": "features", "connect": "connect",
    "fit-spectral": "fit_spectral", "fit-nights": "fit_nights", "check": "check", "simulate": "simulate",
    "rank": "rank", "pages": "pages", "cohort": "pages", "prepare": "prepare",
}  # fmt: skip
"""Section of the config that holds a step's options."""

_ADDRESS = re.compile(r"^(synthetic|openneuro|physionet|s3|https?|datalad):")


def published_source(source: str) -> str:
    """Return a dataset's source without its place on a machine: an address as it is, of a path the last name."""
    if source.startswith("datalad:") and "://" not in source:
        return "datalad:" + Path(source.removeprefix("datalad:")).name
    return source if _ADDRESS.match(source) else Path(source).name


def published_config(config: Config) -> dict[str, Any]:
    """Return every key of the config, without the places where data lie on this machine."""
    plain: dict[str, Any] = config.model_dump(mode="json")
    for dataset in plain["datasets"].values():
        dataset["source"] = published_source(dataset["source"])
    for name in ("treatments", "population"):
        if Path(plain[name]).is_absolute():
            plain[name] = Path(plain[name]).name
    return plain


def build(study: StudyPaths, config: Config, sources: Mapping[str, Path]) -> dict[str, Any]:
    """Return the manifest of a finished study.

    Parameters
    ----------
    study : StudyPaths
        Its results.
    config : Config
        What was asked.
    sources : mapping of str to Path
        ``treatments`` and ``population``: the files that came with the software or the study.
    """
    found = survey(study)
    plain = published_config(config)
    header = {
        "format": FORMAT,
        "study": config.study,
        "version": braintwin.__version__,
        "seed": config.seed,
        "config": plain,
        "datasets": datasets(study, config),
        "sources": {
            name: {"file": path.name, "digest": lasting_digest(path)} for name, path in sorted(sources.items())
        },
        "counts": counts(study),
        "exclusions": exclusions(study),
        "code": {
            step: sorted({entry["code"] for entry in found.entries if entry["step"] == step})
            for step in dict.fromkeys(entry["step"] for entry in found.entries)
        },
        "options": found.options,
    }
    entries, seal = chained(header, found.entries)
    problems = [*found.problems, *disagreements(plain, found.options, entries)]
    volatile = {"environments": found.environments, "commands": found.commands}
    return {**header, "entries": entries, "seal": seal, "problems": problems, "volatile": volatile}


def write(study: StudyPaths, config: Config, sources: Mapping[str, Path]) -> dict[str, Any]:
    """Build the manifest, write ``manifest.json`` and return it as it reads."""
    write_json(study.manifest, build(study, config, sources))
    return read(study.manifest)


def read(path: Path) -> dict[str, Any]:
    """Read a manifest.

    Raises
    ------
    BrainTwinError
        If there is none, or it is of another format.
    """
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        message = f"{path.name} cannot be read; `braintwin run` writes it at its end"
        raise BrainTwinError(message) from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        message = f"{path.name} is no manifest of this format ({FORMAT})"
        raise BrainTwinError(message)
    return manifest


def header_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a manifest that its first link seals."""
    return {k: v for k, v in manifest.items() if k not in ("entries", "seal", "problems", "volatile")}


def broken(manifest: Mapping[str, Any]) -> str:
    """Return what in the chain of a manifest does not hold, in words; empty where all does."""
    place = first_break(header_of(manifest), manifest["entries"], manifest["seal"])
    if place is None:
        return ""
    if place == 0:
        return "its header or its first entry was changed after it was sealed"
    return "its seal was changed" if place < 0 else f"its entry {manifest['entries'][place]['path']} was changed"


def datasets(study: StudyPaths, config: Config) -> list[dict[str, Any]]:
    """Return what is known of each dataset: title, licence, citation, version, checksum; no place on a machine."""
    kept = ("name", "kind", "title", "licence", "citation", "version", "checksum", "fingerprint", "terms")
    found = []
    for name in config.datasets:
        record = read_json(study.dataset_record(name), DatasetRecord).model_dump()
        found.append({key: record[key] for key in kept} | {"source": published_source(record["source"])})
    return found


def counts(study: StudyPaths) -> dict[str, Any]:
    """Return how many nights and people there were, what became of them, and what was said of the people."""
    rows, early = read_nights(study.nights), read_table(study.refused)
    lost = {row["night"] for row in read_table(study.quarantine) if row["night"]}
    used = [row for row in rows if row.night not in lost]
    known = {row.person for row in rows} | {row["person"] for row in early}
    people = [row for row in read_people(study.people) if row.person in known]
    summary = read_table(study.summary)
    return {
        "people": len(people),
        "people_with_nights": len({row.person for row in used}),
        "groups": dict(sorted(Counter(row["group"] for row in summary).items())),
        "nights_found": len({row.night for row in rows} | {row["night"] for row in early}),
        "nights_used": len(used),
        "nights_excluded": len(lost),
        "nights_with_eeg": sum(row.has_eeg for row in used),
        "nights_with_scoring": sum(row.has_stages for row in used),
        "verdicts": dict(sorted(Counter(row["verdict"] for row in summary).items())),
        "rankings": dict(sorted(Counter(row["ranking"] for row in summary).items())),
    }


def exclusions(study: StudyPaths) -> list[dict[str, Any]]:
    """Return how many nights and people each step refused."""
    tally = Counter((row["step"], row["state"], bool(row["night"])) for row in read_table(study.quarantine))
    return [
        {"step": step, "state": state, "what": "night" if night else "person", "count": count}
        for (step, state, night), count in sorted(tally.items())
    ]


def disagreements(config: Mapping[str, Any], options: Mapping[str, Any], entries: list[dict[str, Any]]) -> list[str]:
    """Return a sentence for every option or seed with which an artefact was made and that the config does not name."""
    found: dict[str, None] = {}
    for entry in entries:
        section = SECTIONS.get(entry["step"])
        if section is None:
            continue
        used = options[entry["options"]]
        used = used["prepare"] if entry["step"] == "prepare" and "prepare" in used else used
        asked = json.loads(json.dumps(config.get(section, {})))
        for key in sorted({*used, *asked}):
            if used.get(key) != asked.get(key):
                found[
                    f"{section}.{key}: the config says {_said(asked.get(key))}, {entry['step']} was carried out with "
                    f"{_said(used.get(key))}"
                ] = None
        root, owner = int(config["seed"]), entry["path"].split("/")[-2]
        if entry["seed"] and entry["seed"] not in (str(root), str(derive_seed(root, entry["step"], owner))):
            found[f"seed: the config says {root}, {entry['step']} of {owner} had another"] = None
    return list(found)


def _said(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def option_sets(manifest: Mapping[str, Any]) -> list[str]:
    """Return the option sets of a manifest that are not what their own digest says."""
    return [key for key, options in manifest["options"].items() if options_digest(options) != key]
