"""Prepare and features on real recordings."""

import csv
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from braintwin.contracts.features import FEATURES
from braintwin.contracts.prepare import PREPARED
from braintwin.contracts.tables import NightRow
from braintwin.io.arrays import read_dataset
from braintwin.io.channels import select_eeg
from braintwin.io.eeg import open_recording
from braintwin.io.records import read_status
from braintwin.options.dataset import DatasetOptions
from braintwin.options.features import FeaturesOptions
from braintwin.options.prepare import PrepareOptions
from braintwin.steps import features, prepare

pytestmark = pytest.mark.real


def both_steps(root: Path, stem: str, out: Path, night: str) -> tuple[xr.Dataset, xr.Dataset]:
    row = NightRow(
        night=night, person=night, dataset="real", bids_path=stem, has_eeg=True, has_stages=True,
        signal=f"{stem}_eeg.edf", stages=f"{stem}_events.tsv",
    )  # fmt: skip
    folder = out / night
    prepare.run(
        night=row, dataset=DatasetOptions(source=str(root)), dataset_root=root, prepare=folder / "prepare.nc",
        epochs=folder / "epochs.zarr.zip", options=PrepareOptions(min_scored_min=30, trim_min=600),
    )  # fmt: skip
    features.run(
        prepare=folder / "prepare.nc", epochs=folder / "epochs.zarr.zip", features=folder / "features.nc",
        options=FeaturesOptions(),
    )  # fmt: skip
    assert read_status(folder / "prepare.nc").reason == ""
    assert read_status(folder / "features.nc").state == "ok"
    return read_dataset(folder / "prepare.nc", PREPARED), read_dataset(folder / "features.nc", FEATURES)


@pytest.fixture(scope="module")
def ucddb(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[xr.Dataset, xr.Dataset]:
    stem = "sub-ucddb018/eeg/sub-ucddb018_task-sleep"
    return both_steps(real_data / "ucddb" / "bids", stem, tmp_path_factory.mktemp("ucddb"), "ucddb-ucddb018")


def test_clean_epochs_of_a_whole_night(ucddb):
    night, _ = ucddb
    clean = (night["artefact"].values == 0).any(axis=1)
    counts = [int((clean & (night["stage"].values == code)).sum()) for code in range(5)]
    # Counted before this code was written, by the eye marks alone.
    np.testing.assert_allclose(counts, [244, 56, 280, 137, 19], rtol=0.05, atol=2)


def test_the_interference_line_is_found_and_masked(ucddb):
    night, found = ucddb
    assert 21.5 < min(night["line_frequency"].values, key=lambda hz: abs(hz - 22)) < 22.3
    masked = found["freq"].values[found["masked"].values[0] == 1]
    assert masked.min() >= 20.5
    assert masked.max() <= 23.5
    assert 22.0 in masked
    # Beside the mask the spectrum is as smooth as an EEG's: no step of 0.35 nat between neighbours at 17-27 Hz.
    for stage in ("N2", "N3"):
        log = found["log_psd"].sel(stage=stage).isel(channel=0)
        kept = log.values[(found["masked"].values[0] == 0) & (found["freq"].values > 17) & (found["freq"].values < 27)]
        assert np.abs(np.diff(kept)).max() < 0.45


def test_deep_sleep_has_the_slow_waves(ucddb):
    night, found = ucddb
    delta = found["psd"].sel(freq=slice(1.0, 4.0)).mean(["freq", "channel"])
    assert delta.sel(stage="N3") > 2 * delta.sel(stage="W")
    assert delta.sel(stage="N3") > delta.sel(stage="N2") > delta.sel(stage="R")
    swa, stage = found["swa"].values[:, 0], night["stage"].values
    assert np.nanmedian(swa[stage == 3]) > 2 * np.nanmedian(swa[stage == 2])
    assert found["spindle_density"].sel(stage="N2") > found["spindle_density"].sel(stage="N3")
    assert found["slow_wave_density"].sel(stage="N3") > found["slow_wave_density"].sel(stage="N2")


def test_what_is_said_of_the_recording(ucddb):
    night, _ = ucddb
    assert night.attrs["reader"] == "mne-bids"
    assert "C3 A2 C4 A1" in night.attrs["reference"]
    assert night.attrs["sfreq"] == 100
    assert not any("2002" in str(value) for value in night.attrs.values())


def test_a_clinical_recording_of_89_channels(real_data):
    recording = open_recording(real_data / "fixtures" / "rsleep_noxturnal" / "subject1.edf")
    assert len(recording.roles) == 89
    assert select_eeg(recording.roles) == ["C3-M2", "C4-M1", "F3-M2", "F4-M1", "O1-M2", "O2-M1"]
    assert {name for name, kind in recording.roles.items() if kind == "mastoid"} == {"M1", "M2"}
    assert {"E1-M2", "E2-M1"} <= {name for name, kind in recording.roles.items() if kind == "eog"}
    assert recording.roles["ECG"] == "ecg"
    assert all(recording.roles[name] == "resp" for name in ("Abdomen", "Airflow"))
    assert all(recording.roles[name] == "other" for name in ("SpO2 B-B", "C3-M2 (Imp)", "1"))
    assert len({recording.sfreq[name] for name in recording.roles}) > 4
    assert recording.units_source == "header"
    eeg = recording.read(select_eeg(recording.roles))
    assert eeg.shape == (6, (120 * 200))
    assert 5 < np.median(np.abs(eeg)) < 200
    assert recording.read(["E1-M2"]).shape[0] == 1


def test_a_scored_segment(real_data, tmp_path):
    from edfio import Edf, EdfSignal

    folder = real_data / "fixtures" / "pydynamo_segment"
    data = np.loadtxt(folder / "segment_data.csv")
    with (folder / "segment_stages.csv").open() as stream:
        rows = [(float(row["Time"]), row["Stage"]) for row in csv.DictReader(stream)]
    labels = {"0": "?", "1": "N3", "2": "N2", "3": "N1", "4": "R", "5": "W"}
    ends = [onset for onset, _ in rows[1:]] + [data.size / 100]
    events = ["onset\tduration\ttrial_type"]
    events += [f"{onset}\t{end - onset}\t{labels[code]}" for (onset, code), end in zip(rows, ends)]
    root = tmp_path / "data"
    stem = "sub-1/eeg/sub-1_task-sleep"
    (root / stem).parent.mkdir(parents=True)
    (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0"}')
    (root / f"{stem}_events.tsv").write_text("\n".join(events) + "\n")
    top = float(np.ceil(np.abs(data).max()))
    signal = EdfSignal(
        data[: data.size // 100 * 100], 100, label="C3", physical_dimension="uV", physical_range=(-top, top)
    )
    Edf([signal]).write(root / f"{stem}_eeg.edf")
    night, found = both_steps(root, stem, tmp_path / "out", "x-1")
    delta = found["psd"].sel(freq=slice(1.0, 4.0)).mean(["freq", "channel"])
    assert delta.sel(stage="N3") > 2 * delta.sel(stage="N2") > 2 * delta.sel(stage="R")
    assert night.sizes["line"] == 0
    assert (night["artefact"].values == 0).mean() > 0.8
