"""index: which files make a night, who a person is, and what is refused with which reason."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from braintwin.contracts.tables import DatasetRecord, NightRow, PersonRow
from braintwin.errors import BrainTwinError, DatasetError
from braintwin.io.participants import age_band, natural, sex
from braintwin.io.records import read_nights, read_people, read_table, write_json
from braintwin.options.dataset import DatasetOptions
from braintwin.options.index import IndexOptions
from braintwin.steps import index

SCORED = "onset\tduration\tstage\n0\t30\tW\n30\t30\tN2\n60\t30\tR\n"
EDF = b"0       X X X X                                                                         " + b" " * 2000


class Study:
    """A dataset that is written file by file, and its index."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "raw"
        self.root.mkdir()

    def file(self, path: str, content: str | bytes = SCORED) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
        return target

    def participants(self, *lines: str) -> None:
        self.file("participants.tsv", "\n".join(lines).replace("|", "\t"))

    def night(
        self, sub: str, ses: str = "", *, eeg: bool = False, events: str | None = SCORED, task: str = "sleep"
    ) -> None:
        folder = f"sub-{sub}/" + (f"ses-{ses}/" if ses else "") + "eeg/"
        name = f"sub-{sub}_" + (f"ses-{ses}_" if ses else "") + f"task-{task}"
        if eeg:
            self.file(f"{folder}{name}_eeg.edf", EDF)
        if events is not None:
            self.file(f"{folder}{name}_events.tsv", events)

    def index(self, name: str = "d", batch_size: int = 8, folds: int = 5, **dataset: object) -> None:
        record = self.folder / f"{name}.json"
        write_json(record, DatasetRecord(name=name, root=str(self.root), kind="local", source="raw"))
        index.run(
            records=[record],
            datasets={name: DatasetOptions.model_validate({"source": "raw", **dataset})},
            nights=self.folder / "nights.tsv",
            people=self.folder / "people.tsv",
            refused=self.folder / "refused.tsv",
            options=IndexOptions(batch_size=batch_size, folds=folds),
        )

    @property
    def nights(self) -> dict[str, NightRow]:
        return {row.night: row for row in read_nights(self.folder / "nights.tsv")}

    @property
    def people(self) -> dict[str, PersonRow]:
        return {row.person: row for row in read_people(self.folder / "people.tsv")}

    @property
    def refused(self) -> dict[str, str]:
        return {row["night"]: row["reason"] for row in read_table(self.folder / "refused.tsv")}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


def test_a_night_with_eeg_and_stages(study: Study) -> None:
    study.night("01", "1", eeg=True, events="onset\tduration\tstage\n61.5\t30\tW\n91.5\t30\tN2\n")
    study.index()
    row = study.nights["d-01-1"]
    assert row == NightRow(
        night="d-01-1",
        person="d-01",
        dataset="d",
        bids_path="sub-01/ses-1/eeg",
        signal="sub-01/ses-1/eeg/sub-01_ses-1_task-sleep_eeg.edf",
        stages="sub-01/ses-1/eeg/sub-01_ses-1_task-sleep_events.tsv",
        has_eeg=True,
        has_stages=True,
        offset_s=61.5,
        fold=index.fold("d-01", 5),
    )


def test_eeg_without_events_and_events_without_eeg_are_nights(study: Study) -> None:
    study.night("01", eeg=True, events=None)
    study.night("02", eeg=False)
    study.night("03", eeg=True, events="onset\tduration\ttrial_type\n4\t1\tStart\n")
    study.index()
    assert {n: (r.has_eeg, r.has_stages) for n, r in study.nights.items()} == {
        "d-01": (True, False),
        "d-02": (False, True),
        "d-03": (True, False),
    }
    assert study.refused == {}


@pytest.mark.parametrize(
    "content", [b"", b"/annex/objects/SHA256E-s48--2b40.edf", b"version https://git-lfs.github.com/spec/v1\n"]
)
def test_absent_content_is_no_eeg(study: Study, content: bytes) -> None:
    study.night("01")
    study.file("sub-01/eeg/sub-01_task-sleep_eeg.edf", content)
    study.index()
    assert not study.nights["d-01"].has_eeg


