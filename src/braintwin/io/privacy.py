"""Every file of a dataset or of results, looked through for what can tell who a person is, or when they were here."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from braintwin.errors import BrainTwinError
from braintwin.io.bids import walk
from braintwin.io.events import decoded, is_pointer, table_lines
from braintwin.io.privacy_rules import ANONYMOUS, EDF_NO_DATE, SHIFTED_BEFORE, Leak, in_age, in_name, in_pair, in_text
from braintwin.io.privacy_rules import masked as masked

TEXTS = (".txt", ".md", ".rst", ".log", ".html", ".htm", ".vhdr", ".vmrk", ".yaml", ".yml", ".xml", ".csv", "")
"""Endings of files that are read as text."""

SAMPLES = frozenset({".eeg", ".dat", ".fdt", ".gz", ".png", ".jpg", ".svg", ".pdf"})
"""Endings of files that hold samples or pictures and are not looked into."""

ABOUT = re.compile(
    r"^(README|CHANGES|LICENSE|CITATION|AUTHORS)(\.\w+)?$|^dataset_description\.json$|^\.\w+$", re.IGNORECASE
)
"""Files of the root that tell of the dataset: its authors' addresses and days of publication are no leak."""

MOST_BYTES = 50 * 2**20
_LIBRARY = re.compile(r"<script[^>]*>(?=.{200000})(?:(?!</script>).)*</script>", re.DOTALL)
_HASH = re.compile(
    r"(?i:seed)\W{0,4}\d+|\b(?=[0-9a-f]*[a-f])[0-9a-f]{12,}\b|https?://[^\s\"'<>]+|\b10\.\d{4,9}/[^\s\"'<>]+"
)


def check_tree(root: Path, *, results: bool | None = None, terms: Iterable[str] = ()) -> list[Leak]:
    """Return everything found in a folder.

    Parameters
    ----------
    root : path
        A dataset, its derivatives, or the results of a study.
    results : bool, optional
        Whether a program wrote these files: the day of the run may then stand in them. Known by the absence of a
        ``dataset_description.json`` where None.
    terms : iterable of str
        Names that must not occur, for example of people.
    """
    if not root.is_dir():
        message = f"privacy-check: {root.name} is no folder; name a dataset or the results of a study"
        raise BrainTwinError(message)
    wrote = not (root / "dataset_description.json").is_file() if results is None else results
    known = [term for term in terms if term.strip()]
    found: list[Leak] = []
    for entry in walk(root, everything=True):
        found += in_name(entry.path)
        path = root / entry.path
        if entry.size > 0 and path.is_file():
            run_day = datetime.fromtimestamp(entry.mtime_ns / 1e9, UTC).date() if wrote else None
            leaks = check_file(path, entry.path, known, run_day)
            about = ABOUT.match(entry.path) and not wrote
            found += [leak for leak in leaks if not (about and leak.kind in ("date", "e-mail address"))]
    return list(dict.fromkeys(found))


def check_file(path: Path, name: str, terms: Iterable[str] = (), run_day: date | None = None) -> list[Leak]:
    """Return everything found in one file."""
    ending = path.suffix.lower()
    with path.open("rb") as stream:
        if is_pointer(stream.read(64)):
            return []
    if ending in SAMPLES:
        return []
    checks: dict[str, Callable[[], Iterator[Leak]]] = {
        ".edf": lambda: edf_header(path, name),
        ".bdf": lambda: edf_header(path, name),
        ".fif": lambda: _through_mne(path, name),
        ".set": lambda: _through_mne(path, name),
        ".nc": lambda: _arrays(path, name, terms, run_day),
        ".zip": lambda: _archive(path, name, terms, run_day),
        ".json": lambda: _json(_read(path), name, terms, run_day),
        ".tsv": lambda: _table(path, name, terms, run_day),
    }
    if ending in checks:
        return list(checks[ending]())
    return list(in_text(name, _prose(_read(path)), terms, run_day)) if ending in TEXTS else []


def edf_header(path: Path, name: str) -> Iterator[Leak]:
    """Yield what the header of an EDF(+) or BDF(+) file tells: patient, birth date, start date, staff, device."""
    with path.open("rb") as stream:
        fixed = stream.read(256).decode("latin-1")
    patient, recording, started = fixed[8:88].strip(), fixed[88:168].strip(), fixed[168:176]
    parts = patient.split()
    plus = len(parts) >= 4 and parts[1] in ("M", "F", "X")
    label = re.search(r"sub-([A-Za-z0-9]+)", name)
    own = {label[1].lower(), f"sub-{label[1].lower()}"} if label else set()
    if plus:
        birth = parts[2]
        named = [part for part in (parts[0], *parts[3:]) if part.lower() not in ANONYMOUS | own]
        if birth.lower() not in ANONYMOUS:
            yield Leak(name, "birth date", f"EDF patient field: {masked(birth)}")
    else:
        named = [part for part in parts if part.lower() not in ANONYMOUS | own]
    if named:
        yield Leak(name, "name", f"EDF patient field: {masked(' '.join(named))}")
    yield from _started(started, name)
    words = recording.split()
    if words[:1] == ["Startdate"]:
        words = words[2:]
        yield from (leak for leak in in_text(name, recording) if leak.kind == "date")
    told = [word for word in words if word.lower() not in ANONYMOUS | {"mne-bids_anonymize", "edfio"}]
    if told:
        yield Leak(name, "staff or device", f"EDF recording field: {masked(' '.join(told))}")


