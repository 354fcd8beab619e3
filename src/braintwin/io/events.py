"""Event tables as they are found: encodings, separators, blank cells, and the files that belong to one night."""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from braintwin.errors import NightExcluded

BLANK = frozenset({"", "n/a", "na", "nan", "none", "null"})
"""Cells that say nothing, in lower case."""

POINTERS = (b"/annex/objects/", b"version https://git-lfs", b"../.git/annex", b".git/annex/objects")
"""How a file starts whose content stayed with git-annex or git-lfs."""


class Unscored(NightExcluded):
    """A table that holds no scoring at all, so that another table, or automatic staging, may serve."""


@dataclass(frozen=True)
class Table:
    """An event table: its columns as text, onset and duration as numbers (NaN where there is none)."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    onset: npt.NDArray[np.float64]
    duration: npt.NDArray[np.float64]

    def text(self, column: str) -> list[str]:
        """Return the cells of a column."""
        index = self.columns.index(column)
        return [row[index] for row in self.rows]


def decoded(raw: bytes) -> str:
    """Return the text of a file in UTF-8 or UTF-16 with a byte-order mark, or Latin-1 where it is neither."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def is_pointer(start: bytes) -> bool:
    """Tell whether a file that begins with `start` is the pointer of absent content."""
    return start.startswith(POINTERS)


LATEST_S = 1e9
"""Onsets and durations from here on, s, are no times."""

MAX_BYTES = 64 * 2**20
"""Largest table that is read; a night's events take some 100 kB."""


def read_events(path: Path, rows: Mapping[str, str] | None = None) -> Table:
    """Read an event table.

    Parameters
    ----------
    path : path
        The table.
    rows : mapping of str to str, optional
        Column -> value of the rows to keep, where a table holds several recordings.

    Raises
    ------
    NightExcluded
        If the file is absent, empty, far too large, a pointer to absent content, or has no onset.
    """
    try:
        if not path.is_file():
            raise OSError
        if path.stat().st_size > MAX_BYTES:
            message = f"the events table is larger than {MAX_BYTES // 2**20} MB, so it is none; look at the file"
            raise NightExcluded(message)
        raw = path.read_bytes()
    except (OSError, ValueError):
        message = "the events table cannot be read (absent, or a broken link); get its content, or leave the night out"
        raise NightExcluded(message) from None
    if is_pointer(raw[:64]):
        message = "the events table is the pointer of an absent file; get its content with datalad or git-lfs"
        raise NightExcluded(message)
    lines = table_lines(raw)
    if len(lines) < 2:
        message = "the events table is empty"
        raise Unscored(message)
    columns, width = lines[0], len(lines[0])
    cells = tuple((line + ("",) * width)[:width] for line in lines[1:])
    for column, value in (rows or {}).items():
        cells = _kept(columns, cells, column, value)
    onset = _column(columns, "onset")
    if onset is None:
        onset = next((i for i, column in enumerate(columns) if _START.fullmatch(column.lower())), None)
    if onset is None:
        message = f"the events table has no onset (found {shown(columns)})"
        raise NightExcluded(message)
    return Table(columns, cells, _numbers(cells, onset), _numbers(cells, _column(columns, "duration")))


_START = re.compile(r"(epoch_?)?start(_?time)?([ _(]*(s|sec|seconds)\)?)?")
"""Other names of an onset in seconds: ``epoch_start_time_sec``, ``start``, ``Start (s)``."""


def shown(words: Iterable[str], most: int = 12) -> str:
    """Return words of a file as a short list on one line."""
    kept = [re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd]", "", word)[:40] for word in words]
    return ", ".join(kept[:most]) + (f", ... ({len(kept)} in all)" if len(kept) > most else "")


def _kept(
    columns: tuple[str, ...], cells: tuple[tuple[str, ...], ...], column: str, value: str
) -> tuple[tuple[str, ...], ...]:
    if column not in columns:
        message = f"no column {column!r} in the events table (found {shown(columns)}); correct stages.rows"
        raise NightExcluded(message)
    place = columns.index(column)
    kept = tuple(row for row in cells if row[place] == value)
    if not kept:
        found = shown(sorted({row[place] for row in cells}))
        message = f"no row has {column} {value!r} (found {found}); correct stages.rows"
        raise NightExcluded(message)
    return kept


def table_lines(raw: bytes) -> list[tuple[str, ...]]:
    """Return the cells of each line that is not blank, the header first."""
    text = decoded(raw)
    head = text.split("\n", 1)[0]
    separator = "\t" if "\t" in head else ("," if "," in head else "\t")
    return [line for line in _cells(text, separator) if any(line)]


def _column(columns: tuple[str, ...], word: str) -> int | None:
    """Return the place of the column called `word`, whatever its case; else of one like ``Onset (s)``."""
    plain = [column.lower() for column in columns]
    if word in plain:
        return plain.index(word)
    return next((i for i, column in enumerate(plain) if column.startswith(word)), None)


def _cells(text: str, separator: str) -> list[tuple[str, ...]]:
    """Return the cells of each line; only in a comma-separated table do quotes hold a cell together."""
    if separator == "\t":
        lines = (line.split("\t") for line in text.replace('"', "").splitlines())
        return [tuple(map(str.strip, line)) for line in lines]
    return [tuple(map(str.strip, line)) for line in csv.reader(io.StringIO(text, newline=None))]


def _numbers(rows: tuple[tuple[str, ...], ...], index: int | None) -> npt.NDArray[np.float64]:
    """Return one column as numbers, NaN where a cell is none."""
    if index is None:
        return np.full(len(rows), np.nan)
    try:
        values = np.array([float(row[index]) for row in rows])
    except ValueError:
        values = np.array([_number(row[index]) for row in rows])
    return np.where(np.abs(values) < LATEST_S, values, np.nan)  # also where not finite


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def entities(name: str) -> dict[str, str]:
    """Return the entities and the suffix of a BIDS file name, in lower case: ``{"sub": "01", "suffix": "eeg"}``."""
    parts = name.lower().split(".", 1)[0].split("_")
    found = dict(part.split("-", 1) for part in parts if "-" in part)
    return {**found, "suffix": parts[-1] if "-" not in parts[-1] else ""}


def find_sidecars(events: Path, root: Path) -> tuple[Path, ...]:
    """Return what goes with an events table: its JSON sidecars, the nearest last, and the night's other event tables.

    Sidecars are inherited from the folders above up to `root`; letter case is ignored, since real datasets do not
    keep it (``acq-PSGScoring`` beside ``acq-psgScoring``).
    """
    own = entities(events.name)
    folders = [events.parent]
    while folders[-1] != root and root in folders[-1].parents:
        folders.append(folders[-1].parent)
    described = [
        path
        for folder in reversed(folders)
        for path in sorted(folder.glob("*_[Ee]vents.json"), key=lambda path: len(entities(path.name)))
        if entities(path.name).items() <= own.items()
    ]
    others = [
        path
        for path in sorted(events.parent.glob("*_events.tsv"))
        if path != events and same_night(entities(path.name), own)
    ]
    return (*described, *others)


def same_night(one: dict[str, str], other: dict[str, str]) -> bool:
    """Tell whether two files are of the same participant, session, task and run."""
    return all(one.get(key) == other.get(key) for key in ("sub", "ses", "task", "run"))
