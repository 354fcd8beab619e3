"""Units are known by the header, by channels.tsv or by amplitude; channels of one file may have different rates."""

from pathlib import Path

import numpy as np
import pytest
from edfio import Edf, EdfSignal

from braintwin.errors import NightExcluded
from braintwin.io.eeg import open_recording

TRUE_UV = 30.0


def write(folder: Path, unit: str, scale: float, *, tsv: str = "", label: str = "C3-A2") -> Path:
    """Write 2 min of an EEG of 30 µV as numbers of `scale` times µV under `unit`, and a faster chin EMG."""
    root = folder / "data"
    path = root / "sub-1" / "eeg" / "sub-1_task-sleep_eeg.edf"
    path.parent.mkdir(parents=True)
    (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0"}')
    rng = np.random.default_rng(0)
    eeg = rng.normal(0, TRUE_UV, 100 * 120) * scale
    top = float(np.abs(eeg).max())
    limits = float(f"{1.1 * top:.1e}")
    signal = EdfSignal(eeg, 100, label=label, physical_dimension=unit, physical_range=(-limits, limits))
    chin = EdfSignal(rng.normal(0, 5, 256 * 120), 256, label="Chin1-Chin2", physical_dimension="uV")
    Edf([signal, chin]).write(path)
    if tsv:
        rows = f"name\ttype\tunits\n{label}\tEEG\t{tsv}\nChin1-Chin2\tEMG\tuV\n"
        (path.parent / "sub-1_task-sleep_channels.tsv").write_text(rows)
    return path


@pytest.mark.parametrize(
    ("unit", "scale", "tsv", "source"),
    [
        ("uV", 1, "", "header"),
        ("mV", 1e-3, "", "header"),
        ("V", 1e-6, "", "header"),
        ("V", 1, "", "amplitude"),  # numbers of µV under the name of volt
        ("uV", 1e-6, "", "amplitude"),  # numbers of V under the name of µV
        ("mV", 1, "", "amplitude"),
        ("", 1, "uV", "channels.tsv"),
        ("", 1e-3, "mV", "channels.tsv"),
        ("", 1e-6, "n/a", "amplitude"),
        ("uV", 1, "V", "header"),  # the header, and the amplitude, speak against the sidecar
    ],
)
def test_the_same_eeg_is_30_uv_however_it_is_written(
    tmp_path: Path, unit: str, scale: float, tsv: str, source: str
) -> None:
    recording = open_recording(write(tmp_path, unit, scale, tsv=tsv))
    assert recording.units_source == source
    assert recording.read(["C3-A2"]).std() == pytest.approx(TRUE_UV, rel=0.03)


def test_numbers_that_fit_no_unit_of_volts_are_arbitrary(tmp_path: Path) -> None:
    recording = open_recording(write(tmp_path, "", 1e-10))
    assert recording.units_source == "arbitrary"


def test_each_channel_keeps_its_own_rate(tmp_path: Path) -> None:
    recording = open_recording(write(tmp_path, "uV", 1))
    assert recording.sfreq == {"C3-A2": 100.0, "Chin1-Chin2": 256.0}
    assert recording.read(["C3-A2"]).shape == (1, 100 * 120)
    assert recording.read(["Chin1-Chin2"]).shape == (1, 256 * 120)


def test_a_recording_without_eeg_is_refused_with_what_was_found(tmp_path: Path) -> None:
    with pytest.raises(NightExcluded, match=r"no EEG channel \(found 2: Position, Chin1-Chin2\); type it EEG"):
        open_recording(write(tmp_path, "uV", 1, label="Position"))


def test_reading_writes_nothing_into_the_dataset(tmp_path: Path) -> None:
    """A shared dataset may be read-only; lock files of mne-bids must not appear in it."""
    path = write(tmp_path, "uV", 1, tsv="uV")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "data").rglob("*")}
    assert open_recording(path).reader == "mne-bids"
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "data").rglob("*")} == before