def _started(text: str, name: str) -> Iterator[Leak]:
    """Yield the start date of an EDF header, ``dd.mm.yy`` with years from 1985 to 2084."""
    found = re.fullmatch(r"(\d\d)\.(\d\d)\.(\d\d)", text.strip())
    if not found:
        return
    year = int(found[3]) + (1900 if int(found[3]) >= 85 else 2000)
    try:
        when = date(year, int(found[2]), int(found[1]))
    except ValueError:
        return
    if when != EDF_NO_DATE:
        yield Leak(name, "recording date", f"EDF start date: {masked(text)}")


def _through_mne(path: Path, name: str) -> Iterator[Leak]:
    """Yield what mne finds in a header: the day of the recording, and the subject."""
    import mne

    try:
        info = mne.io.read_raw(path, preload=False, verbose="error").info
    except Exception:
        yield Leak(name, "not looked into", "mne cannot read it")
        return
    if info["meas_date"] is not None and info["meas_date"].year >= SHIFTED_BEFORE:
        yield Leak(name, "recording date", masked(str(info["meas_date"].date())))
    subject = info.get("subject_info") or {}
    for key in ("last_name", "first_name", "middle_name", "his_id", "birthday"):
        if str(subject.get(key, "")).lower() not in ANONYMOUS:
            yield Leak(name, "birth date" if key == "birthday" else "name", f"{key}: {masked(str(subject[key]))}")


def _read(path: Path) -> str:
    return decoded(path.read_bytes()[:MOST_BYTES])


def _prose(text: str) -> str:
    """Return a text without large script libraries, digests and links, in which digits look like dates."""
    return _HASH.sub(" ", _LIBRARY.sub(" ", text) if "<script" in text else text)


def _json(text: str, name: str, terms: Iterable[str], run_day: date | None) -> Iterator[Leak]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    for key, inner in _pairs(value):
        yield from in_pair(name, key, inner)
    yield from in_text(name, _prose(text.replace("\\/", "/")), terms, run_day)


def _pairs(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _pairs(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _pairs(inner, key)
    elif key and value is not None:
        yield key, value


def _table(path: Path, name: str, terms: Iterable[str], run_day: date | None) -> Iterator[Leak]:
    raw = path.read_bytes()[:MOST_BYTES]
    lines = table_lines(raw)
    for i, column in enumerate(lines[0] if lines else ()):
        cells = dict.fromkeys(line[i] for line in lines[1:] if len(line) > i)
        for cell in cells:
            yield from in_pair(name, column, cell)
            if column.lower() == "age":
                yield from in_age(name, cell)
            if column.lower() in ("participant_id", "pid", "session_id", "filename"):
                yield from (Leak(name, leak.kind, leak.found) for leak in in_name(cell))
    yield from in_text(name, _prose(decoded(raw)), terms, run_day)


def _arrays(path: Path, name: str, terms: Iterable[str], run_day: date | None) -> Iterator[Leak]:
    """Yield what attributes and text variables of a NetCDF file tell."""
    import h5py

    texts: list[str] = []

    def visit(_: str, item: Any) -> None:
        texts.extend(_plain(value) for key, value in item.attrs.items() if key != "seed")
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "OSU" and item.size < 1_000_000:
            texts.extend(_plain(value) for value in np.ravel(item[()]))

    try:
        with h5py.File(path) as file:
            visit("", file)
            file.visititems(visit)
    except OSError:
        yield Leak(name, "not looked into", "it cannot be read")
    yield from in_text(name, _prose("\n".join(texts)), terms, run_day)


def _plain(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _archive(path: Path, name: str, terms: Iterable[str], run_day: date | None) -> Iterator[Leak]:
    """Yield what the metadata inside an archive (Zarr) tell, and its members' names."""
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            for item in archive.infolist():
                yield from (Leak(name, leak.kind, leak.found) for leak in in_name(item.filename))
                if item.filename.endswith((".json", ".zattrs", ".zgroup", ".zarray", ".tsv", ".txt")):
                    text = archive.read(item)[:MOST_BYTES].decode("utf-8", "replace")
                    yield from _json(text, name, terms, run_day)
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError):
        yield Leak(name, "not looked into", "it is no whole archive")
