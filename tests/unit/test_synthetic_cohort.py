"""The synthetic cohort on disk: a valid, readable, reproducible BIDS dataset, its truth beside it."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from braintwin.contracts.night import GROUPS
from braintwin.contracts.stages import STAGES
from braintwin.errors import BrainTwinError, DatasetError
from braintwin.io.hypnogram import read_hypnogram
from braintwin.options.dataset import StageOptions
from braintwin.options.synthesize import SynthesizeOptions
from braintwin.synthetic import cohort as cohort_module
from braintwin.synthetic.bids import UNIT_UV
from braintwin.synthetic.cohort import EEG_CHANNELS, draw_cohort, night_signal, write_cohort
from braintwin.synthetic.truth import CohortTruth, read_truth, truth_path

SMALL = SynthesizeOptions(people=3, nights=1, hours=1.2)


def digests(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def events_of(folder: Path, label: str) -> Path:
    return folder / f"sub-{label}" / "ses-1" / "eeg" / f"sub-{label}_ses-1_task-sleep_events.tsv"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "synthetic"
    write_cohort(path, SMALL, 7)
    return path


@pytest.fixture(scope="module")
def truth(folder: Path) -> CohortTruth:
    return read_truth(folder)


def test_bids_validator_finds_no_error(folder: Path) -> None:
    validator = Path(sys.executable).with_name("bids-validator-deno")
    done = subprocess.run([validator, "--json", folder], capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    assert sorted(found["summary"]["subjects"]) == ["01", "02", "03"]
    assert [i for i in found["issues"]["issues"] if i["severity"] == "error"] == []
    assert done.returncode == 0


def test_same_seed_same_bytes(folder: Path, tmp_path: Path) -> None:
    write_cohort(tmp_path / "again", SMALL, 7)
    assert digests(tmp_path / "again") == digests(folder)
    assert truth_path(tmp_path / "again").read_bytes() == truth_path(folder).read_bytes()


def test_another_seed_makes_other_people(truth: CohortTruth) -> None:
    other = draw_cohort(SMALL, 8)
    assert all(a.spectral != b.spectral for a, b in zip(truth.people, other.people, strict=True))
    assert all(a.nights[0].hypnogram != b.nights[0].hypnogram for a, b in zip(truth.people, other.people, strict=True))


def test_people_do_not_depend_on_the_size_of_the_cohort(truth: CohortTruth) -> None:
    larger = draw_cohort(SMALL.model_copy(update={"people": 6, "nights": 2}), 7)
    for mine, theirs in zip(truth.people, larger.people, strict=False):
        assert theirs.model_copy(update={"nights": theirs.nights[:1]}) == mine


def test_mne_bids_reads_what_was_drawn(folder: Path, truth: CohortTruth) -> None:
    from mne_bids import BIDSPath, read_raw_bids

    person = truth.people[2]
    where = BIDSPath(subject=person.label, session="1", task="sleep", datatype="eeg", root=folder)
    with pytest.warns(RuntimeWarning, match="diagnosis"):  # a column that mne has no field for
        raw = read_raw_bids(where, verbose=False)
    assert raw.info["sfreq"] == SMALL.sfreq
    assert raw.info["line_freq"] == 50
    assert raw.get_channel_types() == ["eeg"] * 6 + ["eog"] * 2 + ["emg"]
    assert raw.ch_names[:6] == list(EEG_CHANNELS)
    assert raw.times.size == SMALL.hours * 3600 * SMALL.sfreq
    signal = night_signal(person, person.nights[0], SMALL, 7)
    assert np.abs(raw.get_data() * 1e6 - signal).max() < 0.51 * UNIT_UV
    scored = [a for a in raw.annotations if a["description"].startswith("Sleep stage")]
    assert len(scored) == SMALL.hours * 120


def test_scoring_is_the_true_hypnogram_from_lights_off_on(folder: Path, truth: CohortTruth) -> None:
    for person in truth.people:
        found = read_hypnogram(events_of(folder, person.label), StageOptions())
        np.testing.assert_array_equal(found.stages, person.nights[0].hypnogram)
        assert (found.onset_s, found.lights_off_s, found.epoch_s) == (0.0, 0.0, 30.0)


def test_respiratory_events_are_written(folder: Path, truth: CohortTruth) -> None:
    rows = events_of(folder, "03").read_text().splitlines()[1:]
    events = [row.split("\t") for row in rows if row.endswith(("apnea", "Hypopnea"))]
    assert [(float(on), float(length), what) for on, length, what in events] == [
        (b.onset, b.duration, b.kind) for b in truth.person("03").nights[0].breathing
    ]
    assert len(events) > 3


def test_people_are_described(folder: Path, truth: CohortTruth) -> None:
    header, *rows = [line.split("\t") for line in (folder / "participants.tsv").read_text().splitlines()]
    assert header == ["participant_id", "age", "sex", "diagnosis", "ahi"]
    assert [(r[0], int(r[1]), r[2], r[3], float(r[4])) for r in rows] == [
        (f"sub-{p.label}", p.age, p.sex, p.diagnosis, p.ahi) for p in truth.people
    ]
    assert [p.diagnosis for p in truth.people] == ["healthy", "insomnia", "osa"]
    assert truth.people[2].ahi >= 15 > 5 > max(p.ahi for p in truth.people[:2])


def test_reference_and_licence_are_stated(folder: Path) -> None:
    sidecar = json.loads(events_of(folder, "01").with_name("sub-01_ses-1_task-sleep_eeg.json").read_text())
    assert sidecar["EEGReference"] == "contralateral mastoid (M1 for F4, C4, O2; M2 for F3, C3, O1)"
    assert json.loads((folder / "dataset_description.json").read_text())["License"] == "CC0"
    table = events_of(folder, "01").with_name("sub-01_ses-1_task-sleep_channels.tsv").read_text().splitlines()
    column = table[0].split("\t").index("reference")
    assert {row.split("\t")[0]: row.split("\t")[column] for row in table[1:3]} == {"F3": "M2", "F4": "M1"}


def test_truth_is_complete_and_outside_the_dataset(folder: Path, truth: CohortTruth) -> None:
    assert truth_path(folder).parent == folder.parent
    assert not list(folder.rglob("*truth*"))
    for person in truth.people:
        assert tuple(person.spectral.stages) == STAGES
        assert all(len(stage.log_scale) == 6 for stage in person.spectral.stages.values())
        assert tuple(person.person_effect) == GROUPS
        assert tuple(person.nights[0].night_effect) == GROUPS
        assert {a.kind for a in person.nights[0].artefacts} == {"movement", "muscle", "loose_electrode"}
    assert [p.nights[0].line is not None for p in truth.people] == [False, True, False]


def test_no_truth_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BrainTwinError, match="only a synthetic dataset has a truth"):
        read_truth(tmp_path / "nothing")


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("do not lose me")
    with pytest.raises(DatasetError, match="holds no synthetic cohort"):
        write_cohort(tmp_path / "mine", SMALL, 7)
    assert (tmp_path / "mine" / "notes.txt").read_text() == "do not lose me"


def test_a_failure_leaves_the_old_cohort_and_no_debris(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digests(folder.parent)

    def breaks(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(cohort_module, "write_night", breaks)
    with pytest.raises(OSError, match="disk full"):
        write_cohort(folder, SMALL, 8)
    assert digests(folder.parent) == before


def test_an_older_cohort_is_replaced(tmp_path: Path, truth: CohortTruth) -> None:
    quick = SynthesizeOptions(people=3, nights=1, hours=1.01, sfreq=64)
    write_cohort(tmp_path / "c", quick, 1)
    first = digests(tmp_path / "c")
    write_cohort(tmp_path / "c", quick, 2)
    second = digests(tmp_path / "c")
    assert first.keys() == second.keys()
    assert sum(first[k] != second[k] for k in first if k.endswith(".edf")) == 3
    assert {p.name for p in tmp_path.iterdir()} == {"c", "c-truth.json"}
