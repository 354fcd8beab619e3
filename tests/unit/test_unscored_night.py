"""A night that nobody scored is staged by YASA, and says so."""

from pathlib import Path

import numpy as np
import pytest
from edfio import Edf, EdfAnnotation, EdfSignal
from scipy.signal import butter, sosfiltfilt

from braintwin.contracts.prepare import PREPARED
from braintwin.contracts.tables import NightRow
from braintwin.io.arrays import read_dataset
from braintwin.io.records import read_status
from braintwin.options.dataset import DatasetOptions
from braintwin.options.prepare import PrepareOptions
from braintwin.signals.graphoelements import density
from braintwin.signals.staging import best_channel
from braintwin.steps import prepare

SFREQ = 100


def band(rng: np.random.Generator, size: int, low: float, high: float, sd: float) -> np.ndarray:
    noise = sosfiltfilt(butter(4, [low, high], "bandpass", fs=SFREQ, output="sos"), rng.normal(size=size))
    return noise / noise.std() * sd


def night_of(minutes: tuple[int, int]) -> dict[str, np.ndarray]:
    """Wake (alpha, muscle, eye movements), then deep sleep (slow waves), in minutes; µV."""
    rng = np.random.default_rng(0)
    wake, deep = (60 * SFREQ * m for m in minutes)
    eeg = np.concatenate(
        [
            band(rng, wake, 8, 12, 12.0) + band(rng, wake, 15, 40, 6.0) + band(rng, wake, 0.5, 8, 5.0),
            band(rng, deep, 0.5, 2, 55.0) + band(rng, deep, 2, 8, 10.0) + band(rng, deep, 8, 20, 2.0),
        ]
    )
    eog = np.concatenate([band(rng, wake, 0.3, 5, 60.0), band(rng, deep, 0.3, 3, 20.0)])
    emg = np.concatenate([band(rng, wake, 15, 45, 30.0), band(rng, deep, 15, 45, 2.0)])
    return {"C4-M1": eeg, "E1-M2": eog, "Chin1-Chin2": emg}


def run(tmp_path: Path, **options: object) -> tuple[Path, np.ndarray]:
    name = "sub-1/eeg/sub-1_task-sleep_eeg.edf"
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0"}')
    channels = night_of((25, 60))
    Edf(
        [
            EdfSignal(x, SFREQ, label=label, physical_dimension="uV", physical_range=(-400, 400))
            for label, x in channels.items()
        ]
    ).write(tmp_path / name)
    night = NightRow(night="x-1", person="x-1", dataset="x", bids_path="sub-1", signal=name, has_eeg=True)
    out = tmp_path / "out" / "x-1" / "prepare.nc"
    prepare.run(
        night=night,
        dataset=DatasetOptions(source=str(tmp_path)),
        dataset_root=tmp_path,
        prepare=out,
        epochs=out.with_name("epochs.zarr.zip"),
        options=PrepareOptions(min_scored_min=20, **options),
    )
    return out, channels["C4-M1"]


@pytest.mark.slow
def test_yasa_stages_a_night_without_scoring(tmp_path):
    out, _ = run(tmp_path)
    assert read_status(out).state == "ok"
    night = read_dataset(out, PREPARED)
    assert night.attrs["stages_source"] == "yasa"
    stages, onset = night["stage"].values, night["onset"].values
    assert (stages[onset >= 27 * 60] == 3).mean() > 0.7
    assert (stages[onset < 22 * 60] == 0).mean() > 0.7
    assert night["channel"].values.tolist() == ["C4-M1"]
    soft = night["stage_probability"]
    assert soft["label"].values.tolist() == ["W", "N1", "N2", "N3", "R"]
    assert soft.shape == (stages.size, 5)
    np.testing.assert_allclose(soft.sum("label"), 1, atol=1e-5)
    np.testing.assert_array_equal(soft.values.argmax(axis=1), stages)


