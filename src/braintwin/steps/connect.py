"""`connect`: the connectome of one night, per stage, band and measure, with standard errors."""

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import braintwin
from braintwin.contracts.connect import CONNECTOME, MEASURES
from braintwin.contracts.prepare import EPOCHS, PREPARED
from braintwin.contracts.stages import STAGES
from braintwin.errors import BrainTwinError, NothingToDo
from braintwin.io.arrays import open_epochs, read_dataset, write_dataset
from braintwin.io.records import guarded, require_ok
from braintwin.options.connect import ConnectOptions
from braintwin.paths import owner
from braintwin.provenance import stamp
from braintwin.signals.connectome import Settings, StageConnectome, stage_connectome
from braintwin.signals.coupling import usable_bands

Lines = list[tuple[float, float]]

RESIDENT_BYTES = 256 * 2**20
"""A night this small is read once and kept: its chunks hold epochs of all stages and would be unpacked five times."""


def run(*, prepare: Path, epochs: Path, connect: Path, threads: int, options: ConnectOptions) -> None:
    """Estimate the connectome of a prepared night.

    Parameters
    ----------
    prepare, epochs : Path
        `prepare.nc` and `epochs.zarr.zip` of the night.
    connect : Path
        Artefact to write.
    threads : int
        Threads of the Dask scheduler; the values do not depend on it.
    options : ConnectOptions
        Bands, windows, blocks.
    """

    def write(dataset: xr.Dataset) -> None:
        inputs = [path for path in (prepare, epochs) if path.is_file()]
        stamped = stamp(
            version=braintwin.__version__,
            step="connect",
            module=__name__,
            options=options.model_dump(),
            inputs=inputs,
            seed=None,
        )
        write_dataset(connect, dataset, CONNECTOME, stamped)

    def write_empty() -> None:
        write(CONNECTOME.empty(attrs={"night": owner(connect)}))

    with guarded(connect, "connect", write_empty):
        require_ok(prepare)
        prepared = read_dataset(prepare, PREPARED)
        if not prepared.sizes["channel"]:
            message = "connect: no EEG content"
            raise NothingToDo(message)
        if prepared.sizes["channel"] == 1:
            message = "connect: one EEG channel: no pairs"
            raise NothingToDo(message)
        write(estimate(prepared, epochs, threads, options))


def estimate(prepared: xr.Dataset, epochs: Path, threads: int, options: ConnectOptions) -> xr.Dataset:
    """Return the connectome of a night as its contract wants it."""
    lines = _lines(prepared)
    sfreq = float(prepared.attrs["sfreq"])
    passband = (float(prepared.attrs["highpass"]), float(prepared.attrs["lowpass"]))
    bands, refused = usable_bands(options.bands, sfreq, options.window_s, passband, lines)
    if not bands:
        message = f"connect: no band can be estimated ({'; '.join(refused)})"
        raise NothingToDo(message)
    settings = Settings(
        sfreq=sfreq,
        window_s=options.window_s,
        bands=bands,
        lines=lines,
        min_epochs=options.min_epochs,
        blocks=options.blocks,
        chunk_epochs=options.chunk_epochs,
        threads=threads,
    )
    found: dict[str, StageConnectome] = {}
    reasons, numbers = [], []
    with _opened(epochs, prepared) as opened:
        eeg = opened["eeg"].data
        if eeg.nbytes <= RESIDENT_BYTES:
            eeg = eeg.compute(scheduler="threads", num_workers=threads)
        for code, stage in enumerate(STAGES):
            rows, valid = _stage_epochs(prepared, code, options.epochs)
            numbers.append(rows.size)
            reason = ""
            if rows.size < options.min_epochs:
                reason = f"{rows.size} clean epochs ({options.epochs}), at least {options.min_epochs} needed"
            else:
                found[stage] = stage_connectome(eeg[rows], valid, settings)
                if not np.isfinite(found[stage].value).any():
                    reason = f"no pair of channels has {options.min_epochs} epochs in which both are clean"
            reasons.append(reason)
    if all(reasons):
        detail = "; ".join(f"{stage}: {reason}" for stage, reason in zip(STAGES, reasons, strict=True))
        message = f"connect: no stage has enough clean epochs ({detail})"
        raise NothingToDo(message)
    dataset = _assemble(prepared, options, list(bands), found)
    dataset["n_epochs"] = ("stage", np.array(numbers, dtype=np.int64))
    dataset["reason"] = ("stage", np.array(reasons))
    return dataset.assign_attrs(bands_missing="; ".join(refused), lines_masked=len(lines))


