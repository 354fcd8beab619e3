"""What a dataset would be read as: night, person, condition, scoring, signal; what is ambiguous, what settles it.

Nothing here decides anything that the index does not: it reports the choices of :mod:`braintwin.io.listing` and
:mod:`braintwin.io.nights`, and writes down the keys of the config by which a choice is made or undone.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from braintwin.io.bids import walk
from braintwin.io.events import BLANK, entities, shown
from braintwin.io.finding import Finding
from braintwin.io.listing import Candidate, Listing, list_nights
from braintwin.io.participants import Participants, read_participants, read_sessions
from braintwin.io.survey_scoring import survey_scoring
from braintwin.io.survey_signal import survey_signal
from braintwin.options.dataset import DatasetOptions

_NIGHT_TASK = re.compile(r"sleep|night|psg|noct|nap")
_PERSON_COLUMN = re.compile(r"^(pid|person|patient|individual|subject|human)(_?(id|number|nr|no))?$", re.IGNORECASE)
_CONDITION_COLUMN = re.compile(r"condition|treatment|drug|arm|stim|intervention|medication|group", re.IGNORECASE)
_CONDITION_LABEL = re.compile(
    r"placebo|sham|drug|active|treat|base|control|ctrl|temazepam|zolpidem|cpap|stim|adapt|pre|post", re.IGNORECASE
)


def survey(root: Path, given: DatasetOptions) -> list[Finding]:
    """Return what would be read in a dataset with the keys `given`, and what settles the rest."""
    task = _task(list_nights(walk(root), None), given)
    settled = given.model_copy(update={"task": task.lines["task"]}) if task.lines else given
    listing = list_nights(walk(root, everything=given.stages.file is not None), settled.task, given.stages.file)
    table = read_participants(root)
    return [
        task,
        _person(listing, table, given),
        _condition(root, listing, table, given),
        *survey_scoring(root, listing, settled),
        *survey_signal(root, listing, settled),
    ]


def _task(listing: Listing, given: DatasetOptions) -> Finding:
    """Say what makes a night, and of which task."""
    levels = "participant" + (", session" if any(c.ses for c in listing.candidates) else "")
    levels += ", run" if any(c.run for c in listing.candidates) else ""
    counts: Counter[str] = Counter()
    for candidate in listing.candidates:
        counts.update({entities(e.name).get("task", "") for e in (*candidate.recordings, *candidate.events)})
    found = ", ".join(f"{task or 'no task'} ({n})" for task, n in counts.most_common())
    if given.task is None or not counts or given.task.lower() in counts:
        task = f", task {given.task}" if given.task else ""
        return Finding("night", f"each {levels}{task} (tasks found: {found or 'none'})")
    likely = [task for task, _ in counts.most_common() if _NIGHT_TASK.search(task)]
    chosen = (likely or [counts.most_common(1)[0][0]])[0]
    why = f"no file has task {given.task!r}; found {found}"
    if not chosen:
        return Finding("night", f"each {levels}, without a task")
    return Finding("night", f"each {levels}, task {chosen}", why, {"task": chosen})


def _person(listing: Listing, table: Participants, given: DatasetOptions) -> Finding:
    labels = sorted({candidate.sub for candidate in listing.candidates})
    if given.person_column is not None:
        people = len({table.cell(label, given.person_column) for label in labels})
        return Finding("person", f"column {given.person_column} of participants.tsv: {people} people")
    used = f"each participant: {len(labels)} people"
    for column in table.columns:
        values = [table.cell(label, column) for label in labels if label in table.rows]
        several = {value for value, n in Counter(values).items() if n > 1 and value}
        if _PERSON_COLUMN.match(column) and several and all(values):
            people = len(set(values))
            why = f"column {column} gives the same person to several participants ({people} people in all)"
            return Finding("person", used, why, {"person_column": column})
    return Finding("person", used)


def _condition(root: Path, listing: Listing, table: Participants, given: DatasetOptions) -> Finding:
    if given.conditions or given.condition:
        where = given.condition or ", ".join(f"{c} -> {name}" for c, name in given.conditions.items())
        return Finding("condition", where)
    sessions: dict[str, list[str]] = defaultdict(list)
    for candidate in listing.candidates:
        sessions[candidate.sub].append(candidate.ses)
    columns = [c for c in table.columns if _points_at_sessions(c, table, sessions)]
    used = "none: every night counts as untreated"
    if columns:
        named = {c: re.sub(r"[_\s-]*(night|session|ses|visit|nr|no)$", "", c, flags=re.IGNORECASE) for c in columns}
        why = f"participants.tsv says by {shown(columns)} which session had which condition"
        return Finding("condition", used, why, {"conditions": named})
    column = _session_column(root, listing.candidates)
    if column:
        why = f"column {column} of sessions.tsv differs between the nights of a participant"
        return Finding("condition", used, why, {"condition": f"column:{column}"})
    labels = {ses for of_one in sessions.values() for ses in of_one if ses}
    if len(labels) > 1 and sum(bool(_CONDITION_LABEL.search(label)) for label in labels) > 1:
        why = f"sessions are called {shown(sorted(labels))}"
        return Finding("condition", used, why, {"condition": "session"})
    return Finding("condition", used)


def _points_at_sessions(column: str, table: Participants, sessions: Mapping[str, Sequence[str]]) -> bool:
    """Tell whether a column holds, for participants with several nights, the number or label of one of them."""
    if not re.search(r"night|session|ses$|visit", column, re.IGNORECASE):
        return False
    told = 0
    for label, own in sessions.items():
        value = table.cell(label, column).lower().removeprefix("ses-")
        if not value:
            continue
        known = {ses.lower() for ses in own} | {"".join(re.findall(r"\d+$", ses)).lstrip("0") for ses in own}
        if value not in known and value not in map(str, range(1, len(own) + 1)):
            return False
        told += 1
    return told > 0


def _session_column(root: Path, candidates: Sequence[Candidate]) -> str:
    """Return the column of sessions.tsv that tells conditions, if nights of one participant differ in it."""
    for sub in dict.fromkeys(candidate.sub for candidate in candidates if candidate.ses):
        table = read_sessions(root, sub)
        for column in table.columns:
            values = {row[column] for row in table.rows.values() if row[column].lower() not in BLANK}
            if _CONDITION_COLUMN.search(column) and len(values) > 1:
                return column
    return ""
