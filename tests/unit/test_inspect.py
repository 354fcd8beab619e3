"""braintwin inspect: what it says of a dataset, and that its lines, pasted, make the dataset run."""

import io
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from edfio import Edf, EdfSignal

from braintwin.cli.inspect import inspect, run
from braintwin.config import parse_config
from braintwin.contracts.tables import DatasetRecord
from braintwin.errors import BrainTwinError, ConfigError
from braintwin.options.dataset import DatasetOptions
from braintwin.options.index import IndexOptions
from braintwin.steps.index import index_datasets


def tiny_edf() -> bytes:
    """Return an EDF file of 20 s with two EEG channels and an EOG."""
    rng = np.random.default_rng(1)
    names = ("EEG C3-A2", "EEG C4-A1", "EOG horizontal")
    signals = [EdfSignal(rng.normal(0, 20, 2000), 100, label=name, physical_dimension="uV") for name in names]
    return Edf(signals).to_bytes()


EDF = tiny_edf()


class Tree:
    """A dataset written file by file."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.file("dataset_description.json", '{"Name": "lab", "BIDSVersion": "1.9.0"}')

    def file(self, path: str, content: str | bytes) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.replace("|", "\t").encode())

    def night(self, stem: str, rows: str, *, acq: str = "", task: str = "sleep", eeg: bool = False) -> None:
        sub, *ses = stem.split("_")
        folder = "/".join([sub, *ses, "eeg"])
        name = f"{stem}_task-{task}" + (f"_acq-{acq}" if acq else "")
        self.file(f"{folder}/{name}_events.tsv", rows)
        if eeg:
            self.file(f"{folder}/{name}_eeg.edf", EDF)


def rows(column: str, cells: list[str]) -> str:
    return f"onset|duration|{column}\n" + "".join(f"{30 * i}|30|{cell}\n" for i, cell in enumerate(cells))


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "lab")


def pasted(text: str) -> DatasetOptions:
    """Return the dataset of the config lines on a page of inspect."""
    lines = text[text.index("\ndatasets:") :].split("\n\n")[0]
    (dataset,) = parse_config(yaml.safe_load(lines)).datasets.values()
    return dataset


def indexed(root: Path, dataset: DatasetOptions):
    record = DatasetRecord(name="lab", root=str(root), kind="local", source="lab")
    return index_datasets([record], {"lab": dataset}, IndexOptions())


LABELS = ["W", "N1", "N2", "N3", "R"] * 6
CODES = ["0", "1", "2", "3", "5"] * 6


def test_a_plain_dataset_has_nothing_ambiguous(tree: Tree) -> None:
    tree.night("sub-01", rows("stage", LABELS), eeg=True)
    page = run(tree.root, None, None, False)
    assert "Nothing is ambiguous" in page
    assert "each participant, task sleep" in page
    assert "column stage of events.tsv (1)" in page
    assert "N1 = N1, N2 = N2, N3 = N3, R = R, W = W" in page
    assert "1 recording(s) here" in page
    assert "eeg: EEG C3-A2, EEG C4-A1; eog: EOG horizontal" in page
    assert len(indexed(tree.root, pasted(page)).nights) == 1


def test_everything_ambiguous_is_settled_by_the_pasted_lines(tree: Tree) -> None:
    """Task, person, acquisition, column, codes and conditions at once."""
    text = (
        rows("stage_hum", CODES).replace("stage_hum", "stage_hum|stage_ai").replace("\n", "|0\n").replace("ai|0", "ai")
    )
    for sub in ("01", "02", "03"):
        for ses in ("1", "2"):
            tree.night(f"sub-{sub}_ses-{ses}", text, acq="psg", task="overnight", eeg=True)
            tree.night(f"sub-{sub}_ses-{ses}", rows("trial_type", ["Start"]), acq="band", task="overnight", eeg=True)
            tree.night(f"sub-{sub}_ses-{ses}", rows("trial_type", ["Start"]), task="oddball", eeg=True)
    tree.file(
        "participants.tsv",
        "participant_id|pid|drug_night|placebo_night\nsub-01|7|1|2\nsub-02|7|2|1\nsub-03|8|1|2\n",
    )
    tree.file("README", "Stages are coded as follows:\n- 0: Wake\n- 1: NREM 1 (N1)\n- 2: N2\n- 3: N3\n- 5: REM sleep\n")
    page = run(tree.root, None, None, False)
    for topic in (
        "night: no file has task 'sleep'",
        "person: column pid",
        "condition: participants.tsv",
        "signal: nights",
    ):
        assert topic in page
    assert "column stage_hum holds integer codes 0 (36 rows)" in page
    dataset = pasted(page)
    assert (dataset.task, dataset.person_column, dataset.acquisition) == ("overnight", "pid", "psg")
    assert dataset.conditions == {"drug_night": "drug", "placebo_night": "placebo"}
    assert dataset.stages.codes == {"0": "W", "1": "N1", "2": "N2", "3": "N3", "5": "R"}
    found = indexed(tree.root, dataset)
    assert (len(found.nights), len(found.people), found.refused) == (6, 2, [])
    assert {row.condition for row in found.nights} == {"drug", "placebo"}
    again = inspect(tree.root, dataset, "lab")
    assert [finding["ambiguous"] for finding in again["findings"] if finding["ambiguous"]] == []


def test_codes_that_nothing_explains_are_left_to_a_human(tree: Tree) -> None:
    tree.night("sub-01", rows("stage", CODES))
    page = run(tree.root, None, None, False)
    assert '"3": "???"' in page
    assert "integer codes are never guessed" in page
    with pytest.raises(ConfigError, match=r"stages\.codes\.0.*'W', 'N1'"):
        pasted(page)
    dataset = pasted(page.replace('"0": "???"', '"0": "W"').replace("???", "N2"))
    assert len(indexed(tree.root, dataset).nights) == 1


def test_a_readme_that_tells_codes_never_reaches_the_index_unasked(tree: Tree) -> None:
    tree.night("sub-01", rows("stage", CODES))
    tree.file("README.md", "0 = Wake\n1 = N1\n2 = N2\n3 = N3\n5 = REM\n")
    assert inspect(tree.root, DatasetOptions(source="x"), "lab")["now"]["used"] == 0


def test_a_column_of_another_name(tree: Tree) -> None:
    tree.night("sub-01", rows("Schlaf", LABELS))
    dataset = pasted(run(tree.root, None, None, False))
    assert dataset.stages.column == "Schlaf"
    assert len(indexed(tree.root, dataset).nights) == 1


def test_a_scoring_outside_the_eeg_folders_with_several_recordings_a_table(tree: Tree) -> None:
    for sub in ("01", "02"):
        table = "session|epoch_start_time_sec|30-sec_epoch_sleep_stage\n"
        for session, n in (("task-rest", 10), ("task-sleep", 30)):
            table += "".join(f"{session}|{30 * i}|{LABELS[i]}\n" for i in range(n))
        tree.file(f"sourcedata/sub-{sub}-sleep-stage.tsv", table)
        tree.file(f"sub-{sub}/func/sub-{sub}_task-sleep_bold.json", "{}")
    dataset = pasted(run(tree.root, None, None, False))
    assert dataset.stages.file == "sourcedata/sub-{sub}-sleep-stage.tsv"
    assert dataset.stages.rows == {"session": "task-sleep"}
    assert sorted(row.night for row in indexed(tree.root, dataset).nights) == ["lab-01", "lab-02"]


@pytest.mark.parametrize(("labels", "expected"), [(("placebo", "drug"), "session"), (("1", "2"), "column:treatment")])
def test_conditions_by_session(tree: Tree, labels: tuple[str, str], expected: str) -> None:
    for ses in labels:
        tree.night(f"sub-01_ses-{ses}", rows("stage", LABELS))
    if expected != "session":
        tree.file("sub-01/sub-01_sessions.tsv", "session_id|treatment\nses-1|placebo\nses-2|drug\n")
    dataset = pasted(run(tree.root, None, None, False))
    assert dataset.condition == expected
    assert {row.condition for row in indexed(tree.root, dataset).nights} == {"placebo", "drug"}


def test_json_says_the_same(tree: Tree) -> None:
    tree.night("sub-01", rows("stage", CODES))
    told = json.loads(run(tree.root, None, "mine", True))
    assert told["to_fill_in"] == [f"stages.codes.{code}" for code in ("0", "1", "2", "3", "5")]
    assert told["datasets"]["mine"]["stages"]["column"] == "stage"
    assert {finding["topic"] for finding in told["findings"]} >= {"night", "person", "condition", "stages", "signal"}
    assert told["then"] is None


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_an_archive_is_looked_into(tree: Tree, tmp_path: Path, kind: str) -> None:
    tree.night("sub-01", rows("stage", LABELS), eeg=True)
    archive = tmp_path / f"lab.{kind}"
    files = [path for path in tree.root.rglob("*") if path.is_file()]
    if kind == "zip":
        with zipfile.ZipFile(archive, "w") as out:
            for path in files:
                out.write(path, path.relative_to(tmp_path))
    else:
        with tarfile.open(archive, "w:gz") as out:
            for path in files:
                out.add(path, path.relative_to(tmp_path))
    told = inspect(archive, DatasetOptions(source=str(archive)), "lab")
    assert (told["now"]["used"], told["now"]["with_eeg"]) == (1, 1)


def test_an_archive_that_leads_outside_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "evil.tar"
    with tarfile.open(archive, "w") as out:
        member = tarfile.TarInfo("../escaped.tsv")
        member.size = 3
        out.addfile(member, io.BytesIO(b"abc"))
    with pytest.raises(BrainTwinError, match=r"evil\.tar is no whole"):
        inspect(archive, DatasetOptions(source="x"), "lab")
    assert not (tmp_path / "escaped.tsv").exists()
    assert not (tmp_path.parent / "escaped.tsv").exists()


def test_what_is_no_dataset_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BrainTwinError, match="no folder and no archive"):
        run(tmp_path / "nowhere", None, None, False)
    with pytest.raises(BrainTwinError, match=r"no dataset_description\.json"):
        run(tmp_path, None, None, False)