def test_a_broken_link_is_no_eeg_until_its_content_arrives(study: Study) -> None:
    study.night("01")
    (study.root / "sub-01/eeg/sub-01_task-sleep_eeg.edf").symlink_to("../../content.edf")
    study.index()
    assert not study.nights["d-01"].has_eeg
    study.file("content.edf", EDF)
    study.index()
    assert study.nights["d-01"].has_eeg


@pytest.mark.parametrize(
    ("files", "there"),
    [
        ({"eeg.vhdr": b"Brain Vision", "eeg.eeg": b"x" * 2000}, True),
        ({"eeg.vhdr": b"Brain Vision"}, False),
        ({"eeg.vhdr": b"Brain Vision", "eeg.eeg": b"/annex/objects/MD5E"}, False),
        ({"eeg.set": b"MATLAB" * 900}, True),
        ({"eeg.set": b"MATLAB" * 900, "eeg.fdt": b""}, False),
    ],
)
def test_a_recording_of_two_files_needs_both(study: Study, files: dict[str, bytes], there: bool) -> None:
    study.night("01")
    for name, content in files.items():
        study.file(f"sub-01/eeg/sub-01_task-sleep_{name}", content)
    study.index()
    assert study.nights["d-01"].has_eeg is there


def test_a_night_with_neither_is_refused_with_its_reason(study: Study) -> None:
    study.night("01")
    study.night("02", events=None)
    study.file("sub-02/eeg/sub-02_task-sleep_eeg.edf", b"/annex/objects/x.edf")
    study.file("sub-03/eeg/sub-03_task-sleep_eeg.mat", b"x" * 2000)
    study.participants("participant_id", "sub-01", "sub-04")
    study.index()
    assert list(study.nights) == ["d-01"]
    assert "broken link, a pointer or empty" in study.refused["d-02"]
    assert "recordings in .mat are not read" in study.refused["d-03"]
    assert "no recording or events table of task 'sleep'" in study.refused["d-04"]
    assert list(study.people) == ["d-01"]


def test_unknown_integer_codes_refuse_the_night_even_with_eeg(study: Study) -> None:
    study.night("01")
    study.night("02", eeg=True, events="onset\tduration\tstage\n0\t30\t0\n30\t30\t5\n")
    study.index()
    assert "integer codes 0, 5" in study.refused["d-02"]


def test_no_night_at_all_is_one_line(study: Study) -> None:
    study.participants("participant_id", "sub-01")
    with pytest.raises(DatasetError, match="dataset 'd': no recording or events table") as refusal:
        study.index()
    assert "\n" not in str(refusal.value)


def test_all_nights_refused_is_one_line_and_a_table(study: Study) -> None:
    for sub in ("01", "02"):
        study.night(sub, events="onset\tduration\tvalue\n0\t30\t0\n")
    with pytest.raises(DatasetError, match="no usable night: 2 refused, 2 of them because: neither EEG nor stages"):
        study.index()
    assert set(study.refused) == {"d-01", "d-02"}


def test_the_task_is_chosen_whatever_its_case(study: Study) -> None:
    study.night("01", task="Sleep")
    study.night("01", task="rest")
    study.index()
    assert study.nights["d-01"].stages == "sub-01/eeg/sub-01_task-Sleep_events.tsv"
    with pytest.raises(DatasetError, match=r"no file of task 'nap' \(tasks found: rest, sleep\)"):
        study.index(task="nap")


def test_the_scoring_has_an_acquisition_of_its_own(study: Study) -> None:
    stem = "sub-01/ses-1/eeg/sub-01_ses-1_task-sleep_acq-"
    study.file(stem + "PSG_eeg.edf", EDF)
    study.file(stem + "ear_eeg.edf", EDF)
    study.file(stem + "PSG_events.tsv", "onset\tduration\ttrial_type\n4\t0\tLights Off\n")
    study.file(stem + "PSGScoring_events.tsv", SCORED)
    study.file(stem + "earScoring_events.tsv", SCORED)
    study.index()
    row = study.nights["d-01-1"]
    assert (row.signal, row.stages) == (stem + "PSG_eeg.edf", stem + "PSGScoring_events.tsv")
    study.index(acquisition="EAR")
    row = study.nights["d-01-1"]
    assert (row.signal, row.stages) == (stem + "ear_eeg.edf", stem + "earScoring_events.tsv")
    study.index(stages={"acquisition": "earscoring"})
    assert study.nights["d-01-1"].stages == stem + "earScoring_events.tsv"
    with pytest.raises(DatasetError, match="acquisition names 'head', which no file has"):
        study.index(acquisition="head")