def test_a_scoring_inside_the_recording_is_used(tmp_path):
    """EDF+ annotations that are stages are a person's scoring; integer codes among them are never guessed."""
    name = "sub-1/eeg/sub-1_task-sleep_eeg.edf"
    (tmp_path / name).parent.mkdir(parents=True)
    labels = ["W"] * 10 + ["2"] * 30 + ["3"] * 20 + ["R"] * 10
    signal = EdfSignal(np.random.default_rng(0).normal(0, 20, 70 * 3000), SFREQ, label="C4-M1", physical_dimension="uV")

    def prepared(texts: list[str]) -> Path:
        marks = [EdfAnnotation(30 * i, 30, text) for i, text in enumerate(texts)]
        Edf([signal], annotations=[*marks, EdfAnnotation(7, None, "Lights Off")]).write(tmp_path / name)
        out = tmp_path / "out" / "x-1" / "prepare.nc"
        night = NightRow(night="x-1", person="x-1", dataset="x", bids_path="sub-1", signal=name, has_eeg=True)
        prepare.run(
            night=night, dataset=DatasetOptions(source=str(tmp_path)), dataset_root=tmp_path, prepare=out,
            epochs=out.with_name("epochs.zarr.zip"), options=PrepareOptions(min_scored_min=20),
        )  # fmt: skip
        return out

    out = prepared([f"Sleep stage {label}" for label in labels])
    night = read_dataset(out, PREPARED)
    assert (night.attrs["stages_source"], night.attrs["lights_off"]) == ("scored", 7.0)
    assert np.bincount(night["stage"].values, minlength=5).tolist() == [10, 0, 30, 20, 10]
    assert "stage_probability" not in night
    out = prepared([{"W": "5", "R": "4"}.get(label, label) for label in labels])
    status = read_status(out)
    assert (status.state, "integer codes 2, 3, 4, 5" in status.reason) == ("excluded", True)


def test_a_night_without_scoring_can_be_refused(tmp_path):
    out, _ = run(tmp_path, stage_missing="refuse")
    status = read_status(out)
    assert status.state == "excluded"
    assert "stage_missing: yasa" in status.reason


def test_the_central_channel_is_staged():
    assert best_channel(["O1", "F3", "C4", "C3"]) == 2
    assert best_channel(["HB_1", "HB_2"]) == 0


@pytest.fixture(scope="module")
def nrem() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """N2 (40 epochs with 3 spindles each), then N3 (40 with slow waves): epochs, stages, clean."""
    rng = np.random.default_rng(1)
    epochs = np.stack([band(rng, 30 * SFREQ, 0.5, 30, 12.0) for _ in range(80)])
    time = np.arange(SFREQ) / SFREQ
    burst = 45 * np.sin(2 * np.pi * 13.3 * time) * np.hanning(SFREQ)
    for epoch in epochs[:40]:
        for start in (400, 1400, 2400):
            epoch[start : start + SFREQ] += burst
    epochs[40:] += 80 * np.sin(2 * np.pi * 0.8 * np.arange(30 * SFREQ) / SFREQ)
    return epochs.astype(np.float32), np.repeat([2, 3], 40), np.ones(80, bool)


def test_spindles_are_counted_in_their_stage(nrem):
    found = density(*nrem, SFREQ, "spindle")
    assert found[2] == pytest.approx(6.0, abs=1.0)
    assert found[3] < 0.5
    assert np.isnan(found[[0, 1, 4]]).all()


def test_slow_waves_are_counted_in_their_stage(nrem):
    found = density(*nrem, SFREQ, "slow_wave")
    assert found[3] > 30
    assert found[2] < 3


def test_only_clean_epochs_count(nrem):
    epochs, stages, clean = nrem
    half = clean.copy()
    half[20:40] = False
    spoilt = epochs.copy()
    spoilt[20:40] = 0
    assert density(spoilt, stages, half, SFREQ, "spindle")[2] == pytest.approx(6.0, abs=1.0)
    none = stages == 0
    assert np.isnan(density(epochs, stages, none, SFREQ, "spindle")).all()
