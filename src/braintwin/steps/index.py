"""index: one row per usable night, one per person, and the nights that were refused with the reason.

IN   datasets/<name>.json of every dataset
OUT  index/nights.tsv, index/people.tsv (append-only), index/refused.tsv

A table is rewritten only where its content changed, so that nothing downstream runs again for an unchanged study.
"""

import hashlib
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from braintwin.contracts.stages import EPOCH_S
from braintwin.contracts.tables import QUARANTINE_COLUMNS, DatasetRecord, NightRow, PersonRow
from braintwin.errors import DatasetError, NightExcluded
from braintwin.io import participants
from braintwin.io.bids import walk
from braintwin.io.ledger import Found
from braintwin.io.listing import Candidate, check_entities, list_nights
from braintwin.io.nights import Night, read_night
from braintwin.io.records import read_json, read_people, write_nights, write_people, write_table
from braintwin.options.dataset import DatasetOptions
from braintwin.options.index import IndexOptions
from braintwin.paths import night_id, person_id


def run(
    *,
    records: Sequence[Path],
    datasets: Mapping[str, DatasetOptions],
    nights: Path,
    people: Path,
    refused: Path,
    options: IndexOptions,
) -> None:
    """Index every dataset.

    Raises
    ------
    DatasetError
        If a dataset, or the study as a whole, holds no usable night.
    """
    found = index_datasets([read_json(path, DatasetRecord) for path in records], datasets, options)
    known = read_people(people) if people.exists() else []
    rows = assign_batches(known, found.people.values(), options.batch_size)
    _rewrite(refused, lambda path: write_table(path, QUARANTINE_COLUMNS, found.refused))
    sys.stderr.write(f"index: {found.account()}\n")
    if not found.nights:
        reason, times = Counter(row["reason"] for row in found.refused).most_common(1)[0]
        message = f"no usable night: {len(found.refused)} refused, {times} of them because: {reason}"
        raise DatasetError(message)
    _rewrite(nights, lambda path: write_nights(path, found.nights))
    _rewrite(people, lambda path: write_people(path, rows))


def index_datasets(
    records: Iterable[DatasetRecord], datasets: Mapping[str, DatasetOptions], options: IndexOptions
) -> Found:
    """Return what the datasets hold, without writing anything.

    Raises
    ------
    DatasetError
        As :func:`run` does.
    """
    found = Found()
    for record in records:
        if record.name not in datasets:
            message = f"record {record.name}.json is of a dataset that the config does not have; delete it"
            raise DatasetError(message)
        try:
            index_dataset(record, datasets[record.name], options, found)
        except DatasetError as cause:
            message = f"dataset {record.name!r}: {cause}"
            raise DatasetError(message) from None
    return found


def index_dataset(record: DatasetRecord, dataset: DatasetOptions, options: IndexOptions, found: Found) -> None:
    """Add the nights and people of one dataset to `found`."""
    root = Path(record.root)
    if not root.is_dir():
        message = "its folder is gone; run retrieve again"
        raise DatasetError(message)
    table = participants.read_participants(root)
    for column, key in _named_columns(dataset):
        table.require(column, key)
    scoring = dataset.stages.file
    listing = list_nights(walk(root, everything=scoring is not None), dataset.task, scoring)
    check_entities(listing, dataset)
    sessions: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in sorted(listing.candidates, key=_order):
        sessions[candidate.sub].append(candidate)
    pids = participants.chosen(sessions.keys(), table, dataset.people, dataset.person_column, dataset.max_people)
    if dataset.people is None and dataset.max_people is None:
        _refuse_without_files(listing.subs.union(table.rows) - sessions.keys(), record.name, dataset, found)
    found.ignored += sum(len(nights) for label, nights in sessions.items() if label not in pids)
    positions = _positions(sessions, pids)
    ahi: dict[str, list[float]] = defaultdict(list)
    for label, pid in pids.items():
        told = participants.told_conditions(root, label, dataset.condition)
        for within, candidate in enumerate(sessions[label], 1):
            row = NightRow(
                night=night_id(record.name, label, candidate.ses, candidate.run),
                person=person_id(record.name, pid) if pid else "",
                dataset=record.name,
                bids_path=candidate.folder,
                condition=participants.condition(table, label, candidate.ses, within, dataset.conditions)
                or told(candidate.ses),
                night_index=positions[id(candidate)],
            )
            try:
                found.admit(row, pid, candidate, dataset.person_column)
                night = read_night(root, candidate, listing, dataset)
            except NightExcluded as refusal:
                found.refuse(row.night, row.person, str(refusal))
                continue
            found.nights.append(_filled(row, night, options))
            _add_person(found.people, row, table, label, dataset.diagnosis)
            if night.hypnogram is not None and night.hypnogram.ahi is not None:
                ahi[row.person].append(night.hypnogram.ahi)
    for person, values in ahi.items():  # derived from the events; a column of the dataset's own wins
        found.people[person].covariates.setdefault("ahi", round(sum(values) / len(values), 1))