def test_a_human_scoring_in_another_table_wins_over_an_automatic_one(study: Study) -> None:
    study.file("sub-1/eeg/sub-1_task-sleep_acq-headband_eeg.edf", EDF)
    study.file("sub-1/eeg/sub-1_task-sleep_acq-headband_events.tsv", SCORED.replace("stage", "stage_ai"))
    study.file("sub-1/eeg/sub-1_task-sleep_acq-psg_events.tsv", SCORED.replace("stage", "stage_hum"))
    study.index()
    assert study.nights["d-1"].stages.endswith("acq-psg_events.tsv")


def test_levels_of_a_sidecar_at_the_root_in_another_case(study: Study) -> None:
    levels = {"staging": {"Levels": {"1": "Wake", "2": "REM", "4": "N2"}}}
    study.file("task-sleep_acq-psgScoring_events.json", json.dumps(levels))
    study.file(
        "sub-01/eeg/sub-01_task-sleep_acq-PSGScoring_events.tsv", "onset\tduration\tstaging\n0\t0\t1\n30\t0\t4\n"
    )
    study.index()
    assert study.nights["d-01"].has_stages


def test_people_are_not_participants(study: Study) -> None:
    study.participants("participant_id|age|sex|bmi|pid", "sub-1|27|F|19.8|89", "sub-2|27|F|n/a|89", "sub-10|61|M||7")
    for sub in ("1", "2", "10", "3"):
        study.night(sub)
    study.index(person_column="pid")
    assert {n: (r.person, r.night_index) for n, r in study.nights.items()} == {
        "d-1": ("d-89", 1),
        "d-2": ("d-89", 2),
        "d-10": ("d-7", 1),
    }
    assert "whose night" in study.refused["d-3"]
    assert study.people["d-89"].age_band == "25-29"
    assert study.people["d-89"].covariates == {"bmi": 19.8}
    assert study.nights["d-1"].fold == study.nights["d-2"].fold
    with pytest.raises(DatasetError, match=r"person_column names 'pld', which participants.tsv does not have .*'pid'"):
        study.index(person_column="pld")


def test_conditions_by_the_number_of_the_session(study: Study) -> None:
    study.participants("participant_id|placebo_night|temazepam_night", "sub-a|1|2", "sub-b|2|1", "sub-c||")
    for sub in "abc":
        study.night(sub, "night1")
        study.night(sub, "night2")
    conditions = {"placebo_night": "placebo", "temazepam_night": "temazepam"}
    study.index(conditions=conditions)
    assert {n: r.condition for n, r in study.nights.items()} == {
        "d-a-night1": "placebo",
        "d-a-night2": "temazepam",
        "d-b-night1": "temazepam",
        "d-b-night2": "placebo",
        "d-c-night1": "",
        "d-c-night2": "",
    }
    with pytest.raises(DatasetError, match="conditions names 'zolpidem_night'"):
        study.index(conditions={**conditions, "zolpidem_night": "zolpidem"})


def test_nights_count_in_the_order_of_sessions_also_past_a_refused_one(study: Study) -> None:
    study.night("01", "2", events="onset\tduration\tvalue\n0\t1\t1\n")
    study.night("01", "10")
    study.night("01", "1")
    study.index()
    assert {n: r.night_index for n, r in study.nights.items()} == {"d-01-1": 1, "d-01-10": 3}


def test_runs_are_nights_of_their_own(study: Study) -> None:
    study.file("sub-01/eeg/sub-01_task-sleep_run-01_events.tsv")
    study.file("sub-01/eeg/sub-01_task-sleep_run-02_events.tsv")
    study.index()
    assert [(r.night, r.night_index) for r in study.nights.values()] == [("d-01-01", 1), ("d-01-02", 2)]


