"""A BIDS tree as it lies on disk: its description, its root, its files in one walk, and what is really there."""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from braintwin.errors import DatasetError
from braintwin.io.events import decoded, is_pointer

DESCRIPTION = "dataset_description.json"
SIGNALS = (".edf", ".bdf", ".vhdr", ".set", ".fif")
"""Endings of EEG recordings; a BrainVision or EEGLAB recording is known by its header file."""

BODIES = {".vhdr": (".eeg", ".dat"), ".set": (".fdt",)}
"""Files that hold the samples of a recording whose header is another file."""

SKIPPED = frozenset({"derivatives", "sourcedata", "code", "stimuli", "phenotype"})
"""Folders of a dataset that hold no recordings of its own."""


@dataclass(frozen=True)
class Entry:
    """One file of a dataset: its path relative to the root, size and time; size -1 for a broken link."""

    path: str
    size: int
    mtime_ns: int

    @property
    def name(self) -> str:
        """Return the file's name."""
        return self.path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """Return the file's folder relative to the root, empty for the root itself."""
        return self.path.rpartition("/")[0]


def walk(root: Path, *, everything: bool = False) -> Iterator[Entry]:
    """Yield the files of a dataset in the order of their names, in one pass; hidden folders are not entered."""
    queue = [(str(root), "")]
    while queue:
        folder, relative = queue.pop()
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError:
            message = f"folder {relative or '.'!r} of the dataset cannot be read; check its permissions"
            raise DatasetError(message) from None
        folders = []
        for entry in entries:
            path = f"{relative}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith(".") and (everything or relative or entry.name not in SKIPPED):
                    folders.append((entry.path, f"{path}/"))
                continue
            try:
                found = entry.stat()
                yield Entry(path, found.st_size, found.st_mtime_ns)
            except OSError:
                yield Entry(path, -1, 0)
        queue.extend(reversed(folders))


def fingerprint(root: Path, *, times: bool) -> str:
    """Return 16 hex digits over the names and sizes of a dataset's files, and their times where `times`.

    A recording that arrives, changes or goes changes it; an index with another fingerprint is out of date.
    """
    digest = hashlib.sha256()
    for entry in walk(root, everything=True):
        digest.update(
            f"{entry.path}\0{entry.size}\0{entry.mtime_ns if times else ''}\n".encode(errors="surrogateescape")
        )
    return digest.hexdigest()[:16]


def find_root(folder: Path, subfolder: str, what: str) -> Path:
    """Return the root of the dataset in `folder`: `subfolder`, or the shallowest folder with a description.

    Raises
    ------
    DatasetError
        If there is none, or several at one depth.
    """
    if subfolder:
        root = folder / subfolder
        if folder.resolve() not in (root.resolve(), *root.resolve().parents):
            message = f"{what}: subfolder {subfolder!r} leaves the dataset; name a folder inside it"
            raise DatasetError(message)
        candidates = [root] if (root / DESCRIPTION).is_file() else []
    else:
        candidates, level = [], [folder]
        for _ in range(4):
            candidates = [place for place in level if (place / DESCRIPTION).is_file()]
            if candidates:
                break
            level = sorted(p for place in level for p in place.iterdir() if p.is_dir() and not p.name.startswith("."))
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        found = ", ".join(str(place.relative_to(folder)) for place in candidates[:6])
        message = f"{what}: {len(candidates)} datasets inside ({found}); name one under subfolder"
    else:
        where = f" in {subfolder!r}" if subfolder else ""
        message = f"{what}: no {DESCRIPTION}{where}, so it is no BIDS dataset or an empty one; correct the source"
    raise DatasetError(message)


def describe(root: Path) -> dict[str, str]:
    """Return title, licence, citation and version of a dataset, as far as it tells them."""
    try:
        found = json.loads(decoded((root / DESCRIPTION).read_bytes()))
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, Mapping):
        message = f"{DESCRIPTION} is not valid JSON; mend it or get the dataset again"
        raise DatasetError(message)
    doi = _text(found.get("DatasetDOI"))
    cite = [_text(found.get(key)) for key in ("HowToAcknowledge", "DatasetDOI", "ReferencesAndLinks", "SourceDatasets")]
    return {
        "title": _text(found.get("Name")),
        "licence": _text(found.get("License")),
        "citation": next((text for text in cite if text), ""),
        "version": _version(root, doi),
    }


def _text(value: Any) -> str:
    """Return a field as text; lists and their URL or DOI entries joined."""
    if isinstance(value, Mapping):
        return _text(value.get("DOI") or value.get("URL") or "")
    if isinstance(value, list):
        return "; ".join(text for text in map(_text, value) if text)
    text = "" if value is None else str(value).strip()
    return "" if text.lower() in {"n/a", "na"} else text


def _version(root: Path, doi: str) -> str:
    """Return the version that the DOI or the first line of CHANGES names."""
    in_doi = re.search(r"\.v(\d+(?:\.\d+)+)$", doi)
    if in_doi:
        return in_doi[1]
    try:
        first = re.search(r"^v?(\d+(?:\.\d+)+)\b", decoded((root / "CHANGES").read_bytes()), re.MULTILINE)
    except OSError:
        return ""
    return first[1] if first else ""


def has_content(root: Path, entry: Entry, sizes: Mapping[str, int]) -> bool:
    """Tell whether a recording's samples are really here: no broken link, no pointer text, no empty file.

    Parameters
    ----------
    root : path
        The dataset.
    entry : Entry
        The recording (its header file where there are two).
    sizes : mapping of str to int
        Size of every file of the folder by its path relative to the root.
    """
    if entry.size <= 0 or _is_pointer(root, entry.path, entry.size):
        return False
    stem, dot, ending = entry.path.rpartition(".")
    bodies = [stem + body for body in BODIES.get(dot + ending.lower(), ()) if stem + body in sizes]
    if not bodies:  # a BrainVision header is nothing without its samples; an EEGLAB file may hold them itself
        return ending.lower() != "vhdr"
    return all(sizes[body] > 0 and not _is_pointer(root, body, sizes[body]) for body in bodies)


def _is_pointer(root: Path, path: str, size: int) -> bool:
    if size > 1024:  # pointer texts are short; a recording is not opened
        return False
    with (root / path).open("rb") as stream:
        return is_pointer(stream.read(64))