def _filled(row: NightRow, night: Night, options: IndexOptions) -> NightRow:
    """Return the row of a night with what its files hold."""
    scoring = night.hypnogram
    return row.model_copy(
        update={
            "signal": night.signal,
            "stages": night.stages,
            "has_eeg": night.has_eeg,
            "has_stages": scoring is not None,
            "offset_s": scoring.onset_s if scoring else 0.0,
            "epoch_s": scoring.epoch_s if scoring else EPOCH_S,
            "fold": fold(row.person, options.folds),
        }
    )


def _refuse_without_files(labels: Iterable[str], name: str, dataset: DatasetOptions, found: Found) -> None:
    """Refuse participants who are listed, or have a folder, but no EEG or events of the task."""
    task = f" of task {dataset.task!r}" if dataset.task else ""
    for label in sorted(labels, key=participants.natural):
        found.refuse(night_id(name, label), "", f"no recording or events table{task} for this participant")


def _named_columns(dataset: DatasetOptions) -> list[tuple[str, str]]:
    named = [(column, "conditions") for column in dataset.conditions]
    if dataset.person_column:
        named.append((dataset.person_column, "person_column"))
    if dataset.diagnosis and dataset.diagnosis.startswith("column:"):
        named.append((dataset.diagnosis.removeprefix("column:"), "diagnosis"))
    return named


def _order(candidate: Candidate) -> tuple[object, ...]:
    return participants.natural(candidate.ses), participants.natural(candidate.run)


def _positions(sessions: Mapping[str, Sequence[Candidate]], pids: Mapping[str, str]) -> dict[int, int]:
    """Return which night of their person each candidate is, from 1, in the order of participants and sessions."""
    of_person: dict[str, list[Candidate]] = defaultdict(list)
    for label in sorted(pids, key=participants.natural):
        of_person[pids[label]] += sessions[label]
    return {id(candidate): i for group in of_person.values() for i, candidate in enumerate(group, 1)}


def fold(person: str, folds: int) -> int:
    """Return the fold of a person: by name alone, so that it never changes and all their nights share it."""
    return int.from_bytes(hashlib.sha256(person.encode()).digest()[:8], "big") % folds


def _add_person(
    people: dict[str, PersonRow],
    night: NightRow,
    table: participants.Participants,
    label: str,
    diagnosis: str | None,
) -> None:
    """Add the person of a night, or what another of their participants' rows tells."""
    person = night.person
    row = people.setdefault(person, PersonRow(person=person, batch="", dataset=night.dataset))
    age = table.cell(label, next((c for c in table.columns if c.lower() == "age"), "age"))
    sex = table.cell(label, next((c for c in table.columns if c.lower() in {"sex", "gender"}), "sex"))
    people[person] = row.model_copy(
        update={
            "age_band": row.age_band or participants.age_band(age),
            "sex": row.sex or participants.sex(sex),
            "covariates": {**participants.covariates(table, label, diagnosis), **row.covariates},
        }
    )


def assign_batches(known: Sequence[PersonRow], found: Iterable[PersonRow], size: int) -> list[PersonRow]:
    """Return all people: known ones keep row and batch, new ones open batches of their own after them."""
    fresh = {row.person: row for row in found}
    rows = [
        fresh.pop(row.person).model_copy(update={"batch": row.batch}) if row.person in fresh else row for row in known
    ]
    last: dict[str, int] = defaultdict(int)
    for row in known:
        last[row.dataset] = max(last[row.dataset], int(row.batch.rpartition("b")[2]))
    new: dict[str, int] = defaultdict(int)
    for row in fresh.values():
        number = last[row.dataset] + 1 + new[row.dataset] // size
        new[row.dataset] += 1
        rows.append(row.model_copy(update={"batch": f"{row.dataset}b{number:03d}"}))
    return rows


def _rewrite(path: Path, write: Callable[[Path], None]) -> None:
    """Write a table, and put it in place only if it differs from the one that is there."""
    fresh = path.with_name(f".{path.name}.new")
    write(fresh)
    if path.exists() and path.read_bytes() == fresh.read_bytes():
        fresh.unlink()
    else:
        fresh.replace(path)
