"""The connect step on real recordings: a clinical PSG of 89 channels at mixed rates, and a night of one channel."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from braintwin.contracts.connect import CONNECTOME
from braintwin.contracts.prepare import PREPARED
from braintwin.contracts.tables import NightRow
from braintwin.io.arrays import read_dataset
from braintwin.io.records import read_status
from braintwin.options.connect import ConnectOptions
from braintwin.options.dataset import DatasetOptions
from braintwin.options.prepare import PrepareOptions
from braintwin.steps import connect, prepare

pytestmark = pytest.mark.real


def prepared(root: Path, stem: str, folder: Path, options: PrepareOptions) -> xr.Dataset:
    row = NightRow(
        night=folder.name, person=folder.name, dataset="real", bids_path=stem, has_eeg=True, has_stages=True,
        signal=f"{stem}_eeg.edf", stages=f"{stem}_events.tsv",
    )  # fmt: skip
    prepare.run(
        night=row, dataset=DatasetOptions(source=str(root)), dataset_root=root, prepare=folder / "prepare.nc",
        epochs=folder / "epochs.zarr.zip", options=options,
    )  # fmt: skip
    assert read_status(folder / "prepare.nc").reason == ""
    return read_dataset(folder / "prepare.nc", PREPARED)


def connected(folder: Path, options: ConnectOptions) -> xr.Dataset:
    connect.run(
        prepare=folder / "prepare.nc", epochs=folder / "epochs.zarr.zip", connect=folder / "connect.nc", threads=1,
        options=options,
    )  # fmt: skip
    return read_dataset(folder / "connect.nc", CONNECTOME)


def test_a_clinical_psg_keeps_its_scalp_electrodes_and_names_the_others(real_data, tmp_path):
    source = next((real_data / "fixtures").rglob("subject1.edf"))
    stem = "sub-01/eeg/sub-01_task-sleep"
    (tmp_path / "sub-01" / "eeg").mkdir(parents=True)
    shutil.copy(source, tmp_path / f"{stem}_eeg.edf")
    # Two minutes have no scoring of their own; that the stage is one and the same is all this test needs.
    rows = "".join(f"{start}\t30\tN2\n" for start in range(0, 120, 30))
    (tmp_path / f"{stem}_events.tsv").write_text(f"onset\tduration\ttrial_type\n{rows}")
    folder = tmp_path / "real-01"
    night = prepared(tmp_path, stem, folder, PrepareOptions(min_scored_min=1))
    kept = sorted(night["channel"].values.astype(str))
    assert [name.split("-")[0] for name in kept] == ["C3", "C4", "F3", "F4", "O1", "O2"]
    left_out = str(night.attrs.get("channels_left_out", ""))
    for name in ("E1", "ECG", "SpO2"):
        assert name.lower() in left_out.lower()
    found = connected(folder, ConnectOptions(min_epochs=2, blocks=4, epochs="all", control=False))
    assert read_status(folder / "connect.nc").state == "ok"
    assert sorted(found["node"].values.astype(str)) == kept
    n2 = found.sel(stage="N2")
    assert np.isfinite(n2["connectivity"]).all()
    assert found.attrs["meaning"] == "sensor-space functional connectivity"
    assert "19 needed" in found.attrs["regions"]
    shared = n2["connectivity"].sel(measure=["coherence", "imaginary_coherence"], band="alpha")
    assert abs(shared[1]).mean() < shared[0].mean() / 2  # what electrodes share is mostly at lag zero


def test_a_night_of_one_channel_has_no_pairs_and_says_so(real_data, tmp_path):
    stem = "sub-ucddb018/eeg/sub-ucddb018_task-sleep"
    folder = tmp_path / "ucddb-ucddb018"
    prepared(real_data / "ucddb" / "bids", stem, folder, PrepareOptions(min_scored_min=30, trim_min=600))
    found = connected(folder, ConnectOptions())
    assert found.sizes["node"] == 0
    assert read_status(folder / "connect.nc").reason == "connect: one EEG channel: no pairs"
