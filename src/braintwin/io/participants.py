"""participants.tsv: who a participant is, what they have, and which night had which condition."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from braintwin.errors import DatasetError, did_you_mean
from braintwin.io.events import BLANK, is_pointer, shown, table_lines

COVARIATES = ("ahi", "bmi", "isi", "ess", "psqi")
"""Columns that are kept as numbers where a dataset has them (case is ignored)."""

_SEX = {"f": "F", "female": "F", "woman": "F", "m": "M", "male": "M", "man": "M", "o": "O", "other": "O"}
_DIAGNOSIS = {
    "healthy": "healthy", "control": "healthy", "hc": "healthy", "normal": "healthy", "none": "healthy",
    "insomnia": "insomnia", "osa": "osa", "sleep apnea": "osa", "obstructive sleep apnea": "osa", "apnea": "osa",
}  # fmt: skip


@dataclass(frozen=True)
class Participants:
    """The rows of participants.tsv by participant label (without ``sub-``), in their order."""

    columns: tuple[str, ...]
    rows: Mapping[str, Mapping[str, str]]

    def cell(self, label: str, column: str) -> str:
        """Return a cell, empty where the row, the column or the value is absent."""
        text = self.rows.get(label, {}).get(column, "")
        return "" if text.lower() in BLANK else text

    def require(self, column: str, key: str, table: str = "participants.tsv") -> None:
        """Refuse a column that the config names and the table lacks."""
        if column not in self.columns:
            found = shown(self.columns) or f"no {table}"
            near = did_you_mean(column, self.columns)
            message = f"{key} names {column!r}, which {table} does not have (found {found}){near}"
            raise DatasetError(message)


def read_participants(root: Path) -> Participants:
    """Read participants.tsv; a dataset without one (or with a pointer in its place) has no rows."""
    return _keyed(root / "participants.tsv", "participant_id", "sub-")


def read_sessions(root: Path, label: str) -> Participants:
    """Read a participant's sessions.tsv in the same way, by session label (without ``ses-``)."""
    return _keyed(root / f"sub-{label}" / f"sub-{label}_sessions.tsv", "session_id", "ses-")


def _keyed(path: Path, key: str, prefix: str) -> Participants:
    try:
        raw = path.read_bytes() if path.is_file() else b""
    except (OSError, ValueError):
        return Participants((), {})
    lines = [] if is_pointer(raw[:64]) else table_lines(raw)
    if not lines:
        return Participants((), {})
    columns = lines[0]
    place = columns.index(key) if key in columns else 0
    width = len(columns)
    rows = {
        line[place].removeprefix(prefix): dict(zip(columns, line + ("",) * width))
        for line in lines[1:]
        if len(line) > place and line[place].removeprefix(prefix)
    }
    return Participants(columns, rows)


def age_band(text: str) -> str:
    """Return a 5-year band: ``33`` -> ``30-34``; from 90 on all are ``90+``; empty where it is no age."""
    found = re.fullmatch(r"(\d{1,3})(\.\d+)?\s*[+yY]?", text.strip())
    if not found or int(found[1]) > 120:
        return ""
    low = int(found[1]) // 5 * 5
    return "90+" if low >= 90 else f"{low:02d}-{low + 4:02d}"


def sex(text: str) -> str:
    """Return F, M or O by the word; empty for a code, which is never guessed."""
    return _SEX.get(text.strip().lower(), "")


def covariates(people: Participants, label: str, diagnosis: str | None) -> dict[str, float | str]:
    """Return what is known of a participant: numbers of :data:`COVARIATES`, and the diagnosis."""
    found: dict[str, float | str] = {}
    for column in people.columns:
        if column.lower() in COVARIATES:
            try:
                found[column.lower()] = float(people.cell(label, column))
            except ValueError:
                continue
    named = people.cell(label, "diagnosis") if diagnosis is None else diagnosis
    if named.startswith("column:"):
        named = people.cell(label, named.removeprefix("column:"))
    if named:
        found["diagnosis"] = _DIAGNOSIS.get(named.strip().lower(), named.strip().lower())
    return found


def condition(people: Participants, label: str, session: str, index: int, conditions: Mapping[str, str]) -> str:
    """Return the condition of a night: the column that holds its session.

    Parameters
    ----------
    people : Participants
        The table.
    label : str
        The participant.
    session : str
        Label of the session, empty where the dataset has none.
    index : int
        Which night of the participant this is, from 1; used where there is no session.
    conditions : mapping of str to str
        Column -> condition.
    """
    own = {session.lower(), _number(session)} if session else {str(index)}
    for column, name in conditions.items():
        value = people.cell(label, column).lower().removeprefix("ses-")
        if value and (value in own or _number(value) in own):
            return name
    return ""


def told_conditions(root: Path, label: str, source: str | None) -> Callable[[str], str]:
    """Return what gives the condition of a participant's session: its label, or a column of sessions.tsv.

    `source` is ``condition`` of the config: ``session``, ``column:<name>``, or None where neither tells it.
    """
    if source is None:
        return lambda _: ""
    if source == "session":
        return str
    column = source.removeprefix("column:")
    table = read_sessions(root, label)
    if table.rows:
        table.require(column, "condition", f"sub-{label}_sessions.tsv")
    return lambda session: table.cell(session, column)


def _number(text: str) -> str:
    """Return the number that a label ends with, without leading zeros: ``night02`` -> ``2``."""
    found = re.search(r"(\d+)(\.0+)?$", text)
    return str(int(found[1])) if found else text


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key by which ``2`` comes before ``10``."""
    return tuple(
        (0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.findall(r"\d+|\D+", text.lower())
    )


def chosen(
    labels: Collection[str], people: Participants, wanted: Sequence[str] | None, column: str | None, limit: int | None
) -> dict[str, str]:
    """Return participant -> person of those to index, in the order of the table.

    Parameters
    ----------
    labels : collection of str
        Participants with a recording or events.
    people : Participants
        The table.
    wanted : sequence of str, optional
        Participants to include; all of them where None.
    column : str, optional
        Column that names the person; the participant is the person where None.
    limit : int, optional
        The first so many people, with all their participants.

    Raises
    ------
    DatasetError
        If `wanted` names a participant that is not there.
    """
    order = [label for label in people.rows if label in labels]
    order += sorted(set(labels) - set(order), key=natural)
    if wanted is not None:
        asked = dict.fromkeys(label.removeprefix("sub-") for label in wanted)
        absent = [label for label in asked if label not in labels]
        if absent:
            message = f"people names {absent[0]!r}, who has no recording here{did_you_mean(absent[0], order)}"
            raise DatasetError(message)
        order = [label for label in order if label in asked]
    pids = {label: people.cell(label, column) if column else label for label in order}
    kept = set(list(dict.fromkeys(pids.values()))[:limit])
    return {label: pid for label, pid in pids.items() if pid in kept}
