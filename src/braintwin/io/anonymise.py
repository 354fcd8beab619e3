"""A copy of a dataset without what tells who a person is: signals by mne-bids, tables and sidecars by kept columns."""

import hashlib
import json
import re
import shutil
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from braintwin.errors import BrainTwinError
from braintwin.io.bids import DESCRIPTION, SIGNALS, has_content, walk
from braintwin.io.events import decoded, is_pointer, table_lines
from braintwin.io.privacy_rules import KEYS, day, in_pair

READ = ("_events.tsv", "_events.json", "_channels.tsv", "_sessions.tsv", "_eeg.json")
"""Tables and sidecars that go into the copy, by the end of their names."""


def anonymise(root: Path, target: Path) -> dict[str, str]:
    """Write an anonymous copy of a dataset.

    Recordings are read and written by mne-bids, which moves their dates back beyond 1925 (EDF holds none then) and
    drops the subject. Participants get numbers in an order that tells nothing of theirs; sessions whose label is a date
    are numbered in their order. scans.tsv (times), phenotypes, code, source data and READMEs stay behind.

    Parameters
    ----------
    root : path
        The dataset.
    target : path
        Folder to make; it must not exist.

    Returns
    -------
    dict
        Old label -> new label, which must not be shared with the copy.

    Raises
    ------
    BrainTwinError
        If `target` exists, lies in the dataset, or a recording cannot be read.
    """
    if target.exists() or root.resolve() in target.resolve().parents:
        message = f"privacy-check: {target.name} exists, or lies in the dataset; name a new folder elsewhere"
        raise BrainTwinError(message)
    entries = [entry for entry in walk(root) if "/eeg/" in entry.path or entry.name.endswith("_sessions.tsv")]
    sizes = {entry.path: entry.size for entry in entries}
    signals = [e for e in entries if Path(e.name.lower()).suffix in SIGNALS and has_content(root, e, sizes)]
    labels = _labels({part.removeprefix("sub-") for e in entries for part in e.path.split("/") if part[:4] == "sub-"})
    sessions = {part for entry in entries for part in entry.path.split("/")[1:2] if part.startswith("ses-")}
    dated = sorted(ses for ses in sessions if day(ses.removeprefix("ses-")))
    renamed = {ses: f"ses-{i:02d}" for i, ses in enumerate(dated, 1)}
    if signals:
        _signals(root, target, [entry.path for entry in signals], labels)
    target.mkdir(parents=True, exist_ok=True)
    for entry in entries:
        if entry.name.endswith(READ) and entry.size > 0:
            _copy(root / entry.path, target / _new(entry.path, labels, {}), labels)
    for old, new in renamed.items():
        _rename_session(target, old, new)
    _dataset_files(root, target, labels)
    return labels


def _labels(old: set[str]) -> dict[str, str]:
    """Return new labels in the order of a digest, so that they keep neither order nor dates of the old ones."""
    mixed = sorted(label for label in old if re.fullmatch(r"[A-Za-z0-9]+", label))
    mixed.sort(key=lambda label: hashlib.sha256(label.encode()).digest())
    return {label: f"{i:03d}" for i, label in enumerate(mixed, 1)}


def _new(path: str, labels: Mapping[str, str], sessions: Mapping[str, str]) -> str:
    renamed = re.sub(r"sub-([A-Za-z0-9]+)", lambda m: f"sub-{labels.get(m[1], m[1])}", path)
    for old, new in sessions.items():
        renamed = re.sub(rf"\b{old}(?![A-Za-z0-9])|(?<=_){old}(?=_)", new, renamed)
    return renamed


