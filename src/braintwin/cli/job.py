"""The record of a job whose outputs cannot carry a stamp themselves: tables, pages, the record of a dataset."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import braintwin
from braintwin.digest import lasting_digest
from braintwin.io.records import write_json
from braintwin.paths import StudyPaths
from braintwin.provenance import stamp

OUTPUTS: dict[str, tuple[str, ...]] = {
    "retrieve": ("record",),
    "index": ("nights", "people", "refused"),
    "pages": ("page",),
    "cohort": ("page", "summary", "quarantine"),
}
"""The steps that need such a record, and which of their flags are outputs."""


def _paths(values: Mapping[str, Any], names: Iterable[str]) -> Iterator[Path]:
    for name in names:
        value = values[name]
        yield from (item for item in (value if isinstance(value, list) else [value]) if isinstance(item, Path))


def _study(step: str, first: Path) -> StudyPaths | None:
    """Return the study that an output lies in; None where it lies in no study's tree."""
    root = first.parents[2] if step == "pages" and len(first.parents) > 2 else first.parent.parent
    study = StudyPaths(root)
    stands = {
        "retrieve": study.dataset_record(first.stem),
        "index": study.nights,
        "pages": study.person_page(first.stem),
        "cohort": study.cohort_page,
    }
    return study if stands[step] == first else None


def record_job(step: str, values: Mapping[str, Any], options: BaseModel, module: str) -> None:
    """Write ``provenance/<step>-<hash of the outputs>.json`` in the study that the outputs belong to."""
    if step not in OUTPUTS:
        return
    named = list(_paths(values, OUTPUTS[step]))
    study = _study(step, named[0]) if named else None
    if study is None:
        return
    if step == "cohort":  # and the tidy tables beside the summary, as many as the step writes
        named += (study.summary.parent / "tables").glob("*.*")
    inputs = list(_paths(values, [name for name in values if name not in OUTPUTS[step]]))
    if step == "cohort":  # finds the people's artefacts beside the tables: a command line could not hold them
        inputs += [
            path for name in ("check.json", "night.nc", "rank.nc") for path in study.root.glob(f"people/*/{name}")
        ]
    made = stamp(
        version=braintwin.__version__, step=step, module=module, options=options.model_dump(),
        inputs=sorted(inputs), seed=values.get("seed"),
    )  # fmt: skip
    outputs = {
        path.relative_to(study.root).as_posix(): lasting_digest(path) for path in sorted(named) if path.is_file()
    }
    name = hashlib.sha256("\n".join(sorted(outputs)).encode()).hexdigest()[:8]
    mine = study.job(step, name)
    write_json(mine, {**made, "outputs": outputs})
    for other in mine.parent.glob(f"{step}-*.json"):  # a job that wrote fewer files had another name
        if other != mine and outputs.keys() & json.loads(other.read_text(encoding="utf-8"))["outputs"].keys():
            other.unlink()
