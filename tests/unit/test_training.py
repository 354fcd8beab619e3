"""Training nights of a population: covariates, AHI from events, what is left out and why."""

from pathlib import Path

import numpy as np
import pytest

from braintwin.contracts.prepare import PREPARED
from braintwin.contracts.tables import DatasetRecord, NightRow, PersonRow
from braintwin.inference.training import age_of
from braintwin.io.arrays import write_dataset
from braintwin.io.hypnogram import read_hypnogram
from braintwin.io.records import write_status
from braintwin.io.training import read_training
from braintwin.options.dataset import DatasetOptions, StageOptions
from braintwin.options.index import IndexOptions
from braintwin.steps.index import Found, index_dataset
from scored_nights import prepared_from

SLEEP = ["W"] * 20 + ["N2"] * 480 + ["R"] * 120


@pytest.mark.parametrize(
    ("band", "age"), [("30-34", 32.5), ("05-09", 7.5), ("90+", 92.5), ("", None), ("elderly", None)]
)
def test_age_is_the_middle_of_its_band(band: str, age: float | None) -> None:
    assert age_of(band) == age


def write_night(root: Path, night: str, *, state: str = "ok", **attrs: object) -> tuple[NightRow, Path]:
    """Prepare a night of ten hours into a study's tree."""
    path = root / "nights" / night / "prepare.nc"
    prepared = prepared_from(root / "raw", SLEEP, lights_off="start")
    prepared.attrs.update({"night": night, "person": night.rpartition("-")[0], "condition": "", **attrs})
    write_dataset(path, prepared, PREPARED)
    write_status(path, "prepare", state, "" if state == "ok" else "the file is broken")
    row = NightRow(
        night=night, person=night.rpartition("-")[0], dataset="lab", bids_path="", night_index=int(night[-1]),
        condition=str(prepared.attrs["condition"]), fold=3,
    )  # fmt: skip
    return row, path


def test_tables_and_prepared_nights_are_read_together(tmp_path: Path) -> None:
    nights = [
        write_night(tmp_path, "lab-b-2"),
        write_night(tmp_path, "lab-b-1"),
        write_night(tmp_path, "lab-a-1", stages_source="yasa"),
        write_night(tmp_path, "lab-a-2", condition="temazepam"),
        write_night(tmp_path, "lab-a-3", state="excluded"),
    ]
    people = [
        PersonRow(person="lab-a", batch="b", dataset="lab"),
        PersonRow(person="lab-b", batch="b", dataset="lab", age_band="40-44", sex="F", covariates={"ahi": 7.5}),
    ]
    found = read_training([row for row, _ in nights], people, [path for _, path in nights], [""], min_night_min=180)
    assert [night.night for night in found.nights] == ["lab-b-1", "lab-b-2"]
    first = found.nights[0]
    assert (first.person, first.dataset, first.night_index, first.fold) == ("lab-b", "lab", 1, 3)
    assert (first.age, first.sex, first.ahi, first.lights_off_known) == (42.5, "F", 7.5, True)
    assert first.stages.dtype == np.int8
    assert first.as_night().stages.size == len(SLEEP)
    assert found.left_out == {
        "lab-a-1": "not scored by anyone (stages: yasa)",
        "lab-a-2": "under 'temazepam', which does not count as untreated",
        "lab-a-3": "the file is broken",
    }


EVENTS = "onset\tduration\ttrial_type\n0\t600\tWake\n600\t3600\tN2\n4200\t3600\tREM\n7800\t600\tWake\n"
"""Two hours asleep, then awake."""


def ahi(folder: Path, events: str, levels: str = "{}") -> float | None:
    """Return the AHI of a scoring with a sidecar."""
    table, sidecar = folder / "sub-1_task-sleep_events.tsv", folder / "sub-1_task-sleep_events.json"
    table.write_text(events)
    sidecar.write_text('{"trial_type": {"Levels": ' + levels + "}}")
    return read_hypnogram(table, StageOptions(), sidecars=[sidecar]).ahi


def test_ahi_counts_apneas_and_hypopneas_that_begin_in_sleep(tmp_path: Path) -> None:
    breaths = (
        "700\t20\tresp_hypopnea\n900\t20\tresp_obstructiveapnea\n5000\t15\tresp_centralapnea\n"
        "100\t20\tresp_hypopnea\n8000\t20\tresp_hypopnea\n1200\t5\tarousal_rera\n"
    )
    assert ahi(tmp_path, EVENTS + breaths) == pytest.approx(3 / 2)


def test_ahi_is_zero_where_events_were_looked_for_and_none_was_found(tmp_path: Path) -> None:
    assert ahi(tmp_path, EVENTS, '{"Wake": "awake", "resp_hypopnea": "Hypopnea"}') == 0.0
    assert ahi(tmp_path, EVENTS, '{"Wake": "awake", "7": "Obstructive apnea"}') == 0.0


def test_ahi_is_unknown_where_nobody_looked(tmp_path: Path) -> None:
    assert ahi(tmp_path, EVENTS, '{"Wake": "awake"}') is None
    assert ahi(tmp_path, EVENTS) is None


def test_ahi_reaches_the_table_of_people_and_a_column_of_the_dataset_wins(tmp_path: Path) -> None:
    for sub in ("1", "2"):
        folder = tmp_path / f"sub-{sub}" / "eeg"
        folder.mkdir(parents=True)
        (folder / f"sub-{sub}_task-sleep_events.tsv").write_text(EVENTS + "700\t20\tresp_hypopnea\n")
    (tmp_path / "dataset_description.json").write_text('{"Name": "lab", "BIDSVersion": "1.9.0"}')
    (tmp_path / "participants.tsv").write_text("participant_id\tAHI\nsub-1\tn/a\nsub-2\t33\n")
    found = Found()
    record = DatasetRecord(name="lab", root=str(tmp_path), kind="local", source="lab")
    index_dataset(record, DatasetOptions(source="lab"), IndexOptions(), found)
    assert {name: row.covariates["ahi"] for name, row in found.people.items()} == {"lab-1": 0.5, "lab-2": 33.0}
