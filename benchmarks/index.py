"""Index of 2,000 people with two nights each: CPU milliseconds a file, and how it grows with the dataset.

Run with `python benchmarks/index.py`.
"""

import tempfile
import time
from pathlib import Path

from braintwin.contracts.tables import DatasetRecord
from braintwin.options.dataset import DatasetOptions
from braintwin.options.index import IndexOptions
from braintwin.steps.index import index_datasets

EPOCHS = 960
ROWS = "onset\tduration\ttrial_type\n" + "".join(
    f"{30 * i}\t30\t{('Wake', 'N1', 'N2', 'N3', 'REM')[i // 7 % 5]}\n" for i in range(EPOCHS)
)


def write(root: Path, people: int) -> int:
    """Write a dataset of hypnograms of 8 h, each beside the sidecars of a recording; return its number of files."""
    root.mkdir()
    (root / "dataset_description.json").write_text('{"Name": "bench", "BIDSVersion": "1.9.0"}')
    rows = "".join(f"sub-{i:04d}\t30\n" for i in range(people))
    (root / "participants.tsv").write_text("participant_id\tage\n" + rows)
    files = 2
    for i in range(people):
        for ses in ("1", "2"):
            folder = root / f"sub-{i:04d}" / f"ses-{ses}" / "eeg"
            folder.mkdir(parents=True)
            stem = f"sub-{i:04d}_ses-{ses}_task-sleep"
            (folder / f"{stem}_events.tsv").write_text(ROWS)
            (folder / f"{stem}_events.json").write_text('{"trial_type": {"Levels": {"Wake": "Wake"}}}')
            (folder / f"{stem}_eeg.json").write_text("{}")
            (folder / f"{stem}_channels.tsv").write_text("name\ttype\tunits\nC4\tEEG\tuV\n")
            (folder / f"{stem}_eeg.edf").write_text("/annex/objects/MD5E-s1--0.edf")
            files += 5
    return files


def index(root: Path) -> float:
    """Return the CPU seconds of one index."""
    record = DatasetRecord(name="bench", root=str(root), kind="local", source="bench")
    start = time.process_time()
    found = index_datasets([record], {"bench": DatasetOptions(source="bench")}, IndexOptions())
    spent = time.process_time() - start
    assert not found.refused
    return spent


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        print("people  nights  files   CPU s   ms/file")
        for people in (250, 500, 1000, 2000):
            root = Path(folder) / str(people)
            files = write(root, people)
            spent = index(root)
            print(f"{people:6d}  {2 * people:6d}  {files:6d}  {spent:6.2f}  {1000 * spent / files:7.3f}")


if __name__ == "__main__":
    main()
