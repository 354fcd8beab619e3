"""Prepared nights of given signals, and what connect makes of them."""

import numpy as np
import xarray as xr

from braintwin.contracts.connect import CONNECTOME
from braintwin.contracts.prepare import EPOCHS, PREPARED
from braintwin.io.arrays import read_dataset, write_dataset, write_epochs
from braintwin.io.channels import positions
from braintwin.io.records import write_status
from braintwin.options.connect import ConnectOptions
from braintwin.steps import connect

FEW = ConnectOptions(
    bands={"alpha": (8, 12)}, min_epochs=8, blocks=4, epochs="all", measures=["coherence", "plv", "wpli", "aec_orth"]
)
"""One band, few epochs, few measures."""


def write_night(folder, signals, stages, names):
    epochs = np.arange(len(stages))
    attrs = dict.fromkeys(PREPARED.attrs, "none") | {"night": folder.name, "person": "demo-01", "dataset": "demo"}
    attrs |= {"sfreq": 100.0, "highpass": 0.3, "lowpass": 45.0}
    prepared = PREPARED.empty({"epoch": len(stages), "channel": len(names)}, attrs)
    prepared["stage"] = ("epoch", np.asarray(stages, dtype=np.int64))
    prepared["position"] = (("channel", "axis"), positions(names), {"units": "m"})
    prepared = prepared.assign_coords(
        epoch=epochs, onset=("epoch", 30.0 * epochs), channel=list(names), axis=list("xyz")
    )
    write_dataset(folder / "prepare.nc", prepared, PREPARED)
    write_status(folder / "prepare.nc", "prepare", "ok")
    eeg = xr.Dataset(
        {"eeg": (("epoch", "channel", "time"), signals.astype(np.float32))},
        {"epoch": epochs, "channel": list(names), "time": np.arange(signals.shape[2]) / 100},
        {"night": folder.name, "person": "demo-01", "sfreq": 100.0},
    )
    write_epochs(folder / "epochs.zarr.zip", eeg, EPOCHS, chunk_epochs=10)
    return prepared


def connected(folder, options):
    connect.run(
        prepare=folder / "prepare.nc", epochs=folder / "epochs.zarr.zip", connect=folder / "connect.nc", threads=1,
        options=options,
    )  # fmt: skip
    return read_dataset(folder / "connect.nc", CONNECTOME)
