"""Spoilt datasets: no traceback, no hang, nothing written outside the results, every night accounted for.

500 datasets with a fixed seed; `BRAINTWIN_FUZZ=5000 pytest tests/fuzz` takes more, `BRAINTWIN_FUZZ_SEED` others.
"""

import importlib.util
import os
import re
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from braintwin.contracts.prepare import PREPARED
from braintwin.contracts.tables import DatasetRecord
from braintwin.errors import BrainTwinError
from braintwin.io.arrays import read_dataset
from braintwin.io.records import read_nights, read_status, read_table, write_json
from braintwin.options.dataset import DatasetOptions
from braintwin.options.index import IndexOptions
from braintwin.options.prepare import PrepareOptions
from braintwin.steps import index, prepare

_spec = importlib.util.spec_from_file_location("spoilt_datasets", Path(__file__).with_name("spoilt_datasets.py"))
assert _spec is not None
assert _spec.loader is not None
spoilt = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(spoilt)

CASES = int(os.environ.get("BRAINTWIN_FUZZ", "500"))
SEED = int(os.environ.get("BRAINTWIN_FUZZ_SEED", "20260101"))
CHUNK = 50
HANG_S = 60
WITHOUT_EEG = 0.1
"""Share of the datasets without EEG of which a night is prepared too, as writing arrays is what takes long."""
DATASET = DatasetOptions(source="data")
OPTIONS = PrepareOptions(min_scored_min=2, stage_missing="refuse", sfreq=64, lowpass=25)


class Hang(Exception):
    """A case took longer than any file may keep the program."""


@contextmanager
def limited() -> Iterator[None]:
    def ring(*_: object) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(HANG_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def nights_in(root: Path) -> set[tuple[str, str, str]]:
    """Return the nights in a tree: folders and runs of recordings, events and sidecars of task sleep in eeg folders.

    Counted with os.walk and one regular expression, apart from the program's own listing.
    """
    whole, described = set(), set()
    for folder, folders, names in os.walk(root):
        inside = Path(folder).relative_to(root).as_posix()
        folders[:] = [name for name in folders if not name.startswith(".")]
        if not (inside.startswith("sub-") and inside.endswith("/eeg")):
            continue
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        for name in [*names, *links]:
            entities = dict(part.split("-", 1) for part in name.lower().split(".", 1)[0].split("_") if "-" in part)
            if entities.get("task", "sleep") != "sleep":
                continue
            last = name.lower().split(".", 1)[0].split("_")[-1]
            ending = Path(name.lower()).suffix
            key = (inside.lower(), entities.get("run", ""), entities.get("split", ""))
            sides = {".json", ".tsv", ".fdt", ".eeg", ".dat", ".vmrk", ".gz", ".txt", ".md", ".html"}
            if (last == "events" and ending == ".tsv") or (last == "eeg" and ending not in sides):
                whole.add(key)
            elif (last, ending) in {("eeg", ".json"), ("channels", ".tsv")}:
                described.add(key)
    return whole | {key for key in described if key[0] not in {other[0] for other in whole}}


def snapshot(folder: Path) -> dict[bytes, tuple[int, int, int]]:
    found = {}
    for place, folders, names in os.walk(os.fsencode(folder)):
        for name in [*names, *folders]:
            stat = os.lstat(os.path.join(place, name))  # noqa: PTH118 - names may be no text
            found[os.path.join(place, name)] = (stat.st_mode, stat.st_size, stat.st_mtime_ns)  # noqa: PTH118
    return found


def attempt(folder: Path, rng: np.random.Generator) -> str:
    """Spoil one dataset, index and prepare it, and return what is wrong with that; empty where all is well."""
    root, out = folder / "data", folder / "out"
    spoilt.write(root, rng)
    done = []
    for _ in range(int(rng.integers(1, 4))):
        mutation = spoilt.MUTATIONS[int(rng.integers(len(spoilt.MUTATIONS)))]
        mutation(root, rng)
        done.append(mutation.__name__)
    try:
        with limited():
            fault = run(root, out, rng)
    except Hang:
        fault = "hangs"
    except Exception:
        fault = traceback.format_exc(limit=-4)
    return f"{'+'.join(done)}: {fault}" if fault else ""


def run(root: Path, out: Path, rng: np.random.Generator) -> str:
    out.mkdir()
    record, tables = out / "d.json", {name: out / f"{name}.tsv" for name in ("nights", "people", "refused")}
    write_json(record, DatasetRecord(name="d", root=str(root), kind="local", source="data"))
    before, found = snapshot(root), nights_in(root)
    try:
        index.run(records=[record], datasets={"d": DATASET}, **tables, options=IndexOptions())
    except BrainTwinError as refusal:
        if "\n" in str(refusal) or str(root) in str(refusal):
            return f"reason is no line, or has a path: {refusal}"
    refused = read_table(tables["refused"]) if tables["refused"].exists() else []
    used = read_nights(tables["nights"]) if tables["nights"].exists() else []
    listed = [row for row in refused if "no recording or events table" not in row["reason"]]
    if tables["refused"].exists() and len(used) + len(listed) != len(found):
        return f"{len(used)} used + {len(listed)} refused are not the {len(found)} found"
    for night in sorted(used, key=lambda row: not row.has_eeg)[:1]:
        if not night.has_eeg and rng.random() > WITHOUT_EEG:
            continue
        artefact = out / "nights" / night.night / "prepare.nc"
        artefact.parent.mkdir(parents=True)
        epochs = artefact.with_name("epochs.zarr.zip")
        prepare.run(
            night=night, dataset=DATASET, dataset_root=root, prepare=artefact, epochs=epochs, options=OPTIONS
        )  # fmt: skip
        status = read_status(artefact)
        read_dataset(artefact, PREPARED)
        assert epochs.stat().st_size
        if status.state not in ("ok", "excluded", "absent") or (status.state != "ok" and not status.reason):
            return f"{night.night} ended as {status.state} without a reason"
        refused.append({"reason": status.reason})
    for row in refused:
        if re.search(r"[\n\t]", row["reason"]) or str(root) in row["reason"]:
            return f"reason is no line, or has a path: {row['reason']!r}"
    if snapshot(root) != before:
        return "the dataset was changed"
    strangers = {path.name for path in root.parent.iterdir()} - {"data", "out"}
    return f"wrote {strangers} outside its folder" if strangers else ""


@pytest.mark.parametrize("chunk", range((CASES + CHUNK - 1) // CHUNK))
def test_spoilt_datasets(chunk: int, tmp_path: Path) -> None:
    faults = []
    for case in range(chunk * CHUNK, min(CASES, (chunk + 1) * CHUNK)):
        folder = tmp_path / str(case)
        folder.mkdir()
        fault = attempt(folder, np.random.default_rng([SEED, case]))
        if fault:
            faults.append(f"case {case}: {fault}")
    assert not faults, f"{len(faults)} of {CHUNK} cases:\n" + "\n".join(faults)
