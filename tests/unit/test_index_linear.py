"""The index reads each file once: its work grows with the files and with nothing else, and rows are never a product."""

import sys
from collections import Counter
from pathlib import Path

import pytest

from braintwin.contracts.tables import DatasetRecord
from braintwin.options.dataset import DatasetOptions
from braintwin.options.index import IndexOptions
from braintwin.steps.index import Found, assign_batches, index_datasets

ROWS = "onset\tduration\tstage\n" + "".join(f"{30 * i}\t30\t{['W', 'N1', 'N2', 'N3', 'R'][i % 5]}\n" for i in range(20))


def write(root: Path, people: int) -> Path:
    """Write people with two sessions of two acquisitions each: five files a session."""
    root.mkdir()
    (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0"}')
    lines = ["participant_id\tpid", *(f"sub-{i:04d}\t{i}" for i in range(people))]
    (root / "participants.tsv").write_text("\n".join(lines))
    for i in range(people):
        for ses in ("1", "2"):
            folder = root / f"sub-{i:04d}" / f"ses-{ses}" / "eeg"
            folder.mkdir(parents=True)
            for acq in ("psg", "band"):
                stem = f"sub-{i:04d}_ses-{ses}_task-sleep_acq-{acq}"
                (folder / f"{stem}_events.tsv").write_text(ROWS)
                (folder / f"{stem}_eeg.edf").write_text("/annex/objects/x")
            (folder / f"sub-{i:04d}_ses-{ses}_task-sleep_events.json").write_text("{}")
    return root


def index(root: Path) -> Found:
    record = DatasetRecord(name="d", root=str(root), kind="local", source="x")
    dataset = DatasetOptions(source="x", person_column="pid")
    found = index_datasets([record], {"d": dataset}, IndexOptions())
    assign_batches([], found.people.values(), 4)
    return found


def operations(root: Path) -> int:
    """Return how many functions, of Python and of C, an index calls."""
    count = 0

    def seen(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(seen)
    try:
        index(root)
    finally:
        sys.setprofile(None)
    return count


def test_twice_the_people_are_twice_the_operations(tmp_path: Path) -> None:
    small, large = write(tmp_path / "a", 20), write(tmp_path / "b", 80)
    index(small)  # what is done once for all is done
    ratio = operations(large) / operations(small)
    assert 3.5 < ratio < 4.2


def test_each_table_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write(tmp_path / "a", 10)
    opened: Counter[str] = Counter()
    monkeypatch.setattr(
        Path, "read_bytes", lambda self, read=Path.read_bytes: (opened.update([self.name]), read(self))[1]
    )
    index(root)
    assert set(opened.values()) == {1}
    assert sum(name.endswith("_events.tsv") for name in opened) == 20  # one of the two acquisitions


def test_rows_are_nights_and_not_the_product_of_entities(tmp_path: Path) -> None:
    found = index(write(tmp_path / "a", 5))
    assert len(found.nights) == len({row.night for row in found.nights}) == 10
    assert all("acq-psg" in row.stages for row in found.nights)
    assert found.account() == "10 night(s) found: 10 used, 0 refused, 0 left out by the config"
