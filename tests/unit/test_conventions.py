"""The fifteen conventions of real sleep datasets, one test each, on a written fixture; docs/reference/conventions.md.

The same conventions on the real trees are in tests/real (test_real_datasets.py, test_tree_counts.py).
"""

import json
from pathlib import Path

import numpy as np
import pytest
from edfio import Edf, EdfAnnotation, EdfSignal

from braintwin.contracts.tables import DatasetRecord
from braintwin.errors import DatasetError, NightExcluded
from braintwin.io.channels import role
from braintwin.io.eeg import annotations, open_recording
from braintwin.io.events import read_events
from braintwin.io.hypnogram import find_sidecars, from_tables, read_hypnogram, trim
from braintwin.io.ledger import Found
from braintwin.options.dataset import DatasetOptions, StageOptions
from braintwin.options.index import IndexOptions
from braintwin.steps.index import index_datasets

W, N1, N2, N3, R, X = 0, 1, 2, 3, 4, -1


class Tree:
    """A dataset written file by file; ``|`` stands for a tab."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.file("dataset_description.json", '{"Name": "x", "BIDSVersion": "1.9.0"}')

    def file(self, path: str, content: str | bytes) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.replace("|", "\t").encode())
        return target

    def events(self, text: str, sub: str = "01", tail: str = "") -> Path:
        return self.file(f"sub-{sub}/eeg/sub-{sub}_task-sleep{tail}_events.tsv", text)

    def stages(self, path: Path, **options: object) -> list[int]:
        given = StageOptions.model_validate(options)
        return read_hypnogram(path, given, sidecars=find_sidecars(path, self.root)).stages.tolist()

    def index(self, **dataset: object) -> Found:
        record = DatasetRecord(name="d", root=str(self.root), kind="local", source="x")
        options = DatasetOptions.model_validate({"source": "x", **dataset})
        return index_datasets([record], {"d": options}, IndexOptions())


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "data")


def rows(column: str, *cells: str, step: float = 30, start: float = 0, duration: float = 30) -> str:
    return f"onset|duration|{column}\n" + "".join(
        f"{start + i * step:g}|{duration:g}|{cell}\n" for i, cell in enumerate(cells)
    )


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ({"1": "W", "2": "R", "3": "N1"}, [W, R, N1]),  # EESM, Surrey
        ({"1": "N1", "2": "N2", "3": "N3"}, [N1, N2, N3]),  # BOAS
        ({"1": "R", "2": "N1", "3": "N2"}, [R, N1, N2]),  # UCDDB
        ({"1": "N3", "2": "N2", "3": "N1"}, [N3, N2, N1]),  # Prerau
    ],
)
def test_01_an_integer_means_what_a_map_or_levels_say_and_is_never_guessed(tree: Tree, codes, expected) -> None:
    path = tree.events(rows("stage", "1", "2", "3"))
    with pytest.raises(NightExcluded, match="integer codes 1, 2, 3 and no sidecar"):
        tree.stages(path)
    assert tree.stages(path, codes=codes) == expected
    tree.file("task-sleep_events.json", json.dumps({"stage": {"Levels": codes}}))
    assert tree.stages(path) == expected


@pytest.mark.parametrize(
    "column", ["trial_type", "stage_hum", "stage", "staging", "scoring", "30-sec_epoch_sleep_stage"]
)
def test_02_the_column_of_stages(tree: Tree, column: str) -> None:
    assert tree.stages(tree.events(rows(column, "W", "N2", "R"))) == [W, N2, R]


def test_02_stages_in_sourcedata(tree: Tree) -> None:
    tree.file("sub-01/eeg/sub-01_task-sleep_eeg.edf", "/annex/objects/x")
    tree.file("sourcedata/sub-01-stages.tsv", "night|epoch_start_time_sec|stage\na|0|W\nb|0|N2\nb|30|R\n")
    stages = {"file": "sourcedata/sub-{sub}-stages.tsv", "rows": {"night": "b"}}
    (row,) = tree.index(stages=stages).nights
    assert (row.stages, row.signal != "", row.has_eeg) == ("sourcedata/sub-01-stages.tsv", True, False)
    path = tree.root / row.stages
    assert read_hypnogram(path, StageOptions.model_validate(stages)).stages.tolist() == [N2, R]


def recording(tree: Tree, name: str, *marks: EdfAnnotation, seconds: int = 120) -> Path:
    rng = np.random.default_rng(0)
    path = tree.file(f"sub-01/eeg/{name}", b"")
    signal = EdfSignal(rng.normal(0, 20, 100 * seconds), 100, label="C3", physical_dimension="uV")
    Edf([signal], annotations=marks).write(path)
    return path


def test_02_stages_inside_the_recording(tree: Tree) -> None:
    from mne.io import read_raw
    from scipy.io import savemat

    marks = [EdfAnnotation(30 * i, 30, f"Sleep stage {s}") for i, s in enumerate("W?2R")]
    path = recording(tree, "sub-01_task-sleep_eeg.edf", *marks)
    found = annotations(path)
    assert found is not None
    assert from_tables([found], StageOptions(), {}).stages.tolist() == [W, X, N2, R]
    labels = np.array(["W", "N2", "R", "N3"], dtype=object)
    event = np.array(
        [(label, 1.0 + 3000 * i, 3000.0) for i, label in enumerate(labels)],
        dtype=[("type", object), ("latency", float), ("duration", float)],
    )
    data = {
        "setname": "x", "nbchan": 1.0, "trials": 1.0, "pnts": 12000.0, "srate": 100.0, "xmin": 0.0, "xmax": 119.99,
        "data": read_raw(path, preload=True, verbose="error").get_data(), "event": event, "epoch": [], "icawinv": [],
        "chanlocs": np.array([("C3",)], dtype=[("labels", object)]),
    }  # fmt: skip
    where = path.with_suffix(".set")
    savemat(where, {"EEG": data})
    found = annotations(where)
    assert found is not None
    assert from_tables([found], StageOptions(), {}).stages.tolist() == [W, N2, R, N3]


def test_03_numbers_that_differ_between_files_give_way_to_labels(tree: Tree) -> None:
    for sub, wake in (("01", "5"), ("02", "4")):
        text = f"onset|duration|trial_type|value\n0|30|Wake|{wake}\n30|30|N2|1\n60|10|resp_hypopnea|7\n60|30|REM|2\n"
        assert tree.stages(tree.events(text, sub)) == [W, N2, R]


def test_04_run_lengths_rows_of_no_duration_and_epochs_of_4_s(tree: Tree) -> None:
    assert tree.stages(tree.events("onset|duration|stage\n0|90|W\n90|60|N2\n")) == [W, W, W, N2, N2]
    assert tree.stages(tree.events(rows("stage", "W", "N1", "R", duration=0))) == [W, N1, R]
    cells = ["W"] * 8 + ["N2"] * 7
    assert tree.stages(tree.events(rows("stage", *cells, step=4, duration=4))) == [W, N2]


@pytest.mark.parametrize("start", [7925.0, 691.916])
def test_05_a_late_start_off_the_grid_is_kept(tree: Tree, start: float) -> None:
    found = read_hypnogram(tree.events(rows("stage", "W", "N1", "R", start=start)), StageOptions())
    assert (found.onset_s, found.stages.tolist()) == (start, [W, N1, R])
    assert tree.index().nights[0].offset_s == start


def test_06_other_events_are_no_stages_and_no_stage_is_ever_wake(tree: Tree) -> None:
    text = rows("trial_type", "Wake", "Sleep stage 3", "Sleep stage 4", "Movement", "Unscored", "W (uncertain)", "REM")
    text += "12|0|Lights Off\n65|14|arousal_rera\n70|20|resp_centralapnea\n80|1|Stimulus/S 1\n"
    found = read_hypnogram(tree.events(text), StageOptions())
    assert found.stages.tolist() == [W, N3, N3, X, X, X, R]
    assert found.lights_off_s == 12.0
    assert found.ahi == pytest.approx(1 / (3 * 30 / 3600))
    assert len(read_events(tree.root / "sub-01/eeg/sub-01_task-sleep_events.tsv").rows) == 11  # nothing is dropped
    assert tree.stages(tree.events(rows("stage", "W", "8", "-2", "?", "", "N2"))) == [W, X, X, X, X, N2]


def test_07_the_scoring_has_another_acquisition_and_another_letter_case(tree: Tree) -> None:
    tree.file("task-sleep_acq-psgScoring_events.json", '{"staging": {"Levels": {"1": "Wake", "2": "REM"}}}')
    tree.file("sub-01/eeg/sub-01_task-sleep_acq-PSG_eeg.edf", "/annex/objects/x")
    tree.events("onset|duration|trial_type\n3|0|Lights Off\n", tail="_acq-PSG")
    path = tree.events(rows("staging", "1", "2"), tail="_acq-PSGScoring")
    (row,) = tree.index().nights
    assert row.stages == path.relative_to(tree.root).as_posix()
    assert tree.stages(path) == [W, R]
    assert read_hypnogram(path, StageOptions(), sidecars=find_sidecars(path, tree.root)).lights_off_s == 3.0


def test_08_marks_blanks_and_encodings(tree: Tree) -> None:
    text = "onset \tduration\t Sleep Stage\r\n0\t30\tW\r\n30\t30\t\r\n60\t30\tR"
    for codec in ("utf-8-sig", "utf-16", "latin-1"):
        assert tree.stages(tree.file("sub-01/eeg/sub-01_task-sleep_events.tsv", text.encode(codec))) == [W, X, R]


@pytest.mark.parametrize("content", ["", "/annex/objects/MD5E-s1.edf", "version https://git-lfs.github.com/spec/v1\n"])
def test_09_absent_content_leaves_a_hypnogram_night(tree: Tree, content: str) -> None:
    tree.events(rows("stage", "W", "N2"))
    tree.file("sub-01/eeg/sub-01_task-sleep_eeg.edf", content)
    (row,) = tree.index().nights
    assert (row.has_eeg, row.has_stages) == (False, True)
    with pytest.raises(NightExcluded, match=r"pointer|empty"):
        open_recording(tree.root / row.signal)


def test_10_eeg_without_events_and_events_without_eeg_are_nights(tree: Tree) -> None:
    recording(tree, "sub-01_task-sleep_eeg.edf")
    tree.events(rows("stage", "W", "N2"), "02")
    assert [(row.has_eeg, row.has_stages) for row in tree.index().nights] == [(True, False), (False, True)]


def test_11_wrong_metadata_cost_no_night(tree: Tree) -> None:
    path = recording(tree, "sub-01_task-sleep_eeg.edf")
    tree.file("sub-01/eeg/sub-01_task-sleep_channels.tsv", "name|type|units\nC3|EEG|n/a\nresp|EEG|n/a\nC4:A1|EEG|uV\n")
    tree.file("sub-01/eeg/sub-01_task-sleep_eeg.json", '{"RecordingDuration": 3636, "SamplingFrequency": 999}')
    found = open_recording(path)
    assert (found.duration_s, found.sfreq, found.roles) == (120.0, {"C3": 100.0}, {"C3": "eeg"})
    assert (role("EOG1:A2", "EEG"), role("C4:A1", "EEG"), role("Resp oro-nasal", "EEG")) == ("eog", "eeg", "resp")


def test_12_a_participant_may_be_a_night(tree: Tree) -> None:
    tree.file("participants.tsv", "participant_id|pid\nsub-01|7\nsub-02|7\nsub-03|8\n")
    for sub in ("01", "02", "03"):
        tree.events(rows("stage", "W", "N2"), sub)
    found = tree.index(person_column="pid")
    assert [(row.person, row.night_index) for row in found.nights] == [("d-7", 1), ("d-7", 2), ("d-8", 1)]
    assert len({row.fold for row in found.nights if row.person == "d-7"}) == 1
    with pytest.raises(DatasetError, match="did you mean 'pid'"):
        tree.index(person_column="pidd")


def test_13_conditions_in_columns_of_participants(tree: Tree) -> None:
    tree.file("participants.tsv", "participant_id|placebo_night|drug_night\nsub-01|2|1\n")
    for ses in ("night1", "night2"):
        tree.file(f"sub-01/ses-{ses}/eeg/sub-01_ses-{ses}_task-sleep_events.tsv", rows("stage", "W", "N2"))
    found = tree.index(conditions={"placebo_night": "placebo", "drug_night": "temazepam"})
    assert {row.night: row.condition for row in found.nights} == {
        "d-01-night1": "temazepam", "d-01-night2": "placebo"
    }  # fmt: skip


def test_14_a_day_holds_one_night_and_a_nap_is_not_it(tree: Tree) -> None:
    cells = ["W"] * 200 + ["N2"] * 60 + ["W"] * 800 + ["N2", "N3", "R"] * 280 + ["W"] * 900
    night = trim(read_hypnogram(tree.events(rows("stage", *cells)), StageOptions()), 30)
    assert night.onset_s == 30 * (1060 - 60)
    assert night.stages.size == 60 + 840 + 60


def test_15_an_unknown_unit_and_a_made_up_date(tree: Tree) -> None:
    rng = np.random.default_rng(0)
    path = tree.file("sub-01/eeg/sub-01_task-sleep_eeg.edf", b"")
    signal = EdfSignal(rng.normal(0, 2e-9, 12000), 100, label="C3-A2", physical_range=(-1e-8, 1e-8))
    Edf([signal]).write(path)
    found = open_recording(path)
    assert found.units_source == "arbitrary"
    assert not any("19" in str(value) or "20" in str(value) for value in (found.reference, found.roles))
