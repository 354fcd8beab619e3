"""Does an archive agree with itself: config with manifest, manifest with artefacts, words with counts.

A forger who changes one file and seals the archive again is found here, or by making the numbers again.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from braintwin.config import Config, parse_config
from braintwin.digest import lasting_digest
from braintwin.errors import BrainTwinError, ConfigError
from braintwin.paths import StudyPaths
from braintwin.provenance import options_digest
from braintwin.review import manifest as manifests
from braintwin.review.archive import Fault
from braintwin.review.compare import flat
from braintwin.review.entries import read_stamp
from braintwin.review.methods import methods


def _values(folder: Path) -> Mapping[str, Any]:
    """Return the keys of ``config.yaml`` as they are written."""
    try:
        values = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as cause:
        message = f"config.yaml cannot be read ({type(cause).__name__})"
        raise ConfigError(message) from None
    if not isinstance(values, Mapping):
        message = "config.yaml holds no keys"
        raise ConfigError(message)
    return values


def config_of(folder: Path) -> Config:
    """Return the config of an unpacked archive; keys that are newer than it have their defaults.

    Raises
    ------
    ConfigError
        If it cannot be read, or says what no config of this version says.
    """
    return parse_config(_values(folder), "config.yaml of the archive")


def disagreements(folder: Path) -> Iterator[Fault]:
    """Yield everything in which the unpacked archive disagrees with itself, with the culprit."""
    try:
        manifest = manifests.read(folder / "manifest.json")
    except BrainTwinError as cause:
        yield Fault("manifest.json", str(cause))
        return
    if text := manifests.broken(manifest):
        yield Fault("manifest.json", text)
    for key in manifests.option_sets(manifest):
        yield Fault("manifest.json", f"the option set {key} is not what was stamped")
    yield from _config(folder, manifest)
    yield from _stamps(folder, manifest)
    yield from _verbatim(folder, manifest)
    yield from _sources(folder, manifest)
    yield from _words(folder, manifest)


def _config(folder: Path, manifest: Mapping[str, Any]) -> Iterator[Fault]:
    try:
        said = flat(_values(folder))
    except ConfigError as cause:
        yield Fault("config.yaml", str(cause))
        return
    ran = flat(manifest["config"])
    for key in sorted({*said, *ran}):
        if said.get(key) != ran.get(key):
            yield Fault("config.yaml", f"{key} is {said.get(key)}, but the run had {ran.get(key)}")


def _stamps(folder: Path, manifest: Mapping[str, Any]) -> Iterator[Fault]:
    """Compare what the artefacts in the archive say of themselves with the manifest's entries and config."""
    entries = {entry["path"]: entry for entry in manifest["entries"]}
    options, seen = {}, []
    for path in sorted([*folder.glob("people/*/*.nc"), *folder.glob("people/*/check.json")]):
        name = path.relative_to(folder).as_posix()
        try:
            made = read_stamp(path)
        except (OSError, ValueError):
            yield Fault(name, "cannot be read")
            continue
        entry = entries.get(name)
        if entry is None or not made:
            yield Fault(name, "is no artefact of the manifest" if entry is None else "carries no stamp")
            continue
        used = json.loads(made["options"])
        options[options_digest(used)] = used
        seen.append({**entry, "options": options_digest(used), "seed": made.get("seed", "")})
        for key in ("code", "seed"):
            if made.get(key, "") != entry[key]:
                yield Fault(name, f"its stamp says {key} {made.get(key)!r}, the manifest says {entry[key]!r}")
        if json.loads(made.get("inputs") or "{}") != entry["inputs"]:
            yield Fault(name, "its stamp names other inputs than the manifest")
    for text in manifests.disagreements(manifest["config"], options, seen):
        yield Fault("config.yaml", text)


def _verbatim(folder: Path, manifest: Mapping[str, Any]) -> Iterator[Fault]:
    """Compare what was copied as it was with the digests of the run."""
    for entry in manifest["entries"]:
        path, step = folder / entry["path"], entry["step"]
        copied = step in ("check", "simulate", "rank") or entry["path"].endswith(".status.json")
        if not copied:
            continue
        if not path.is_file():
            yield Fault(entry["path"], "is in the manifest, not in the archive")
        elif lasting_digest(path) != entry["digest"]:
            yield Fault(entry["path"], "does not hold what the run wrote (another digest than in the manifest)")


def _sources(folder: Path, manifest: Mapping[str, Any]) -> Iterator[Fault]:
    for name, source in manifest["sources"].items():
        path = folder / f"{name}{Path(source['file']).suffix}"
        if not path.is_file() or lasting_digest(path) != source["digest"]:
            yield Fault(path.name, "is not the file that the run used")


def _words(folder: Path, manifest: Mapping[str, Any]) -> Iterator[Fault]:
    """Compare counts with the tables they count, and the methods paragraph with the manifest."""
    study = StudyPaths(folder)
    try:
        found = manifests.counts(study)
    except (OSError, KeyError, ValueError) as cause:
        yield Fault("index", f"its tables cannot be read ({type(cause).__name__})")
        return
    for key in sorted({*found, *manifest["counts"]}):
        if found.get(key) != manifest["counts"].get(key):
            said = manifest["counts"].get(key)
            yield Fault("manifest.json", f"counts {key} as {said}, the tables of the archive hold {found.get(key)}")
    if manifests.exclusions(study) != manifest["exclusions"]:
        yield Fault("cohort/quarantine.tsv", "counts other exclusions than the manifest")
    if (folder / "methods.md").read_text(encoding="utf-8") != methods(manifest):
        yield Fault("methods.md", "is not the paragraph that the manifest gives")
    publication = json.loads((folder / "publication.json").read_text(encoding="utf-8"))
    if publication.get("seal_of_run") != manifest["seal"]:
        yield Fault("publication.json", "names another run than the manifest")