def test_two_recordings_of_one_name_are_not_mixed_up(study: Study) -> None:
    study.night("01", task="sleep")
    study.file("sub-01/ses-1/eeg/sub-01_ses-1_task-sleep_events.tsv")
    study.file("sub-01/eeg/sub-01_task-sleep_run-1_events.tsv")
    study.index()
    assert set(study.nights) == {"d-01", "d-01-1"}
    assert "same participant, session and run" in study.refused["d-01-1"]


def test_labels_that_read_as_dates_are_rekeyed(study: Study) -> None:
    study.night("28102021302")
    study.index()
    (row,) = study.nights.values()
    assert "28102021" not in row.night + row.person


def test_people_can_be_chosen_and_limited(study: Study) -> None:
    study.participants("participant_id", "sub-c", "sub-a", "sub-b")
    for sub in "abc":
        study.night(sub)
    study.index(max_people=2)
    assert list(study.nights) == ["d-c", "d-a"]
    study.index(people=["sub-b", "a"])
    assert list(study.nights) == ["d-a", "d-b"]
    with pytest.raises(DatasetError, match="people names 'zz', who has no recording here"):
        study.index(people=["zz"])


def test_max_people_counts_people_not_participants(study: Study) -> None:
    study.participants("participant_id|pid", "sub-1|89", "sub-2|7", "sub-3|89")
    for sub in "123":
        study.night(sub)
    study.index(max_people=1, person_column="pid")
    assert list(study.nights) == ["d-1", "d-3"]


def test_diagnosis_from_the_config_or_a_column(study: Study) -> None:
    study.participants("participant_id|group|ahi|AGE|gender", "sub-a|OSA|31.5|44|Female", "sub-b|HC|n/a|n/a|2")
    study.night("a")
    study.night("b")
    study.index(diagnosis="column:group")
    assert study.people["d-a"].covariates == {"ahi": 31.5, "diagnosis": "osa"}
    assert study.people["d-b"].covariates == {"diagnosis": "healthy"}
    assert (study.people["d-a"].age_band, study.people["d-a"].sex) == ("40-44", "F")
    assert (study.people["d-b"].age_band, study.people["d-b"].sex) == ("", "")
    study.index(diagnosis="insomnia")
    assert study.people["d-b"].covariates == {"diagnosis": "insomnia"}
    study.participants("participant_id|diagnosis", "sub-a|Insomnia", "sub-b|n/a")
    study.index()
    assert [study.people[person].covariates for person in ("d-a", "d-b")] == [{"diagnosis": "insomnia"}, {}]


def test_ahi_is_derived_from_events_in_sleep_unless_the_dataset_gives_it(study: Study) -> None:
    rows = "onset\tduration\ttrial_type\n0\t600\tWake\n600\t3600\tN2\n4200\t3600\tREM\n"
    events = [(30, "hypopnea"), (700, "hypopnea"), (5000, "centralapnea"), (6000, "Hypopnea"), (6100, "arousal")]
    rows += "".join(f"{onset}\t12\tresp_{kind}\n" for onset, kind in events)
    study.participants("participant_id|ahi", "sub-a|n/a", "sub-b|31")
    study.night("a", events=rows)
    study.night("b", events=rows)
    study.night("c")
    study.index()
    assert {person: row.covariates for person, row in study.people.items()} == {
        "d-a": {"ahi": 1.5},
        "d-b": {"ahi": 31.0},
        "d-c": {},
    }


@pytest.mark.parametrize(
    ("age", "band"),
    [("33", "30-34"), ("35", "35-39"), ("89", "85-89"), ("93", "90+"), ("90+", "90+"), ("33.7", "30-34"),
     ("n/a", ""), ("adult", ""), ("300", "")],
)  # fmt: skip
def test_age_bands(age: str, band: str) -> None:
    assert age_band(age) == band


def test_sex_codes_are_never_guessed() -> None:
    assert [sex(text) for text in ("F", "female", "M", "Male", "1", "2", "")] == ["F", "F", "M", "M", "", "", ""]


def test_natural_order() -> None:
    assert sorted(["10", "2", "a", "1", "night10", "night9"], key=natural) == ["1", "2", "10", "a", "night9", "night10"]


