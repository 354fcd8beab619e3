"""The connect step, from artefacts on disk to artefacts on disk."""

import numpy as np
import pytest
import xarray as xr

from braintwin.cli import step
from braintwin.contracts.connect import CONNECTOME, MEASURES
from braintwin.contracts.prepare import EPOCHS, PREPARED
from braintwin.contracts.stages import STAGES
from braintwin.errors import BrainTwinError, ConfigError
from braintwin.io.arrays import read_dataset, write_dataset, write_epochs
from braintwin.io.records import read_status, write_status
from braintwin.options.connect import ConnectOptions
from braintwin.steps import connect

OPTIONS = ConnectOptions(min_epochs=8, blocks=5)


def write_night(folder, stages, channels=3, artefact=None, lowpass=45.0, change=None):
    rng = np.random.default_rng(0)
    names = [f"C{k}" for k in range(channels)]
    epochs = np.arange(len(stages))
    source = rng.standard_normal((len(stages), 1, 3010))
    lagged = np.concatenate([source[..., 3 * k : 3 * k + 3000] for k in range(channels)], axis=1)
    signals = 20 * (lagged + rng.standard_normal((len(stages), channels, 3000)))
    if change is not None:
        signals = change(signals, epochs)
    attrs = dict.fromkeys(PREPARED.attrs, "none") | {"night": folder.name, "person": "demo-01", "sfreq": 100.0}
    prepared = PREPARED.empty(
        {"epoch": len(stages), "channel": channels}, attrs | {"highpass": 0.3, "lowpass": lowpass}
    )
    prepared["stage"] = ("epoch", np.asarray(stages, dtype=np.int64))
    if artefact is not None:
        prepared["artefact"] = (("epoch", "channel"), np.asarray(artefact, dtype=np.int64))
    prepared = prepared.assign_coords(epoch=epochs, onset=("epoch", 30.0 * epochs), channel=names)
    write_dataset(folder / "prepare.nc", prepared, PREPARED)
    write_status(folder / "prepare.nc", "prepare", "ok")
    eeg = xr.Dataset(
        {"eeg": (("epoch", "channel", "time"), signals.astype(np.float32))},
        {"epoch": epochs, "channel": names, "time": np.arange(3000) / 100},
        {"night": folder.name, "person": "demo-01", "sfreq": 100.0},
    )
    write_epochs(folder / "epochs.zarr.zip", eeg, EPOCHS, chunk_epochs=10)


def connected(folder, options=OPTIONS, threads=1):
    target = folder / "connect.nc"
    connect.run(
        prepare=folder / "prepare.nc",
        epochs=folder / "epochs.zarr.zip",
        connect=target,
        threads=threads,
        options=options,
    )
    return read_dataset(target, CONNECTOME), read_status(target)


@pytest.fixture
def folder(tmp_path):
    night = tmp_path / "demo-01-1"
    night.mkdir()
    return night


def test_stages_with_enough_epochs_are_estimated_and_others_say_why(folder):
    write_night(folder, [2] * 40 + [3] * 10 + [-1] * 6)
    found, status = connected(folder)
    assert status.state == "ok"
    n2, n3 = found.sel(stage="N2"), found.sel(stage="N3")
    assert n2["n_epochs"] == 20
    assert n2["reason"] == ""
    assert np.isfinite(n2["connectivity"]).all()
    assert n2["connectivity"].sel(measure="wpli", band="alpha", node="C0", node_to="C1") > 0.6
    assert n3["n_epochs"] == 5
    assert str(n3["reason"].values) == "5 clean epochs (odd), at least 8 needed"
    assert np.isnan(n3["connectivity"]).all()
    assert tuple(found["measure"].values) == MEASURES
    assert tuple(found["stage"].values) == STAGES
    assert found.attrs["night"] == folder.name
    assert str(folder.parent) not in str(found.attrs)