def _lines(prepared: xr.Dataset) -> Lines:
    """Return the stretches of interference, of any channel: a pair shares what either of its channels picks up."""
    centre, half = prepared["line_frequency"].values, prepared["line_width"].values / 2
    return [(float(low), float(high)) for low, high in zip(centre - half, centre + half, strict=True)]


def _stage_epochs(prepared: xr.Dataset, code: int, parity: str) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the rows of a stage's epochs with at least two clean channels, and the clean channels of each.

    Odd means the number in the ``epoch`` coordinate: the even ones belong to the spectra.
    """
    clean = prepared["artefact"].values == 0
    use = (prepared["stage"].values == code) & (clean.sum(axis=1) >= 2)
    if parity == "odd":
        use &= prepared["epoch"].values % 2 == 1
    rows = np.flatnonzero(use)
    return rows, clean[rows]


def _opened(epochs: Path, prepared: xr.Dataset) -> xr.Dataset:
    """Return the epochs as Dask arrays, one stored chunk each, after checking that they belong to `prepared`."""
    with open_epochs(epochs, EPOCHS) as stored:
        chunks = stored["eeg"].encoding.get("chunks") or (1,)
        same = all(np.array_equal(stored[dim].values, prepared[dim].values) for dim in ("epoch", "channel"))
    if not same:
        message = (
            f"{epochs.name} and prepare.nc of {epochs.parent.name} differ in epochs or channels; run prepare again"
        )
        raise BrainTwinError(message)
    return open_epochs(epochs, EPOCHS, chunks={"epoch": chunks[0]})


def _assemble(
    prepared: xr.Dataset, options: ConnectOptions, bands: list[str], found: dict[str, StageConnectome]
) -> xr.Dataset:
    names, channels = list(options.bands), prepared["channel"].values.astype(str)
    nodes = channels.size
    value = np.full((len(STAGES), len(names), len(MEASURES), nodes, nodes), np.nan)
    error, pairs = value.copy(), np.zeros((len(STAGES), nodes, nodes), dtype=np.int64)
    rows = [names.index(band) for band in bands]
    for stage, estimates in found.items():
        code = STAGES.index(stage)
        value[code, rows], error[code, rows] = estimates.value, estimates.standard_error
        pairs[code] = estimates.n_epochs
    dims = ("stage", "band", "measure", "node", "node_to")
    edges = np.array(list(options.bands.values()), dtype=np.float64)
    attrs: dict[str, Any] = {
        "night": prepared.attrs["night"],
        "person": prepared.attrs["person"],
        "estimand": "across_epochs_within_stage",
        "level": "sensor",
        "epochs_used": options.epochs,
        "window_s": options.window_s,
        "window": "hann, 50 % overlap",
        "validity": "pairwise: epochs in which both nodes are clean",
        "envelope": "orthogonalised pairwise within each epoch, both directions averaged, sign kept, mean of epochs",
        "jackknife_blocks": options.blocks,
        "reference": str(prepared.attrs["reference"]),
    }
    return xr.Dataset(
        {
            "connectivity": (dims, value.astype(np.float32)),
            "standard_error": (dims, error.astype(np.float32)),
            "n_epochs_pair": (("stage", "node", "node_to"), pairs),
        },
        {
            "stage": list(STAGES),
            "band": names,
            "band_low": ("band", edges[:, 0]),
            "band_high": ("band", edges[:, 1]),
            "measure": list(MEASURES),
            "node": channels,
            "node_to": channels,
        },
        attrs,
    )