def _signals(root: Path, target: Path, paths: list[str], labels: Mapping[str, str]) -> None:
    """Write the recordings with mne-bids; it sees only signals and their channels, whatever tables there are."""
    from mne_bids import anonymize_dataset

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stage = Path(folder) / "stage"
        for path in paths:
            home = (stage / path).parent
            home.mkdir(parents=True, exist_ok=True)
            stem = Path(path).name.rpartition("_")[0]
            for beside in sorted((root / path).parent.glob(f"{stem}_*")):
                if not beside.name.endswith(("_events.tsv", "_events.json")):
                    (home / beside.name).symlink_to(beside.resolve())
        (stage / DESCRIPTION).write_text('{"Name": "copy", "BIDSVersion": "1.9.0"}')
        used = {path.split("/")[0].removeprefix("sub-") for path in paths}
        lines = ["participant_id", *(f"sub-{label}" for label in sorted(used))]
        (stage / "participants.tsv").write_text("\n".join(lines) + "\n")
        try:
            anonymize_dataset(
                stage,
                target,
                subject_mapping={label: labels[label] for label in used},
                datatypes="eeg",
                random_state=0,
                verbose="error",
            )
        except Exception as cause:
            shutil.rmtree(target, ignore_errors=True)
            message = (
                f"privacy-check: mne-bids cannot copy the recordings ({type(cause).__name__}); see which are not whole "
                "with `braintwin inspect`"
            )
            raise BrainTwinError(message) from cause


def _copy(path: Path, target: Path, labels: Mapping[str, str]) -> None:
    """Copy a table or sidecar without the keys and columns that tell of a person, time or device."""
    raw = path.read_bytes()
    if is_pointer(raw[:64]):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".json":
        try:
            value = json.loads(decoded(raw))
        except (ValueError, RecursionError):
            return
        if target.name.endswith("_eeg.json") and target.is_file():  # mne-bids wrote what it knows of the new file
            value = {**_kept(value), **json.loads(target.read_text(encoding="utf-8"))}
        target.write_text(json.dumps(_kept(value), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return
    target.write_text(_table(raw, labels), encoding="utf-8")


def _kept(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: _kept(inner) for key, inner in value.items() if isinstance(inner, dict) or not _tells(key, inner)}


def _tells(key: str, value: Any) -> bool:
    return any(True for _ in in_pair("", key, value))


def _table(raw: bytes, labels: Mapping[str, str]) -> str:
    lines = table_lines(raw)
    if not lines:
        return ""
    head = lines[0]
    keep = [
        i for i, c in enumerate(head) if c.lower() != "acq_time" and not any(p.search(c.lower()) for p in KEYS.values())
    ]
    rows = [[head[i] for i in keep]]
    for line in lines[1:]:
        cells = [line[i] if i < len(line) else "n/a" for i in keep]
        rows.append([_new(_age(head[i], cell), labels, {}) or "n/a" for i, cell in zip(keep, cells, strict=True)])
    return "".join("\t".join(row) + "\n" for row in rows)


def _age(column: str, cell: str) -> str:
    """Return an age above 89 as ``89+``, as BIDS asks."""
    whole = re.fullmatch(r"\d+(\.\d+)?", cell) and column.lower() == "age"
    return "89+" if whole and float(cell) > 89 else cell


def _rename_session(target: Path, old: str, new: str) -> None:
    for path in sorted(target.rglob(f"*{old}*"), key=lambda path: -len(path.parts)):
        path.rename(path.with_name(_new(path.name, {}, {old: new})))
    for path in target.rglob("*"):
        if path.suffix in (".tsv", ".json", ".vhdr", ".vmrk") and path.is_file():
            text = path.read_text(encoding="utf-8")
            path.write_text(_new(text, {}, {old: new}), encoding="utf-8")


def _dataset_files(root: Path, target: Path, labels: Mapping[str, str]) -> None:
    """Write description, participants and the sidecars of the root."""
    for path in sorted(root.glob("*_events.json")) + sorted(root.glob("*_eeg.json")):
        _copy(path, target / path.name, labels)
    described = json.loads(decoded((root / DESCRIPTION).read_bytes()))
    kept = {key: value for key, value in described.items() if key not in ("SourceDatasets", "GeneratedBy")}
    (target / DESCRIPTION).write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for scans in target.rglob("*_scans.tsv"):  # mne-bids writes times there, moved back
        scans.unlink()
    participants = root / "participants.tsv"
    if participants.is_file():
        (target / "participants.tsv").write_text(_table(participants.read_bytes(), labels), encoding="utf-8")
        (target / "participants.json").unlink(missing_ok=True)