def test_people_keep_their_batch_and_new_ones_open_batches_of_their_own(study: Study) -> None:
    for sub in ("b", "d", "f"):
        study.night(sub)
    study.index(batch_size=2)
    before = {person: row.batch for person, row in study.people.items()}
    assert before == {"d-b": "db001", "d-d": "db001", "d-f": "db002"}
    for sub in ("a", "c", "e"):
        study.night(sub)
    study.index(batch_size=2)
    after = {person: row.batch for person, row in study.people.items()}
    assert after == {**before, "d-a": "db003", "d-c": "db003", "d-e": "db004"}
    assert list(after) == [*before, "d-a", "d-c", "d-e"]
    study.index(batch_size=50)
    assert {person: row.batch for person, row in study.people.items()} == after


def test_folds_hold_people_together_and_are_even() -> None:
    folds = [index.fold(f"d-{i}", 5) for i in range(2000)]
    assert {f: folds.count(f) > 340 for f in range(5)} == dict.fromkeys(range(5), True)
    assert index.fold("d-7", 5) == index.fold("d-7", 5)


def test_an_unchanged_study_leaves_the_tables_alone(study: Study) -> None:
    study.night("01")
    study.index()
    tables = [study.folder / name for name in ("nights.tsv", "people.tsv", "refused.tsv")]
    before = [path.stat().st_mtime_ns for path in tables]
    study.index()
    assert [path.stat().st_mtime_ns for path in tables] == before
    study.night("02")
    study.index()
    assert [path.stat().st_mtime_ns == old for path, old in zip(tables, before)] == [False, False, True]
    assert sorted(p.name for p in study.folder.iterdir() if p.name.endswith(".new")) == []


def test_several_datasets_share_one_index(tmp_path: Path) -> None:
    records, datasets = [], {}
    for name in ("one", "two"):
        part = Study(tmp_path / name) if (tmp_path / name).mkdir() is None else None
        assert part is not None
        part.night("01")
        records.append(tmp_path / f"{name}.json")
        write_json(records[-1], DatasetRecord(name=name, root=str(part.root), kind="local", source="raw"))
        datasets[name] = DatasetOptions(source="raw")
    run(tmp_path, records, datasets)
    assert [row.night for row in read_nights(tmp_path / "nights.tsv")] == ["one-01", "two-01"]
    assert [row.batch for row in read_people(tmp_path / "people.tsv")] == ["oneb001", "twob001"]
    with pytest.raises(BrainTwinError, match=r"record two\.json is of a dataset that the config does not have"):
        run(tmp_path, records, {"one": datasets["one"]})


def run(folder: Path, records: Sequence[Path], datasets: dict[str, DatasetOptions]) -> None:
    index.run(
        records=records,
        datasets=datasets,
        nights=folder / "nights.tsv",
        people=folder / "people.tsv",
        refused=folder / "refused.tsv",
        options=IndexOptions(),
    )


def test_each_folder_is_listed_once_and_each_table_read_once(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(40):
        study.night(f"{i:02d}", "1", eeg=True)
        study.night(f"{i:02d}", "2")
    listed: list[str] = []
    read: list[str] = []
    scandir, read_bytes = os.scandir, Path.read_bytes

    def count_listing(folder: str) -> object:
        listed.append(folder)
        return scandir(folder)

    def count_reading(path: Path) -> bytes:
        read.append(str(path))
        return read_bytes(path)

    monkeypatch.setattr(os, "scandir", count_listing)
    monkeypatch.setattr(Path, "read_bytes", count_reading)
    study.index()
    assert len(study.nights) == 80
    assert len(listed) == len(set(listed)) == 1 + 40 + 80 + 80
    tables = [path for path in read if path.endswith("events.tsv")]
    assert len(tables) == len(set(tables)) == 80


def test_a_dataset_that_is_gone(study: Study, tmp_path: Path) -> None:
    record = tmp_path / "x.json"
    write_json(record, DatasetRecord(name="x", root=str(tmp_path / "gone"), kind="archive", source="a.tar.gz"))
    with pytest.raises(DatasetError, match="its folder is gone; run retrieve again"):
        run(tmp_path, [record], {"x": DatasetOptions(source="a.tar.gz")})