def test_only_odd_epochs_go_in(folder):
    write_night(folder, [2] * 40)
    plain, _ = connected(folder)
    write_night(folder, [2] * 40, change=lambda x, e: np.where(e[:, None, None] % 2 == 0, 1e3, x))
    other, _ = connected(folder)
    xr.testing.assert_equal(plain, other)
    everything, _ = connected(folder, OPTIONS.model_copy(update={"epochs": "all"}))
    assert everything.sel(stage="N2")["n_epochs"] == 40


def test_a_channel_that_is_mostly_bad_leaves_the_others(folder):
    artefact = np.zeros((40, 3), int)
    artefact[4:, 1] = 3
    write_night(folder, [2] * 40, artefact=artefact)
    found, _ = connected(folder)
    n2 = found.sel(stage="N2")
    assert n2["n_epochs"] == 20
    assert np.isfinite(n2["connectivity"].sel(node="C0", node_to="C2")).all()
    assert np.isnan(n2["connectivity"].sel(node="C1")).all()
    assert n2["n_epochs_pair"].sel(node="C0", node_to="C1") == 2


def test_threads_change_no_bit(folder):
    write_night(folder, [2] * 40 + [4] * 30)
    runs = [connected(folder, threads=threads)[0] for threads in (1, 2, 4)]
    for other in runs[1:]:
        xr.testing.assert_identical(runs[0], other)


def test_a_band_beyond_the_passband_is_missing_and_named(folder):
    write_night(folder, [2] * 20, lowpass=20.0)
    found, _ = connected(folder)
    n2 = found.sel(stage="N2")["connectivity"]
    assert np.isnan(n2.sel(band="beta")).all()
    assert np.isfinite(n2.sel(band="sigma")).all()
    assert "beta (15-30 Hz) is outside the passband" in found.attrs["bands_missing"]


@pytest.mark.parametrize(
    ("channels", "state", "reason"),
    [
        (0, "absent", "no EEG content"),
        (1, "absent", "one EEG channel: no pairs"),
        (2, "absent", "N2: 6 clean epochs"),
    ],
)
def test_a_night_without_pairs_or_epochs_is_written_empty(folder, channels, state, reason):
    write_night(folder, [2] * 12, channels=max(channels, 1))
    if channels == 0:
        prepared = read_dataset(folder / "prepare.nc", PREPARED).isel(channel=slice(0))
        write_dataset(folder / "prepare.nc", prepared, PREPARED)
        (folder / "epochs.zarr.zip").unlink()
    found, status = connected(folder)
    assert status.state == state
    assert reason in status.reason
    assert found.sizes["node"] == 0


def test_a_night_that_was_refused_before_stays_refused(folder):
    write_night(folder, [2] * 20)
    write_status(folder / "prepare.nc", "prepare", "excluded", "too short")
    _, status = connected(folder)
    assert (status.state, status.reason) == ("excluded", "too short")


def test_epochs_of_another_night_are_a_mistake(folder):
    write_night(folder, [2] * 20)
    prepared = read_dataset(folder / "prepare.nc", PREPARED).isel(epoch=slice(0, 18))
    write_dataset(folder / "prepare.nc", prepared, PREPARED)
    with pytest.raises(BrainTwinError, match="run prepare again"):
        connected(folder)


def test_the_command_line_reads_the_options(folder):
    write_night(folder, [2] * 20)
    flags = [f"--{name}={folder / file}" for name, file in (
        ("prepare", "prepare.nc"), ("epochs", "epochs.zarr.zip"), ("connect", "connect.nc"))]  # fmt: skip
    assert step.run(["connect", *flags, "--threads=1", '--options={"bands": {"alpha": [8, 12]}}']) == 0
    assert list(read_dataset(folder / "connect.nc", CONNECTOME)["band"].values) == ["alpha"]
    with pytest.raises(ConfigError, match="0 < lower < upper"):
        step.run(["connect", *flags, "--threads=1", '--options={"bands": {"alpha": [12, 8]}}'])
