"""`braintwin status`: counted from tables, status records and logs."""

import json

import pytest

from braintwin.cli import guard
from braintwin.cli.status import FAILED, FINISHED, PERSON_STEPS, UNFINISHED, read_study, status
from braintwin.contracts.tables import NightRow, PersonRow
from braintwin.errors import BrainTwinError
from braintwin.io.records import write_nights, write_people, write_status
from braintwin.paths import NIGHT_STEPS, StudyPaths


@pytest.fixture
def paths(tmp_path):
    """Return a study of two people with one night each, of which nothing is done."""
    paths = StudyPaths(tmp_path / "results" / "s")
    paths.nights.parent.mkdir(parents=True)
    rows = [
        NightRow(night=f"d-{i}-1", person=f"d-{i}", dataset="d", bids_path="", has_eeg=True, has_stages=True)
        for i in (1, 2)
    ]
    write_nights(paths.nights, rows)
    write_people(paths.people, [PersonRow(person=f"d-{i}", batch="db001", dataset="d") for i in (1, 2)])
    return paths


def log(paths, step, owner, text):
    path = paths.root / "logs" / step / f"{owner}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def finish(paths):
    for i in (1, 2):
        for step in NIGHT_STEPS:
            write_status(paths.night(f"d-{i}-1", step), step, "ok")
        for artefact in PERSON_STEPS.values():
            write_status(paths.person(f"d-{i}", artefact), artefact, "ok")
        for page in (paths.person_page(f"d-{i}"), paths.cohort_page):
            page.parent.mkdir(parents=True, exist_ok=True)
            page.touch()


def steps(paths):
    return {step.name: step for step in read_study(paths.root).steps}


def test_what_is_done_refused_and_left(paths):
    write_status(paths.night("d-1-1", "prepare"), "prepare", "ok")
    write_status(paths.night("d-2-1", "prepare"), "prepare", "excluded", "no stage column")
    report = read_study(paths.root)
    prepare = steps(paths)["prepare"]
    assert (prepare.done, prepare.refused, prepare.total) == (1, 1, 2)
    assert report.quarantined == {"d-2-1 (prepare)": "no stage column"}
    assert report.state == "unfinished" and report.code == UNFINISHED
    assert report.left_s > 0


def test_a_finished_study(paths):
    finish(paths)
    report = read_study(paths.root)
    assert report.state == "finished" and report.code == FINISHED and report.left_s == 0


def test_seconds_each_are_those_of_the_logs_and_time_left_follows_them(paths):
    log(paths, "fit-spectral", "db001", "$ braintwin step fit-spectral\n# done in 90.0 s\n")
    assert steps(paths)["fit-spectral"].each_s == 45.0
    short = read_study(paths.root).left_s
    log(paths, "fit-spectral", "db001", "$ braintwin step fit-spectral\n# done in 9000.0 s\n")
    assert read_study(paths.root).left_s == pytest.approx(short + 2 * (4500 - 45))


def test_a_failed_job_is_told_with_its_last_words(paths):
    log(paths, "connect", "d-1-1", "$ braintwin step connect\nbraintwin: connect: no channel\n")
    text, code = status(paths.root, as_json=False)
    assert code == FAILED and "connect d-1-1: connect: no channel" in text


def test_a_run_that_goes_on_and_one_that_was_killed(paths):
    with guard.study_lock(paths, "slurm", 1):
        log(paths, "fit-nights", "db001", "$ braintwin step fit-nights\n# in x\n10:00:00 fit-nights 1/2 d-1\n")
        found = json.loads(status(paths.root, as_json=True)[0])
        assert found["state"] == "running"
        assert found["running_jobs"] == {"fit-nights db001": "10:00:00 fit-nights 1/2 d-1"}
        left = (paths.root / ".lock").read_text()
    (paths.root / ".lock").write_text(left)  # as after SIGKILL: the record stays, the lock is gone
    report = read_study(paths.root)
    assert report.state == "interrupted" and not report.running_jobs and report.code == UNFINISHED


def test_no_study_is_said_in_one_line(tmp_path):
    with pytest.raises(BrainTwinError, match="no study"):
        read_study(tmp_path / "nothing")
