"""Recordings that are not BIDS: converted, valid, without names, and with the same stages as before."""

import csv
import json
import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Mapping
from datetime import date, time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from braintwin.cli.main import run as command
from braintwin.contracts.stages import MISSING, STAGES
from braintwin.contracts.tables import DatasetRecord, NightRow
from braintwin.errors import BrainTwinError, ConfigError, DatasetError
from braintwin.io.convert import sleep_edf
from braintwin.io.convert.derivative import write_hypnogram
from braintwin.io.convert.run import Converted, convert
from braintwin.io.convert.study import clock_s
from braintwin.io.hypnogram import find_sidecars, read_hypnogram
from braintwin.io.records import read_nights, read_people, read_table, write_json
from braintwin.options.convert import ConvertOptions
from braintwin.options.dataset import DatasetOptions, StageOptions
from braintwin.options.hypnograms import HypnogramsOptions
from braintwin.options.index import IndexOptions
from braintwin.options.prepare import PrepareOptions
from braintwin.paths import StudyPaths
from braintwin.steps import hypnograms, index, prepare
from raw_recordings import NIGHT, RK, hypnogram, plain, polysomnogram
from retrieved import bring

CODES = {**{stage: i for i, stage in enumerate(STAGES)}, "?": MISSING, "M": MISSING}
TRUTH = np.array([CODES[stage] for stage in NIGHT])
PERSONAL = (b"Miller", b"RC-17", b"1956", b"PSG-1234", b"1989", b"24.04.89", b"24-APR")


