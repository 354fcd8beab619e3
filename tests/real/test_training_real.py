"""The nights of the population example, against counts taken from the tables themselves."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from braintwin.config import load_config
from braintwin.contracts.tables import DatasetRecord
from braintwin.errors import NightExcluded
from braintwin.inference.training import TrainingNight
from braintwin.io.bids import find_root
from braintwin.io.retrieve.archive import unpack
from braintwin.io.training import training_night
from braintwin.options.prepare import PrepareOptions
from braintwin.steps.index import Found, index_dataset
from braintwin.steps.prepare import prepare_night

pytestmark = pytest.mark.real
CONFIG = load_config(Path(__file__).parents[2] / "config" / "examples" / "population.yaml")
STAGES = ("Wake", "N1", "N2", "N3", "REM")


def training(
    name: str, data: Path, folder: Path, max_people: int | None = None
) -> tuple[Path, list[TrainingNight], Counter[str]]:
    """Return the root of a dataset, its training nights and why others are none."""
    dataset = CONFIG.datasets[name].model_copy(update={"max_people": max_people})
    unpack(data / "bids" / Path(dataset.source).name, folder / name, name)
    root = find_root(folder / name, "", name)
    found = Found()
    index_dataset(DatasetRecord(name=name, root=str(root), kind="local", source=""), dataset, CONFIG.index, found)
    nights, left_out = [], Counter(row["reason"] for row in found.refused)
    for row in found.nights:
        try:
            prepared = prepare_night(row, dataset, root, PrepareOptions())[0]
            nights.append(
                training_night(
                    prepared,
                    row,
                    found.people[row.person],
                    CONFIG.fit_population.conditions,
                    CONFIG.fit_population.min_night_min,
                )
            )
        except NightExcluded as why:
            left_out[str(why)] += 1
    return root, nights, left_out


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def test_sleep_edf_placebo_is_learned_from_and_temazepam_is_not(real_data: Path, tmp_path: Path) -> None:
    root, nights, left_out = training("sleepedf", real_data, tmp_path)
    assert (len(nights), len({n.person for n in nights})) == (113, 63)
    assert Counter(n.condition for n in nights) == {"": 103, "placebo": 10}
    assert left_out == {"under 'temazepam', which does not count as untreated": 10}
    table = {row["participant_id"].removeprefix("sub-"): row for row in rows(root / "participants.tsv")}
    for night in nights:
        told = table[night.person.partition("-")[2]]
        assert night.age is not None and night.age - 2.5 <= float(told["age"]) < night.age + 2.5
        assert night.sex == told["sex"]
    assert not any(n.lights_off_known for n in nights)
    assert all(n.ahi is None for n in nights)


def test_surrey_and_eesm(real_data: Path, tmp_path: Path) -> None:
    root, nights, left_out = training("surrey", real_data, tmp_path)
    marks = [path for path in root.rglob("*acq-PSG_events.tsv") if "Lights Off" in path.read_text()]
    marked = {path.parents[2].name for path in marks if "derivatives" not in path.parts}
    assert {n.person.replace("surrey-", "sub-") for n in nights if n.lights_off_known} == marked
    assert (len(nights), dict(left_out), len(marked)) == (20, {}, 12)
    _, nights, left_out = training("eesm", real_data, tmp_path)
    assert (len(nights), len({n.person for n in nights})) == (20, 10)
    assert sorted(n.night_index for n in nights) == [1] * 10 + [2] * 10


def test_cinc_ahi_is_what_its_own_counts_say(real_data: Path, tmp_path: Path) -> None:
    root, nights, _ = training("cinc", real_data, tmp_path, max_people=120)
    table = {row["participant_id"].removeprefix("sub-"): row for row in rows(root / "participants.tsv")}
    assert len(nights) > 50
    events = [f"n_resp_{kind}" for kind in ("obstructive", "central", "hypopnea", "mixed")]
    ours, theirs = [], []
    for night in nights:
        told = table[night.person.partition("-")[2]]
        hours = float(np.sum(night.stages > 0)) / 120
        assert night.ahi is not None
        ours.append(night.ahi)
        theirs.append(sum(int(told[kind]) for kind in events) / hours)
    assert np.corrcoef(ours, theirs)[0, 1] > 0.99
    # theirs counts events that begin awake as well
    assert np.mean(np.array(ours) <= np.array(theirs) + 0.1) > 0.95
    assert abs(np.mean(theirs) - np.mean(ours)) < 2.0
