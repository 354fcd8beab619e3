"""Retrieve and index on the metadata of eight public datasets and one real night."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from braintwin.config import load_config
from braintwin.contracts.tables import DatasetRecord, NightRow, PersonRow
from braintwin.errors import DatasetError
from braintwin.io.hypnogram import find_sidecars, read_hypnogram, trim
from braintwin.io.records import read_json, read_nights, read_people, read_table
from braintwin.options.dataset import DatasetOptions
from braintwin.options.index import IndexOptions
from braintwin.options.retrieve import RetrieveOptions
from braintwin.options.synthesize import SynthesizeOptions
from braintwin.steps import index, retrieve

pytestmark = pytest.mark.real

EXAMPLES = Path(__file__).parents[2] / "config" / "examples"
INDEX = IndexOptions(batch_size=32)


class Indexed:
    """One dataset, retrieved and indexed."""

    def __init__(self, folder: Path, dataset: DatasetOptions, name: str = "d") -> None:
        record = folder / f"{name}.json"
        retrieve.run(
            name=name,
            dataset=dataset,
            synthesize=SynthesizeOptions(),
            store=folder / "store",
            record=record,
            seed=1,
            options=RetrieveOptions(),
        )
        self.record = read_json(record, DatasetRecord)
        self.root = Path(self.record.root)
        self.refused_path = folder / "refused.tsv"
        index.run(
            records=[record],
            datasets={name: dataset},
            nights=folder / "nights.tsv",
            people=folder / "people.tsv",
            refused=self.refused_path,
            options=INDEX,
        )
        self.nights: list[NightRow] = read_nights(folder / "nights.tsv")
        self.people: list[PersonRow] = read_people(folder / "people.tsv")
        self.refused = [row["reason"] for row in read_table(self.refused_path)]
        self.dataset = dataset

    def stages(self, row: NightRow) -> np.ndarray:
        path = self.root / row.stages
        return read_hypnogram(path, self.dataset.stages, sidecars=find_sidecars(path, self.root)).stages


def example(name: str, dataset: str, data: Path) -> DatasetOptions:
    """Return a dataset of an example config, with its source in the folder of real data."""
    options = load_config(EXAMPLES / name).datasets[dataset]
    return options.model_copy(update={"source": str(data / options.source.removeprefix("../shared/data/"))})


def archive(data: Path, name: str, **options: object) -> DatasetOptions:
    return DatasetOptions.model_validate({"source": str(data / "bids" / f"{name}.tar.gz"), **options})


def test_boas(real_data: Path, tmp_path: Path) -> None:
    found = Indexed(tmp_path, example("hypnograms.yaml", "boas", real_data))
    assert (len(found.nights), len(found.people), found.refused) == (128, 100, [])
    assert Counter(row.has_eeg for row in found.nights) == {False: 128}
    assert all(row.stages.endswith("acq-psg_events.tsv") for row in found.nights)
    assert Counter(Counter(row.batch for row in found.people).values()) == {32: 3, 4: 1}
    assert (found.record.licence, found.record.version) == ("CC0", "1.1.0")
    # the human consensus as counted in the tables themselves
    codes = Counter(c for row in found.nights for c in cells(found.root / row.stages, "stage_hum"))
    stages = np.bincount(np.concatenate([found.stages(row) for row in found.nights]) + 1, minlength=6)
    assert stages.tolist() == [codes[c] for c in ("8", "0", "1", "2", "3", "4")]


def cells(path: Path, column: str) -> list[str]:
    return [row[column] for row in read_table(path)]


def test_sleep_edf(real_data: Path, tmp_path: Path) -> None:
    found = Indexed(tmp_path, example("hypnograms.yaml", "sleepedf", real_data))
    cassette = Counter(row.person for row in found.nights if "cassette" in row.person)
    assert Counter(cassette.values()) == {2: 50, 1: 3}
    telemetry = [row for row in found.nights if "telemetry" in row.person]
    assert len({row.person for row in telemetry}) == 10
    by_person: dict[str, set[str]] = {}
    for row in telemetry:
        by_person.setdefault(row.person, set()).add(row.condition)
    assert set(map(frozenset, by_person.values())) == {frozenset({"placebo", "temazepam"})}
    assert next(row for row in telemetry if row.night.endswith("telemetry05-night2")).condition == "placebo"
    assert {row.condition for row in found.nights if "cassette" in row.person} == {""}
    # a recording of a day holds one night: sleep of 3 to 12 h within at most 15 h
    first = read_hypnogram(found.root / found.nights[0].stages, found.dataset.stages)
    night = trim(first, 30)
    assert first.stages.size > 2500
    assert 360 < night.stages.size < 1800
    # rows are run-length: seconds of S3 and S4 together are those of N3
    rows = read_table(found.root / found.nights[0].stages)
    deep = sum(float(r["duration"]) for r in rows if r["original_stage"] in {"Sleep stage 3", "Sleep stage 4"})
    assert np.count_nonzero(first.stages == 3) * 30 == deep


def test_the_real_night_of_ucddb(real_data: Path, tmp_path: Path) -> None:
    found = Indexed(tmp_path, example("ucddb.yaml", "ucddb", real_data), "ucddb")
    (row,), (person,) = found.nights, found.people
    assert (row.has_eeg, row.has_stages, row.offset_s) == (True, True, 0.0)
    assert (person.age_band, person.sex, person.covariates["ahi"]) == ("35-39", "M", 2.0)
    assert np.bincount(found.stages(row)).tolist() == [328, 58, 280, 137, 19]


def test_cinc_keeps_lights_off_offsets_and_refuses_the_unstaged(real_data: Path, tmp_path: Path) -> None:
    found = Indexed(tmp_path, archive(real_data, "nm000225"))
    assert (len(found.nights), len(found.refused)) == (728, 751)
    assert all("neither EEG nor stages" in reason for reason in found.refused)
    assert max(row.offset_s for row in found.nights) > 3600
    ahi = [float(row.covariates["ahi"]) for row in found.people if "ahi" in row.covariates]
    assert len(ahi) > 600
    assert 5 < np.median(ahi) < 30
    # trial_type, not value: Wake is 5 or 4 in different files
    row = found.nights[0]
    wake = sum(float(r["duration"]) for r in read_table(found.root / row.stages) if r["trial_type"] == "Wake")
    assert np.count_nonzero(found.stages(row) == 0) * 30 == wake


def test_surrey_by_the_levels_of_its_sidecars(real_data: Path, tmp_path: Path) -> None:
    found = Indexed(tmp_path, archive(real_data, "ds005207"))
    assert len(found.nights) == 20
    assert all("acq-PSGScoring" in row.stages for row in found.nights)
    path = found.root / found.nights[0].stages
    scored = read_hypnogram(path, found.dataset.stages, sidecars=find_sidecars(path, found.root))
    assert scored.lights_off_s == 1001.45
    assert np.count_nonzero(scored.stages == 4) == sum(row["staging"] == "2" for row in read_table(path))


def test_eesm_scores_20_of_120_nights(real_data: Path, tmp_path: Path) -> None:
    found = Indexed(tmp_path, archive(real_data, "on005178"))
    assert (len(found.nights), len(found.people), len(found.refused)) == (20, 10, 100)
    assert 691.916 in {row.offset_s for row in found.nights}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ds005530", "no usable night: 22 refused"),
        ("ds006695", r"19 refused, 19 of them because: .* described and not here \(get its content\); no events table"),
        ("ds003768", "no recording or events table"),
    ],
)
def test_a_dataset_without_anything_to_use_is_one_line(real_data: Path, tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(DatasetError, match=reason) as refusal:
        Indexed(tmp_path, archive(real_data, name))
    assert "\n" not in str(refusal.value)
