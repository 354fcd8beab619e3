"""`braintwin update` on a finished study: a new version and its history."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from braintwin.io.posterior import read_groups
from braintwin.io.records import read_people
from tiny_study import braintwin

pytestmark = [pytest.mark.slow]


def scoring(path: Path) -> Path:
    """Write a night of five hours with lights off at its start."""
    rng = np.random.default_rng(4)
    cycle = ["N1"] * 10 + ["N2"] * 60 + ["N3"] * 40 + ["N2"] * 20 + ["REM"] * 20
    stages = ["W"] * 20 + [stage if rng.random() > 0.02 else "W" for stage in cycle * 4]
    rows = "".join(f"{30 * i}\t30\t{stage}\n" for i, stage in enumerate(stages))
    path.write_text("onset\tduration\tstage\n" + rows, encoding="utf-8")
    return path


def test_one_more_night_and_its_history(tiny, tmp_path):
    study = tmp_path / "study"
    shutil.copytree(tiny.study, study, symlinks=True)
    results = study / "results" / "tiny"
    person = read_people(results / "index" / "people.tsv")[0].person
    words = ["update", "--config", "config.yaml", "--person", person]
    night = scoring(tmp_path / "night.tsv")

    none = braintwin(tiny.clone, study, *words, "--history")
    assert none.returncode == 0
    assert "no version yet" in none.stdout
    done = braintwin(tiny.clone, study, *words, "--hypnogram", str(night))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "version 2 has seen 2 night(s), version 1 1" in done.stdout
    groups = read_groups(results / "people" / person / "night.nc")
    assert groups["observed_data"].sizes["night"] == 2
    assert groups["posterior"].sizes["night"] == 2

    again = braintwin(tiny.clone, study, *words, "--hypnogram", str(night))
    assert again.returncode == 2
    assert "has seen" in again.stderr and "Traceback" not in again.stderr
    told = braintwin(tiny.clone, study, *words, "--history")
    assert told.returncode == 0
    assert [line.split()[:2] for line in told.stdout.splitlines()[:2]] == [["1", "fit-nights"], ["2", "update"]]
    assert "whole; last digest" in told.stdout

    history = results / "people" / person / "versions" / "history.jsonl"
    history.write_text(history.read_text().replace('"version": 1', '"version": 3'))
    broken = braintwin(tiny.clone, study, *words, "--history")
    assert broken.returncode == 2
    assert "line 1 was changed" in broken.stderr


def test_mistakes_are_told_in_one_line(tiny):
    for words, said in (
        (["--person", "nobody", "--night", "x"], "nobody called 'nobody'"),
        (["--person", read_people(tiny.results / "index" / "people.tsv")[0].person], "expected one of --night"),
        (
            ["--person", read_people(tiny.results / "index" / "people.tsv")[0].person, "--hypnogram", "gone.tsv"],
            "no file 'gone.tsv'",
        ),
    ):
        done = braintwin(tiny.clone, tiny.study, "update", "--config", "config.yaml", *words)
        assert done.returncode == 2
        assert said in done.stderr and "Traceback" not in done.stderr
