"""privacy-check: what tells who a person is is found, what does not is left alone, and a copy is without it."""

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from edfio import Edf, EdfSignal, Patient, Recording

from braintwin.cli.privacy import run
from braintwin.contracts.tables import DatasetRecord
from braintwin.errors import BrainTwinError
from braintwin.io.anonymise import anonymise
from braintwin.io.edf import read_header
from braintwin.io.hypnogram import read_hypnogram
from braintwin.io.privacy import check_file, check_tree
from braintwin.io.privacy_rules import dates, day, in_name, in_pair, in_text, placeless
from braintwin.options.dataset import DatasetOptions, StageOptions
from braintwin.options.index import IndexOptions
from braintwin.steps.index import index_datasets

DATED = "28102021302"


def write_edf(path: Path, **header: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    signals = [EdfSignal(rng.normal(0, 20, 6000), 100, label=n, physical_dimension="uV") for n in ("C3", "C4")]
    Edf(signals, **header).write(path)


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """A dataset that tells everything: names, birth and recording dates, serial numbers, dates as labels."""
    root = tmp_path / "told"
    stem = f"sub-{DATED}_ses-20211028_task-sleep"
    folder = root / f"sub-{DATED}" / "ses-20211028" / "eeg"
    write_edf(
        folder / f"{stem}_eeg.edf",
        patient=Patient(name="Jane_Doe", birthdate=dt.date(1970, 5, 1), sex="F"),
        recording=Recording(
            startdate=dt.date(2021, 10, 28), investigator_technician_code="Smith", equipment_code="SN-77123"
        ),
    )
    rows = "onset\tduration\tstage\toperator\n0\t30\tW\tSmith\n30\t30\tN2\tSmith\n"
    (folder / f"{stem}_events.tsv").write_text(rows)
    (folder / f"{stem}_channels.tsv").write_text("name\ttype\tunits\nC3\tEEG\tuV\nC4\tEEG\tuV\n")
    sidecar = {
        "TaskName": "sleep",
        "SamplingFrequency": 100,
        "PowerLineFrequency": 50,
        "DeviceSerialNumber": "SN-77123",
    }
    (folder / f"{stem}_eeg.json").write_text(json.dumps(sidecar))
    scans = f"filename\tacq_time\neeg/{stem}_eeg.edf\t2021-10-28T22:57:21\n"
    (folder.parent / f"sub-{DATED}_ses-20211028_scans.tsv").write_text(scans)
    (root / "dataset_description.json").write_text('{"Name": "told", "BIDSVersion": "1.9.0"}')
    people = f"participant_id\tage\tsex\tlast_name\temail\nsub-{DATED}\t93\tF\tDoe\tj@doe.org\n"
    (root / "participants.tsv").write_text(people)
    (root / "README").write_text("Recorded 2021. Contact: lab@university.edu. Published 2022-03-01.\n")
    return root


def kinds(found) -> set[str]:
    return {leak.kind for leak in found}


def test_everything_that_tells_is_found(told: Path) -> None:
    found = check_tree(told)
    assert kinds(found) >= {
        "id that is a date", "name", "birth date", "recording date", "device serial", "staff", "staff or device",
        "age above 89", "contact", "e-mail address", "date",
    }  # fmt: skip
    # what is found is shown by its shape alone
    assert not any("Doe" in leak.found or "77123" in leak.found for leak in found)
    # the dataset's own publication and contact are no leak
    assert not [leak for leak in found if leak.path == "README"]


def test_the_copy_is_without_it_and_says_the_same_of_sleep(told: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    labels = anonymise(told, copy)
    assert labels == {DATED: "001"}
    assert check_tree(copy) == []
    stem = "sub-001/ses-01/eeg/sub-001_ses-01_task-sleep"
    assert read_hypnogram(copy / f"{stem}_events.tsv", StageOptions()).stages.tolist() == [0, 2]
    assert [signal.label for signal in read_header(copy / f"{stem}_eeg.edf")] == ["C3", "C4"]
    assert (copy / "participants.tsv").read_text() == "participant_id\tage\tsex\nsub-001\t89+\tF\n"
    assert not list(copy.rglob("*_scans.tsv"))
    record = DatasetRecord(name="d", root=str(copy), kind="local", source="copy")
    (row,) = index_datasets([record], {"d": DatasetOptions(source="copy")}, IndexOptions()).nights
    assert (row.night, row.has_eeg, row.has_stages) == ("d-001-01", True, True)


def test_the_copy_passes_the_bids_validator(told: Path, tmp_path: Path) -> None:
    validator = Path(sys.executable).with_name("bids-validator-deno")
    anonymise(told, tmp_path / "copy")
    done = subprocess.run(
        [str(validator), str(tmp_path / "copy"), "--json"], capture_output=True, text=True, check=False
    )
    issues = json.loads(done.stdout)["issues"]["issues"]
    assert [issue for issue in issues if issue["severity"] == "error"] == []


def test_a_copy_never_goes_over_something(told: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for target in (tmp_path / "there", told / "inside"):
        with pytest.raises(BrainTwinError, match="name a new folder"):
            anonymise(told, target)


def test_labels_of_the_copy_keep_no_order(tmp_path: Path) -> None:
    root = tmp_path / "many"
    for i in range(20):
        folder = root / f"sub-{i:02d}" / "eeg"
        folder.mkdir(parents=True)
        (folder / f"sub-{i:02d}_task-sleep_events.tsv").write_text("onset\tduration\tstage\n0\t30\tW\n")
    (root / "dataset_description.json").write_text('{"Name": "many", "BIDSVersion": "1.9.0"}')
    labels = anonymise(root, tmp_path / "copy")
    assert sorted(labels.values()) == [f"{i:03d}" for i in range(1, 21)]
    assert list(labels.values()) != sorted(labels.values()) or list(labels) != sorted(labels)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("28102021302", (2021, 10, 28)), ("20210501", (2021, 5, 1)), ("01122021301", (2021, 12, 1)), ("tr050123", None),
        ("0001", None), ("12345678", None), ("20211399", None), ("99999999", None), ("te120112", None),
    ],
)  # fmt: skip
def test_labels_that_are_dates(label: str, expected: tuple[int, int, int] | None) -> None:
    assert day(label) == (dt.date(*expected) if expected else None)
    assert bool(list(in_name(f"sub-{label}/eeg/sub-{label}_eeg.edf"))) is (expected is not None)


@pytest.mark.parametrize(
    "text",
    ["2021-10-28", "28.10.2021", "28-OCT-2021", "Oct 28, 2021", "Thu Oct 28 22:57:21 2021", "20211028T225721",
     "New Segment,,1,1,0,20211028225721386268", "28/10/2021"],
)  # fmt: skip
def test_dates_in_texts(text: str) -> None:
    assert next(dates(text))[1] == dt.date(2021, 10, 28)


@pytest.mark.parametrize("text", ["1.10.2", "v2021.10.1.3", "1907-05-04", "0.20210501", "34.5-12.1", "2021", "12-13"])
def test_what_is_no_date(text: str) -> None:
    assert list(dates(text)) == []


def test_the_day_of_the_run_is_no_leak_and_another_day_is() -> None:
    today = dt.date(2026, 11, 22)
    assert list(in_text("log", "[Sun Nov 22 06:12:18 2026] done", run_day=today)) == []
    assert kinds(in_text("log", "recorded 2021-10-28", run_day=today)) == {"date"}


@pytest.mark.parametrize(
    "text", ["/home/jane/data/x.edf", r"C:\Users\jane\x.edf", "file:///data/jane/x", "/mnt/lab/s1"]
)
def test_absolute_paths(text: str) -> None:
    assert kinds(in_text("log", f"reading {text} now")) == {"absolute path"}
    assert list(in_text("log", "results/demo/nights and https://example.org/home/x")) == []


def test_names_that_the_user_gives(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<p>Night of jane doe</p>")
    names = tmp_path.parent / "names.txt"
    names.write_text("Jane Doe\n")
    page, clean = run(tmp_path, names=names, anonymise_to=None, as_json=False)
    assert not clean
    assert "known name: 1" in page
    assert json.loads(run(tmp_path, names=names, anonymise_to=None, as_json=True)[0])[0]["kind"] == "known name"


def test_a_line_of_a_log_without_places() -> None:
    line = "  Command: /home/jane/.venv/bin/python --snakefile /home/jane/work/Snakefile results/demo/x.nc\n"
    assert placeless(line) == "  Command: .../python --snakefile .../Snakefile results/demo/x.nc\n"
    assert placeless("  User: jane\n") == "  User: (not kept)\n"
    assert placeless("see https://example.org/a/b and 3/4\n") == "see https://example.org/a/b and 3/4\n"


def test_brainvision_markers_hold_the_time_of_recording(tmp_path: Path) -> None:
    path = tmp_path / "x_eeg.vmrk"
    path.write_text("[Marker Infos]\nMk1=New Segment,,1,1,0,20211028225721386268\n")
    assert kinds(check_file(path, "x_eeg.vmrk")) == {"date"}


def test_an_annexed_recording_is_not_looked_into(tmp_path: Path) -> None:
    path = tmp_path / "sub-01_eeg.edf"
    path.write_text("/annex/objects/MD5E-s1--20211028.edf\n")
    assert check_file(path, path.name) == []


def test_what_is_no_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BrainTwinError, match="is no folder"):
        run(tmp_path / "nowhere", names=None, anonymise_to=None, as_json=False)


@pytest.mark.parametrize(
    ("key", "told"), [("operator_name", True), ("Recording_Operator", True), ("operator_sd", False)]
)
def test_an_operator_is_staff_unless_it_is_one_of_the_model(key: str, told: bool) -> None:
    assert [leak.kind for leak in in_pair("a.json", key, "Smith")] == (["staff"] if told else [])
