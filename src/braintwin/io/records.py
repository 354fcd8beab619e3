"""Small records beside the artefacts: statuses, tables, JSON."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from braintwin.contracts.tables import NIGHT_COLUMNS, PEOPLE_COLUMNS, NightRow, PersonRow, Status
from braintwin.errors import BrainTwinError, FitFailed, NightExcluded, NothingToDo
from braintwin.io.arrays import write_text

M = TypeVar("M", bound=BaseModel)


def write_json(path: Path | str, value: BaseModel | Mapping[str, Any]) -> None:
    """Write a record as readable JSON with sorted keys, atomically."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    write_text(path, json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path: Path | str, model: type[M]) -> M:
    """Read a record that `write_json` wrote."""
    path = Path(path)
    try:
        return model.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as cause:
        message = f"record {path.name} of {path.parent.name} cannot be read; run the step that writes it"
        raise BrainTwinError(message) from cause


def write_table(path: Path | str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a TSV with a header, atomically; None and empty are empty cells, booleans are 1 and 0."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, delimiter="\t", lineterminator="\n", extrasaction="raise")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: int(v) if isinstance(v, bool) else ("" if v is None else v) for k, v in row.items()})
    write_text(path, buffer.getvalue())


def read_table(path: Path | str) -> list[dict[str, str]]:
    """Read a TSV with a header into one dict a row."""
    with Path(path).open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def write_nights(path: Path | str, rows: Iterable[NightRow]) -> None:
    """Write `nights.tsv`."""
    write_table(path, NIGHT_COLUMNS, (row.model_dump() for row in rows))


def read_nights(path: Path | str) -> list[NightRow]:
    """Read `nights.tsv`."""
    return [NightRow.model_validate(row) for row in read_table(path)]


def write_people(path: Path | str, rows: Iterable[PersonRow]) -> None:
    """Write `people.tsv`."""
    plain = (row.model_dump() for row in rows)
    write_table(path, PEOPLE_COLUMNS, ({**r, "covariates": json.dumps(r["covariates"], sort_keys=True)} for r in plain))


def read_people(path: Path | str) -> list[PersonRow]:
    """Read `people.tsv`."""
    return [
        PersonRow.model_validate({**row, "covariates": json.loads(row["covariates"] or "{}")})
        for row in read_table(path)
    ]


def status_path(artefact: Path | str) -> Path:
    """Return the status record that goes with an artefact: ``prepare.nc`` -> ``prepare.status.json``."""
    artefact = Path(artefact)
    return artefact.with_name(artefact.name.split(".")[0] + ".status.json")


def write_status(artefact: Path | str, step: str, state: str, reason: str = "") -> Status:
    """Write the status of the step that made `artefact`."""
    status = Status.model_validate(
        {"step": step, "owner": Path(artefact).parent.name, "state": state, "reason": reason}
    )
    write_json(status_path(artefact), status)
    return status


def read_status(artefact: Path | str) -> Status:
    """Read the status of the step that made `artefact`."""
    return read_json(status_path(artefact), Status)


@contextmanager
def guarded(artefact: Path | str, step: str, write_empty: Callable[[], None]) -> Iterator[None]:
    """Carry out a step on one night or person: whatever its data hold, an artefact and a status are written.

    Where the block refuses the data, `write_empty` writes the valid, empty artefact and the status keeps the reason.
    An exception of another kind is a bug and passes through.
    """
    try:
        yield
    except (NightExcluded, FitFailed) as refusal:
        write_empty()
        state = {NothingToDo: "absent", FitFailed: "failed"}.get(type(refusal), "excluded")
        write_status(artefact, step, state, str(refusal))
    else:
        write_status(artefact, step, "ok")


def require_ok(artefact: Path | str) -> None:
    """Raise what the step before raised, unless its artefact is whole.

    Raises
    ------
    NothingToDo, NightExcluded, FitFailed
        As its status says.
    """
    status = read_status(artefact)
    kind = {"absent": NothingToDo, "excluded": NightExcluded, "failed": FitFailed}.get(status.state)
    if kind is not None:
        raise kind(status.reason)