def validated(root: Path) -> None:
    """Have the BIDS validator look at a dataset, and at its derivative by itself."""
    validator = Path(sys.executable).with_name("bids-validator-deno")
    for folder, modalities in ((root, ["EEG"]), (root / "derivatives" / "hypnograms", [])):
        done = subprocess.run([validator, "--json", "--ignoreWarnings", folder], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
        assert json.loads(done.stdout)["summary"]["modalities"] == modalities


def indexed(root: Path, folder: Path, **options: Any) -> dict[str, NightRow]:
    """Index a dataset and return its nights."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "d.json", DatasetRecord(name="d", root=str(root), kind="local", source="x"))
    index.run(
        records=[folder / "d.json"],
        datasets={"d": DatasetOptions.model_validate({"source": "x", **options})},
        nights=folder / "nights.tsv",
        people=folder / "people.tsv",
        refused=folder / "refused.tsv",
        options=IndexOptions(),
    )
    assert not read_table(folder / "refused.tsv")
    return {row.night: row for row in read_nights(folder / "nights.tsv")}


def stages_of(root: Path, name: str) -> np.ndarray:
    """Return the stages of a converted night as the pipeline reads them."""
    path = next(root.glob(f"sub-*/**/{name}_task-sleep_events.tsv"))
    return read_hypnogram(path, StageOptions(), sidecars=find_sidecars(path, root)).stages


def from_derivative(root: Path, name: str) -> np.ndarray:
    """Return the stages of the derivative, epoch by epoch."""
    return epochs_in(next((root / "derivatives" / "hypnograms").rglob(f"{name}_task-sleep_hypnogram.tsv")))


def epochs_in(path: Path) -> np.ndarray:
    rows = read_table(path)
    assert list(rows[0]) == ["onset", "duration", "stage"]
    assert all(a["stage"] != b["stage"] for a, b in pairwise(rows)), "equal neighbours are not merged"
    codes = [(MISSING if row["stage"] == "n/a" else STAGES.index(row["stage"]), float(row["duration"])) for row in rows]
    return np.concatenate([np.full(round(length / 30), code) for code, length in codes])


TABLES = {
    "SC-subjects.csv": "subject,night,age,sex (F=1),LightsOff\n0,1,33,1,23:15:00\n0,2,33,1,23:20:00\n",
    "ST-subjects.csv": "Subject - age - sex,,,Placebo night,,Temazepam night,\n"
    "Nr,Age,M1/F2,night nr,lights off,night nr,lights off\n2,35,2,2,23:20,1,23:14:30\n",
}


@pytest.fixture(scope="module")
def sleep_edfx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sleep-edfx")
    for name, text in TABLES.items():
        (folder / name).write_text(text)
    for part, stem, scorer in (
        ("sleep-cassette", "SC4001E", "C"),
        ("sleep-cassette", "SC4002E", "H"),
        ("sleep-telemetry", "ST7021J", "M"),
        ("sleep-telemetry", "ST7022J", "M"),
    ):
        (folder / part).mkdir(exist_ok=True)
        polysomnogram(folder / part / f"{stem}0-PSG.edf", len(NIGHT))
        hypnogram(folder / part / f"{stem}{scorer}-Hypnogram.edf")
    return folder


@pytest.fixture(scope="module")
def converted(sleep_edfx: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Converted]:
    root = tmp_path_factory.mktemp("converted") / "bids"
    return root, convert(sleep_edfx, root, ConvertOptions(reader="sleep-edf"))


def test_every_night_is_there_and_valid(converted: tuple[Path, Converted]) -> None:
    root, done = converted
    assert (done.nights, done.staged, done.refused) == (4, 4, ())
    assert done.conditions == {"placebo_night": "placebo", "temazepam_night": "temazepam"}
    validated(root)


def test_people_and_sessions(converted: tuple[Path, Converted]) -> None:
    root, _ = converted
    people = {row["participant_id"]: row for row in read_table(root / "participants.tsv")}
    assert people["sub-SC400"] == {
        "participant_id": "sub-SC400", "age": "33", "sex": "F", "study": "cassette",
        "placebo_night": "n/a", "temazepam_night": "n/a",
    }  # fmt: skip
    assert people["sub-ST702"] == {
        "participant_id": "sub-ST702", "age": "35", "sex": "F", "study": "telemetry",
        "placebo_night": "2", "temazepam_night": "1",
    }  # fmt: skip
    sessions = read_table(root / "sub-ST702" / "sub-ST702_sessions.tsv")
    assert sessions == [
        {"session_id": "ses-1", "condition": "temazepam"},
        {"session_id": "ses-2", "condition": "placebo"},
    ]


def test_no_name_and_no_date_stays(converted: tuple[Path, Converted]) -> None:
    root, _ = converted
    for path in sorted(root.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            assert not [word for word in PERSONAL if word in content], path.name
    scans = next(root.rglob("*_scans.tsv"))
    assert read_table(scans)[0]["acq_time"].startswith("1918-01-01T23:12:30")


def test_channels_say_what_the_header_says(converted: tuple[Path, Converted]) -> None:
    root, _ = converted
    rows = {row["name"]: row for row in read_table(next(root.rglob("*_channels.tsv")))}
    assert {name: row["type"] for name, row in rows.items()} == {
        "EEG Fpz-Cz": "EEG", "EEG Pz-Oz": "EEG", "EOG horizontal": "EOG", "Resp oro-nasal": "RESP",
        "EMG submental": "EMG", "Temp rectal": "TEMP", "Event marker": "TRIG",
    }  # fmt: skip
    assert (rows["EEG Fpz-Cz"]["sampling_frequency"], rows["Temp rectal"]["sampling_frequency"]) == ("100", "1")
    assert [rows[name]["reference"] for name in ("EEG Fpz-Cz", "EEG Pz-Oz", "Resp oro-nasal")] == ["Cz", "Oz", "n/a"]


def test_converted_nights_index_and_prepare_to_the_same_stages(
    converted: tuple[Path, Converted], tmp_path: Path
) -> None:
    root, done = converted
    nights = indexed(root, tmp_path / "index", conditions=done.conditions)
    assert {name: row.condition for name, row in nights.items()} == {
        "d-SC400-1": "", "d-SC400-2": "", "d-ST702-1": "temazepam", "d-ST702-2": "placebo",
    }  # fmt: skip
    assert {row.age_band for row in read_people(tmp_path / "index" / "people.tsv")} == {"30-34", "35-39"}
    by_session = indexed(root, tmp_path / "session", condition="column:condition")
    assert by_session["d-ST702-1"].condition == "temazepam"
    row = nights["d-ST702-1"]
    assert row.has_eeg and row.has_stages
    options = PrepareOptions(min_scored_min=10, trim_min=600)
    prepared, epochs = prepare.prepare_night(row, DatasetOptions(source="x"), root, options)
    assert prepared.stage.values.tolist() == TRUTH.tolist()
    assert prepared.attrs["lights_off"] == 120.0  # 23:14:30, and the recording begins at 23:12:30
    assert list(epochs.channel.values) == ["Fpz-Cz", "Pz-Oz"]


def test_the_derivative_holds_the_same_stages(converted: tuple[Path, Converted]) -> None:
    root, _ = converted
    for name in ("sub-SC400_ses-1", "sub-ST702_ses-2"):
        assert from_derivative(root, name).tolist() == TRUTH.tolist() == stages_of(root, name).tolist()
    description = json.loads((root / "derivatives" / "hypnograms" / "dataset_description.json").read_text())
    assert description["DatasetType"] == "derivative"


def test_the_workflow_writes_the_derivative_of_every_staged_night(
    converted: tuple[Path, Converted], tmp_path: Path
) -> None:
    """The same stages again, now from the prepared nights; a refused night is not in it."""
    root, done = converted
    study = StudyPaths(tmp_path / "study")
    nights = indexed(root, study.nights.parent, conditions=done.conditions)
    write_json(
        study.dataset_record("d"), DatasetRecord(name="d", root=str(root), kind="local", source="x", licence="CC0")
    )
    for row in nights.values():
        least = 1e4 if row.night == "d-SC400-2" else 10
        prepare.run(
            night=row.model_copy(update={"has_eeg": False}),
            dataset=DatasetOptions(source="x"),
            dataset_root=root,
            prepare=study.night(row.night, "prepare"),
            epochs=study.night(row.night, "epochs", ".zarr.zip"),
            options=PrepareOptions(min_scored_min=least, trim_min=600),
        )
    for _ in range(2):  # anew, over what an earlier run has left
        hypnograms.run(
            nights=study.nights,
            record=study.dataset_record("d"),
            description=study.hypnograms("d"),
            options=HypnogramsOptions(),
        )
    folder = study.hypnograms("d").parent
    assert sorted(path.name for path in folder.rglob("*_hypnogram.tsv")) == [
        f"sub-{name}_task-sleep_hypnogram.tsv" for name in ("SC400_ses-1", "ST702_ses-1", "ST702_ses-2")
    ]
    for path in folder.rglob("*_hypnogram.tsv"):
        assert epochs_in(path).tolist() == TRUTH.tolist()
    assert json.loads(study.hypnograms("d").read_text())["License"] == "CC0"
    validator = Path(sys.executable).with_name("bids-validator-deno")
    subprocess.run([validator, "--ignoreWarnings", folder], check=True, capture_output=True)


def test_automatic_stages_carry_their_confidence(tmp_path: Path) -> None:
    stages = np.array([0, 0, 2, -1], np.int8)
    path = tmp_path / "sub-1_task-sleep_hypnogram.tsv"
    sure = np.array([0.9, 0.5, 0.75, 0.4])
    write_hypnogram(path, stages, 60.0, 30.0, scored="staged by a program (yasa)", confidence=sure)
    rows = [tuple(row.values()) for row in read_table(path)]
    assert rows[:2] == [("60", "30", "W", "0.900"), ("90", "30", "W", "0.500")]
    assert rows[2:] == [("120", "30", "N2", "0.750"), ("150", "30", "n/a", "n/a")]


def test_a_hypnogram_that_begins_later_is_moved(tmp_path: Path) -> None:
    polysomnogram(tmp_path / "SC4001E0-PSG.edf", len(NIGHT))
    hypnogram(tmp_path / "SC4001EC-Hypnogram.edf", NIGHT[4:], start=time(23, 14, 30))
    convert(tmp_path, tmp_path / "bids", ConvertOptions(reader="sleep-edf"))
    path = next((tmp_path / "bids").rglob("*_events.tsv"))
    assert read_hypnogram(path, StageOptions()).onset_s == 120.0
    assert from_derivative(tmp_path / "bids", "sub-SC400_ses-1").tolist() == TRUTH[4:].tolist()


def test_what_cannot_be_converted_is_left_out_and_told(sleep_edfx: Path, tmp_path: Path) -> None:
    """Found = converted + left out, whatever is wrong with a pair."""
    folder = tmp_path / "raw"
    shutil.copytree(sleep_edfx, folder)
    psg = (folder / "sleep-cassette" / "SC4001E0-PSG.edf").read_bytes()
    score = (folder / "sleep-cassette" / "SC4001EC-Hypnogram.edf").read_bytes()
    broken = {
        "SC4011": (psg[:300], score, "no start"),
        "SC4021": (b"", score, "header tells no start"),
        "SC4031": (b"MZ\x90" * 200, score, "no start"),
        "SC4041": (psg, score[:700], "cut short (700 bytes"),
        "SC4051": (None, score, "without its PSG"),
        "SC4091": (psg[:-1], score, "cut short"),
        "ST7991": (psg, score, "placebo or temazepam"),
    }
    for stem, (signal, marks, _) in broken.items():
        if signal is not None:
            (folder / f"{stem}E0-PSG.edf").write_bytes(signal)
        (folder / f"{stem}EC-Hypnogram.edf").write_bytes(marks)
    (folder / "SC4061E0-PSG.edf").write_bytes(psg)
    for scorer in "CH":
        (folder / f"SC4061E{scorer}-Hypnogram.edf").write_bytes(score)
    (folder / "SC4071E0-PSG.edf").write_bytes(psg)
    hypnogram(folder / "SC4071EC-Hypnogram.edf", day=date(1989, 5, 24))
    (folder / "SC4081E0-PSG.edf").write_bytes(psg)  # nobody scored it
    done = convert(folder, tmp_path / "bids", ConvertOptions(reader="sleep-edf"))
    told = dict(done.refused)
    expected = {stem: reason for stem, (_, _, reason) in broken.items()}
    expected |= {"SC4061": "several files for one night", "SC4071": "30 days after its PSG"}
    assert done.nights == 5 and done.staged == 4
    assert len(told) == len(expected) == len(done.refused)
    for stem, reason in expected.items():
        why = told.get(stem) or told[f"sub-{stem[:5]}_ses-{stem[5]}"]
        assert reason in why and "\n" not in why
    assert not list((tmp_path / "bids").rglob("*SC401*"))
    validated(tmp_path / "bids")
    nights = indexed(tmp_path / "bids", tmp_path / "index", conditions=done.conditions)
    assert nights["d-SC408-1"].has_eeg and not nights["d-SC408-1"].has_stages


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Return a file that was cut, lengthened, emptied, or whose header was damaged."""
    damaged, kind = bytearray(content), rng.randrange(6)
    if kind == 0:
        return content[: rng.randrange(len(content))]
    if kind == 1:
        return content + bytes(rng.randrange(5000))
    if kind == 2:
        return b""
    if kind == 3:
        for _ in range(rng.randrange(1, 9)):
            damaged[rng.randrange(min(len(damaged), 2304))] = rng.randrange(256)
    if kind == 4:
        at = rng.choice((0, 8, 88, 168, 176, 184, 192, 236, 244, 252))
        damaged[at : at + 8] = rng.choice(
            (b"-1      ", b"99999999", b"        ", b"abcdefgh", b"1e9     ", b"\xff" * 8)
        )
    if kind == 5:
        at = 256 + rng.randrange(8 * 256)
        damaged[at : at + 8] = rng.choice((b"0       ", b"-5      ", b"xxxxxxxx", b"99999999", b"1e300   "))
    return bytes(damaged)


def test_damaged_pairs_are_converted_or_left_out_and_all_told(tmp_path: Path) -> None:
    """No traceback, nothing lost: nights found = converted + left out."""
    rng, raw = random.Random(11), tmp_path / "raw"
    raw.mkdir()
    polysomnogram(tmp_path / "psg.edf", 12)
    hypnogram(tmp_path / "hypnogram.edf", NIGHT[:12])
    signal, marks = ((tmp_path / name).read_bytes() for name in ("psg.edf", "hypnogram.edf"))
    for i in range(80):
        (raw / f"SC4{i:02d}1E0-PSG.edf").write_bytes(mutated(signal, rng) if i else signal)
        (raw / f"SC4{i:02d}1EC-Hypnogram.edf").write_bytes(mutated(marks, rng) if i else marks)
    done = convert(raw, tmp_path / "bids", ConvertOptions(reader="sleep-edf"))
    assert done.nights + len(done.refused) == 80
    assert 5 < done.nights < 70
    assert all(reason and "\n" not in reason for _, reason in done.refused)
    assert (
        len(list((tmp_path / "bids").rglob("*_eeg.edf")))
        == done.nights
        == len([p for p in (tmp_path / "bids").rglob("*_eeg.json")])
    )


def test_a_header_in_latin_1(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    plain(raw / "a.edf", epochs=4)
    content = bytearray((raw / "a.edf").read_bytes())
    content[8:24] = "X F X M\xfcller_A".ljust(16).encode("latin-1")
    unit = content.index(b"uV", 256)
    content[unit : unit + 2] = b"\xb5V"
    (raw / "a.edf").write_bytes(content)
    done = convert(raw, tmp_path / "bids", ConvertOptions(reader="edf-csv", signals="{sub}.edf"))
    assert (done.nights, done.refused) == (1, ())
    written = next((tmp_path / "bids").rglob("*_eeg.edf")).read_bytes()
    assert b"ller" not in written and written[int(written[184:192]) :] == content[int(content[184:192]) :]
    assert {row["units"] for row in read_table(next((tmp_path / "bids").rglob("*_channels.tsv")))} == {"µV"}


def test_nothing_is_left_of_a_conversion_that_fails(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    with pytest.raises(DatasetError, match=r"no file like SC4001E0-PSG\.edf"):
        convert(tmp_path / "raw", tmp_path / "bids", ConvertOptions(reader="sleep-edf"))
    (tmp_path / "raw" / "SC4011E0-PSG.edf").write_bytes(b"")
    with pytest.raises(DatasetError, match="no night of 1 could be converted; most often: convert: SC4011E0"):
        convert(tmp_path / "raw", tmp_path / "bids", ConvertOptions(reader="sleep-edf"))
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]
    (tmp_path / "bids").mkdir()
    with pytest.raises(DatasetError, match="exists already"):
        convert(tmp_path / "raw", tmp_path / "bids", ConvertOptions(reader="sleep-edf"))


def test_the_tables_that_mne_ships_serve_where_the_workbooks_cannot_be_read(tmp_path: Path) -> None:
    subjects = dict(sleep_edf._subjects(tmp_path, "ST7"))
    assert len(subjects) == 44
    assert sorted(s.condition for s in subjects.values()) == ["placebo"] * 22 + ["temazepam"] * 22
    assert (subjects["02", "1"].condition, subjects["02", "1"].age, subjects["02", "1"].sex) == ("temazepam", "35", "F")
    assert len(dict(sleep_edf._subjects(tmp_path, "SC4"))) == 153


def test_a_workbook(tmp_path: Path) -> None:
    pytest.importorskip("xlrd", reason="xlrd reads .xls; without it the tables that mne ships serve")
    rows = [["subject", "night", "age", "sex (F=1)", "LightsOff"], [7, 2, 25, 2, 0.9375]]
    (tmp_path / "SC-subjects.xls").write_bytes(_biff2(rows))
    assert dict(sleep_edf._subjects(tmp_path, "SC4")) == {("07", "2"): sleep_edf._Subject("25", "M", "0.9375")}


def _biff2(rows: list[list[Any]]) -> bytes:
    """Return a workbook in the oldest form of .xls: numbers and texts, no formats."""
    out = struct.pack("<HHHH", 0x0009, 4, 7, 0x10)
    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
            place = struct.pack("<HH3x", y, x)
            text = str(cell).encode()
            body = place + (bytes([len(text)]) + text if isinstance(cell, str) else struct.pack("<d", cell))
            out += struct.pack("<HH", 0x0004 if isinstance(cell, str) else 0x0003, len(body)) + body
    return out + struct.pack("<HH", 0x000A, 0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("23:15:00", 83700.0),
        ("0:38", 2280.0),
        ("0.9375", 81000.0),
        ("24:00", None),
        ("", None),
        ("n/a", None),
        ("1.5", None),
    ],
)
def test_clock(text: str, seconds: float | None) -> None:
    assert clock_s(text) == seconds


@pytest.mark.real
def test_the_real_tables_say_the_same_as_the_published_bids_tree(real_data: Path, tmp_path: Path) -> None:
    """Age, sex and treatment of mne's tables against participants.tsv of the BIDS tree of the same data.

    The workbook of the telemetry part codes M1/F2, that of the cassette part F=1; the tree has taken F=1 for both, so
    that its telemetry people have the other sex.
    """
    other = {"F": "M", "M": "F"}
    import tarfile

    with tarfile.open(real_data / "bids" / "nm000185.tar.gz") as tar:
        member = next(m for m in tar.getmembers() if m.name.endswith("/participants.tsv") and "/._" not in m.name)
        text = tar.extractfile(member).read().decode()  # type: ignore[union-attr]
    published = {row["participant_id"]: row for row in csv.DictReader(text.splitlines(), delimiter="\t")}
    compared = 0
    for part, stem in (("SC4", "sub-cassette"), ("ST7", "sub-telemetry")):
        for (number, night), subject in sleep_edf._subjects(tmp_path, part):
            row = published.get(f"{stem}{number}")
            if row is None:
                continue
            compared += 1
            assert (subject.age, subject.sex) == (row["age"], row["sex"] if part == "SC4" else other[row["sex"]])
            if subject.condition:
                assert int(row[f"{subject.condition}_night"]) == int(night)
    assert compared == 123


@pytest.mark.real
def test_the_real_hypnogram_of_sc4001(real_data: Path, tmp_path: Path) -> None:
    """A real hypnogram with a synthetic PSG of its length: the stages of the published BIDS tree come out."""
    import tarfile

    stem = "SC4001E"
    shutil.copy(real_data / "fixtures" / "mne_testing" / f"{stem}C-Hypnogram.edf", tmp_path)
    begun = (tmp_path / f"{stem}C-Hypnogram.edf").read_bytes()[168:184].decode()
    polysomnogram(tmp_path / f"{stem}0-PSG.edf", 79500 // 30, eeg_rate=4)
    psg = bytearray((tmp_path / f"{stem}0-PSG.edf").read_bytes())
    psg[168:184] = begun.encode()
    (tmp_path / f"{stem}0-PSG.edf").write_bytes(psg)
    convert(tmp_path, tmp_path / "bids", ConvertOptions(reader="sleep-edf"))
    inside = "sub-cassette00/ses-night1/eeg/sub-cassette00_ses-night1_task-sleep_events.tsv"
    with tarfile.open(real_data / "bids" / "nm000185.tar.gz") as tar:
        tar.extract(f"nm000185/{inside}", tmp_path)
    ours = stages_of(tmp_path / "bids", "sub-SC400_ses-1")
    theirs = read_hypnogram(tmp_path / "nm000185" / inside, StageOptions()).stages
    assert ours[: theirs.size].tolist() == theirs.tolist()
    assert (ours[theirs.size :] == MISSING).all()
    night = next((tmp_path / "bids").rglob("*_events.tsv"))
    assert read_hypnogram(night, StageOptions()).lights_off_s == 30300.0  # 00:38, and the PSG begins at 16:13


def write_csv(path: Path, lines: list[str], encoding: str = "utf-8") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("\n".join(lines).encode(encoding))


def epochs_of(stages: tuple[str, ...], words: Mapping[str, str]) -> list[str]:
    return [words[stage] for stage in stages]


SHORT = ("W",) * 10 + ("N1",) * 5 + ("?",) * 5 + ("N2",) * 20 + ("N3",) * 10 + ("R",) * 10
NUMBERS = {"W": "0", "N1": "1", "N2": "2", "N3": "3", "R": "5", "?": "9"}
MAP = {"0": "W", "1": "N1", "2": "N2", "3": "N3", "5": "R", "9": "?"}


def test_edf_and_csv_by_a_map(tmp_path: Path) -> None:
    """A night scored in codes, epoch by epoch, and one that nobody scored."""
    raw = tmp_path / "lab.data.eeg"  # a path that mne-bids would take for other formats
    plain(raw / "rec" / "P-01_1.edf", epochs=len(SHORT))
    plain(raw / "rec" / "P-01_2.edf", epochs=len(SHORT))
    write_csv(raw / "scores" / "P-01_1.csv", ["epoch,stage", *(f"{i},{NUMBERS[s]}" for i, s in enumerate(SHORT))])
    write_csv(raw / "who.csv", ["code;age;sex", "P-01;41;M"])
    options = ConvertOptions.model_validate(
        {
            "reader": "edf-csv",
            "signals": "rec/{sub}_{ses}.edf",
            "scores": "scores/{sub}_{ses}.csv",
            "scoring": {"codes": MAP},
            "channels": {"EOG1": "EOG", "CHIN": "EMG"},
            "people": "who.csv",
            "power_line_hz": 50,
            "title": "Lab nights",
            "licence": "restricted",
        }
    )
    root = tmp_path / "bids"
    done = convert(raw, root, options)
    assert (done.nights, done.staged, done.refused) == (2, 1, ())
    validated(root)
    assert stages_of(root, "sub-P01_ses-1").tolist() == [CODES[s] for s in SHORT]
    assert from_derivative(root, "sub-P01_ses-1").tolist() == [CODES[s] for s in SHORT]
    assert read_table(root / "participants.tsv") == [{"participant_id": "sub-P01", "age": "41", "sex": "M"}]
    assert json.loads((root / "dataset_description.json").read_text())["License"] == "restricted"
    nights = indexed(root, tmp_path / "index")
    assert {row.night: row.has_stages for row in nights.values()} == {"d-P01-1": True, "d-P01-2": False}
    options = PrepareOptions(min_scored_min=10, trim_min=600)
    prepared, _ = prepare.prepare_night(nights["d-P01-1"], DatasetOptions(source="x"), root, options)
    assert prepared.stage.values.tolist() == [CODES[s] for s in SHORT]


def test_onsets_by_the_clock_over_midnight(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    plain(raw / "p1.edf", epochs=120)  # 23:12:30 to 00:12:30
    rows = [("23:20:00", "1800", "Wach"), ("23:50:00", "900", "Stadium 2"), ("00:05:00", "300", "REM")]
    write_csv(raw / "p1.txt", ["Beginn\tDauer\tStadium", *("\t".join(row) for row in rows)], "utf-16")
    scoring = {"stage": "Stadium", "onset": "beginn", "duration": "Dauer", "onset_is": "clock"}
    options = {"reader": "edf-csv", "signals": "p{sub}.edf", "scores": "p{sub}.txt", "scoring": scoring}
    convert(raw, tmp_path / "bids", ConvertOptions.model_validate(options))
    path = next((tmp_path / "bids").rglob("*_events.tsv"))
    found = read_hypnogram(path, StageOptions())
    assert found.onset_s == 450.0
    assert found.stages.tolist() == [0] * 60 + [2] * 30 + [4] * 10


@pytest.mark.parametrize(
    ("lines", "scoring", "reason"),
    [
        (["stage", "0", "7"], {"codes": {"0": "W"}}, r"holds '7', not in convert\.scoring\.codes"),
        (["stage", "W", "bananas"], {}, "holds 'bananas'"),
        (["epoch,value", "1,W"], {}, r"no column 'stage' \(found epoch, value\)"),
        (["stage"], {}, "holds no row"),
        (["stage,t", "W,soon"], {"onset": "t"}, "onsets that are no seconds, e.g. 'soon'"),
        (["stage,t", "W,12"], {"onset": "t", "onset_is": "clock"}, "no times of day"),
        (["stage,d", "W,long"], {"duration": "d"}, "a duration that is no number"),
    ],
)
def test_a_table_that_the_map_does_not_explain_costs_its_night(
    tmp_path: Path, lines: list[str], scoring: dict[str, Any], reason: str
) -> None:
    import re

    plain(tmp_path / "raw" / "a.edf", epochs=4)
    plain(tmp_path / "raw" / "b.edf", epochs=4)
    write_csv(tmp_path / "raw" / "a.csv", lines)
    write_csv(tmp_path / "raw" / "c.csv", ["stage", "W"])
    options = {"reader": "edf-csv", "signals": "{sub}.edf", "scores": "{sub}.csv", "scoring": scoring}
    done = convert(tmp_path / "raw", tmp_path / "bids", ConvertOptions.model_validate(options))
    told = dict(done.refused)
    assert done.nights == 1 and set(told) == {"a.edf", "c.csv"}
    assert re.search(reason, told["a.edf"])


@pytest.mark.parametrize(
    ("options", "error", "reason"),
    [
        ({"signals": "x.edf"}, ConfigError, r"needs convert\.signals with \{sub\}"),
        ({"signals": "{sub}.bdf"}, DatasetError, r"nothing in the folder is like '\{sub\}\.bdf'"),
        ({"signals": "{sub}*.edf"}, DatasetError, "one participant, session and run"),
        ({"signals": "{sub}.edf", "people": "who.csv"}, ConfigError, "no table 'who.csv'"),
        ({"signals": "{sub}.edf", "channels": {"C3-A2": "BRAIN"}}, ConfigError, "type 'BRAIN'; expected one of EEG"),
        ({"signals": "{sub}.edf", "channels": {"C3-A2": "MISC"}}, DatasetError, "has no EEG channel"),
    ],
)
def test_a_map_that_says_too_little(
    tmp_path: Path, options: dict[str, Any], error: type[BrainTwinError], reason: str
) -> None:
    plain(tmp_path / "raw" / "a1.edf", epochs=2)
    plain(tmp_path / "raw" / "a2.edf", epochs=2)
    with pytest.raises(error, match=reason):
        convert(tmp_path / "raw", tmp_path / "bids", ConvertOptions.model_validate({"reader": "edf-csv", **options}))
    assert not (tmp_path / "bids").exists()


def test_the_command_numbers_people_and_keeps_the_key_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("MillerAnn", "SmithBob"):
        plain(tmp_path / "raw" / f"{name}.edf", epochs=2)
    (tmp_path / "map.yaml").write_text("reader: edf-csv\nsignals: '{sub}.edf'\nlabels: number\n")
    arguments = ["convert", "raw", "bids", "--map", "map.yaml"]
    assert command(arguments) == 2
    assert "needs --key FILE" in capsys.readouterr().err
    assert command([*arguments, "--key", "bids/key.tsv"]) == 2
    assert command([*arguments, "--key", "key.tsv"]) == 0
    told = capsys.readouterr().out
    assert "bids: 2 night(s), 0 of them staged, 0 left out" in told
    assert 'source: "bids"' in told
    assert [row["label"] for row in read_table(tmp_path / "key.tsv")] == ["MillerAnn", "SmithBob"]
    assert sorted(path.name for path in (tmp_path / "bids").glob("sub-*")) == ["sub-01", "sub-02"]
    for path in (tmp_path / "bids").rglob("*"):
        assert "Miller" not in path.name and (path.is_dir() or b"Miller" not in path.read_bytes())
    assert command(["convert", "raw", "again", "--reader", "edfcsv"]) == 2
    assert "reader: Input should be 'sleep-edf' or 'edf-csv'" in capsys.readouterr().err


def test_a_source_that_is_not_bids_is_converted_once(
    sleep_edfx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatasetError, match=r"it holds EDF files: datasets\.d\.convert can make it BIDS"):
        bring(tmp_path, source=str(sleep_edfx))
    record = bring(tmp_path, source=str(sleep_edfx), convert={"reader": "sleep-edf"})
    assert (record.title, record.licence) == ("Sleep-EDF Database Expanded", "ODC-By-1.0")
    assert "10.1109/10.867928" in record.citation
    before = Path(record.root).stat().st_mtime_ns
    assert bring(tmp_path, source=str(sleep_edfx), convert={"reader": "sleep-edf"}) == record
    assert Path(record.root).stat().st_mtime_ns == before
    assert stages_of(tmp_path / record.root, "sub-SC400_ses-1").tolist() == TRUTH.tolist()
    assert set(RK) == set(CODES)
