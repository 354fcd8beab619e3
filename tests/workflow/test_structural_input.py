"""A structural connectome as an input of the workflow: whose nights it makes anew."""

import re

import pytest

from braintwin.contracts.tables import QUARANTINE_COLUMNS, DatasetRecord, NightRow, PersonRow
from braintwin.io.records import write_json, write_nights, write_people, write_table
from braintwin.paths import StudyPaths
from tiny_study import ROOT, snakemake, write_config


@pytest.fixture
def study(tmp_path):
    """Write the tables of three people with a night each; nothing of them is made yet."""
    paths = StudyPaths(tmp_path / "results" / "tiny")
    nights = [
        NightRow(
            night=f"synthetic-{label}-1", person=f"synthetic-{label}", dataset="synthetic", bids_path=f"sub-{label}",
            signal=f"{label}.edf", stages=f"{label}.tsv", has_eeg=True, has_stages=True,
        )
        for label in ("01", "02", "03")
    ]  # fmt: skip
    (tmp_path / "data").mkdir()
    for name in [name for row in nights for name in (row.signal, row.stages)]:
        (tmp_path / "data" / name).touch()
    record = DatasetRecord(name="synthetic", kind="synthetic", root="data", source="synthetic:3")
    write_json(paths.dataset_record("synthetic"), record)
    write_nights(paths.nights, nights)
    write_people(paths.people, [PersonRow(person=row.person, batch="b1", dataset="synthetic") for row in nights])
    write_table(paths.refused, QUARANTINE_COLUMNS, [])
    return tmp_path


@pytest.mark.slow
def test_a_matrix_is_an_input_of_its_persons_nights_alone(study):
    (study / "sc" / "sub-02" / "dwi").mkdir(parents=True)
    (study / "sc" / "sub-02" / "dwi" / "sub-02_meas-count_relmat.dense.tsv").write_text("a\tb\n0\t1\n1\t0\n")
    write_config(study, connect={"structural": "sc"})
    found = snakemake(ROOT, study, "--configfile", "config.yaml", "--dry-run")
    assert found.returncode == 0, found.stdout + found.stderr
    inputs = re.findall(r"rule connect:\n\s+input: (.+)\n", found.stdout + found.stderr)
    assert len(inputs) == 3
    (wired,) = (line for line in inputs if "relmat" in line)
    assert "synthetic-02-1/prepare.nc" in wired
    assert wired.endswith("sc/sub-02/dwi/sub-02_meas-count_relmat.dense.tsv")
