"""Bad input: one clear line that says what to do, or a night in quarantine; never a traceback, never a lost night."""

import re
import shutil
from types import SimpleNamespace

import pytest
import yaml

from braintwin.io.records import read_table
from braintwin.options.synthesize import SynthesizeOptions
from braintwin.synthetic.cohort import write_cohort
from tiny_study import TINY, braintwin

pytestmark = [pytest.mark.slow]

GOOD, NO_COLUMN, INTEGER, NOT_EDF, ANNEXED, NO_REM = (f"sub-0{i}" for i in range(1, 7))


def events_of(root, person):
    return next(root.glob(f"{person}/ses-1/eeg/*_events.tsv"))


def signal_of(root, person):
    return next(root.glob(f"{person}/ses-1/eeg/*_eeg.edf"))


def spoil(root):
    """Spoil one person's night in each of the ways that real datasets do."""
    path = events_of(root, NO_COLUMN)
    path.write_text(path.read_text().replace("trial_type", "remark"))
    path = events_of(root, INTEGER)
    # The sidecar's Levels explain labels, not these numbers.
    codes = {"W": "0", "N1": "1", "N2": "2", "N3": "3", "R": "5"}
    path.write_text(re.sub(r"Sleep stage (\w+)", lambda m: codes[m[1]], path.read_text()))
    signal_of(root, NOT_EDF).write_text("I am a text file that somebody renamed.\n" * 100)
    signal_of(root, ANNEXED).write_text("/annex/objects/SHA256E-s50855168--b75d635c28e0.edf\n")
    path = events_of(root, NO_REM)
    path.write_text(path.read_text().replace("Sleep stage R", "Sleep stage N2"))


@pytest.fixture(scope="module")
def mixed(tiny, tmp_path_factory) -> SimpleNamespace:
    """Return a finished study of one good and five spoilt people."""
    study = tmp_path_factory.mktemp("mixed")
    root = study / "dataset"
    write_cohort(root, SynthesizeOptions(people=6, nights=1, hours=2.5), 7)
    spoil(root)
    dataset = {"source": "dataset", "diagnosis": "column:diagnosis"}
    config = {**TINY, "study": "mixed", "datasets": {"lab": dataset}, "max_quarantined": 0.9}
    (study / "config.yaml").write_text(yaml.safe_dump(config))
    done = braintwin(tiny.clone, study, "run", "--config", "config.yaml", "--cores", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    results = study / "results" / "mixed"
    quarantine = {row["night"]: row for row in read_table(results / "cohort" / "quarantine.tsv")}
    return SimpleNamespace(study=study, results=results, done=done, quarantine=quarantine)


def only(mixed, person):
    """Return the quarantine row of a person's one night."""
    rows = [row for night, row in mixed.quarantine.items() if night.startswith(f"lab-{person.removeprefix('sub-')}")]
    assert len(rows) == 1, mixed.quarantine
    return rows[0]


def test_the_run_ends_well_and_says_how_many_are_in_quarantine(mixed):
    assert "night(s) in quarantine" in mixed.done.stderr
    assert "Traceback" not in mixed.done.stderr + mixed.done.stdout


def test_no_night_is_dropped(mixed):
    listed = {row["night"] for row in read_table(mixed.results / "index" / "nights.tsv")}
    refused = {row["night"] for row in read_table(mixed.results / "index" / "refused.tsv")}
    assert len(listed | refused) == 6


def test_a_missing_stage_column_is_named(mixed):
    reason = only(mixed, NO_COLUMN)["reason"]
    assert "column" in reason and "remark" in reason


def test_an_unknown_integer_code_is_not_guessed(mixed):
    reason = only(mixed, INTEGER)["reason"]
    assert "integer codes 0, 1, 2" in reason and "stages.codes" in reason


def test_a_file_that_is_not_edf_is_told(mixed):
    assert re.search(r"EDF|edf", only(mixed, NOT_EDF)["reason"])


def test_an_absent_signal_leaves_a_hypnogram_twin(mixed):
    assert not [n for n in mixed.quarantine if n.startswith("lab-05")]
    status = (mixed.results / "people" / "lab-05" / "spectral.status.json").read_text()
    assert '"absent"' in status
    assert '"ok"' in (mixed.results / "people" / "lab-05" / "night.status.json").read_text()


def test_a_night_without_rem_is_used(mixed):
    assert not [n for n in mixed.quarantine if n.startswith("lab-06")]
    assert '"ok"' in (mixed.results / "people" / "lab-06" / "night.status.json").read_text()
    assert (mixed.results / "report" / "people" / "lab-06.html").is_file()


def test_the_good_night_is_untouched_by_its_neighbours(mixed):
    assert '"ok"' in (mixed.results / "people" / "lab-01" / "night.status.json").read_text()


def test_reasons_are_one_line_each_and_name_no_place_on_this_machine(mixed):
    for row in mixed.quarantine.values():
        assert row["reason"] and "\n" not in row["reason"] and str(mixed.study) not in row["reason"]


def run_with(tiny, study, **changes):
    (study / "config.yaml").write_text(yaml.safe_dump({**TINY, **changes}))
    return braintwin(tiny.clone, study, "run", "--config", "config.yaml")


def one_line(done):
    """Return the one line of a user's mistake."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    lines = [line for line in done.stderr.splitlines() if line and not line.startswith(("[", "    (whole log"))]
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_a_wrong_config_key_is_one_line(tiny, tmp_path):
    assert "did you mean 'prepare'" in one_line(run_with(tiny, tmp_path, prepair={"sfreq": 100}))


def test_an_empty_dataset_is_one_line(tiny, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "empty" in one_line(run_with(tiny, tmp_path, datasets={"lab": {"source": "empty"}}))


def test_a_dataset_without_nights_is_one_line(tiny, tmp_path):
    folder = tmp_path / "none"
    folder.mkdir()
    (folder / "dataset_description.json").write_text('{"Name": "none", "BIDSVersion": "1.9.0"}')
    assert "no recording or events table" in one_line(run_with(tiny, tmp_path, datasets={"lab": {"source": "none"}}))


def test_a_missing_dataset_is_one_line(tiny, tmp_path):
    assert "nowhere" in one_line(run_with(tiny, tmp_path, datasets={"lab": {"source": "nowhere"}}))


def test_a_second_run_at_the_same_time_is_locked_out(tiny, tmp_path):
    import fcntl

    lock = tmp_path / "results" / "tiny" / ".lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert "being run already" in one_line(run_with(tiny, tmp_path))


def test_a_result_spoilt_on_disk_is_one_line_for_each_job_that_reads_it(tiny, tmp_path):
    study = tmp_path / "copy"
    shutil.copytree(tiny.study, study)
    victim = next((study / "results" / "tiny" / "nights").glob("*/prepare.nc"))
    victim.write_bytes(b"spoilt")
    done = braintwin(tiny.clone, study, "run", "--config", "config.yaml")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    # one line for each job that met it
    lines = [line for line in done.stderr.splitlines() if line and not line.startswith(("[", "    (whole log"))]
    assert lines
    assert all("cannot be read" in line for line in lines)
