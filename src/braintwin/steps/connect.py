"""`connect`: the connectome of one night, per stage, band and measure, with standard errors."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
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
from braintwin.io.connectomes import write_relmats
from braintwin.io.matrices import matrix_files
from braintwin.io.records import guarded, require_ok
from braintwin.io.workers import workers
from braintwin.options.connect import ConnectOptions
from braintwin.paths import owner
from braintwin.provenance import derive_seed, stamp
from braintwin.signals.connectome import Settings, StageConnectome, stage_connectome
from braintwin.signals.coupling import usable_bands
from braintwin.signals.graph_layer import stage_graphs
from braintwin.signals.reliability import (
    InstantMixing,
    correlation_root,
    equal_epochs,
    null_band,
    share_above,
)
from braintwin.steps.connect_regions import add_regions, add_structural

Lines = list[tuple[float, float]]

RESIDENT_BYTES = 256 * 2**20
"""A night this small is read once and kept: its chunks hold epochs of all stages and would be unpacked five times."""

MIXING_SAMPLES = 2**21
"""Samples from which the correlation at lag zero is taken; more would change nothing."""


def run(*, prepare: Path, epochs: Path, connect: Path, threads: int, options: ConnectOptions) -> None:
    """Estimate the connectome of a prepared night.

    Parameters
    ----------
    prepare, epochs : Path
        `prepare.nc` and `epochs.zarr.zip` of the night.
    connect : Path
        Artefact to write; relation matrices that were asked for go to the folder `relmat` beside it.
    threads : int
        Threads of the Dask scheduler; the values do not depend on it.
    options : ConnectOptions
        Bands, windows, blocks.
    """

    def write(dataset: xr.Dataset, given: Sequence[Path] = ()) -> None:
        stamped = stamp(
            version=braintwin.__version__,
            step="connect",
            module=__name__,
            options=options.model_dump() | {"structural": Path(options.structural).name},
            inputs=[path for path in (prepare, epochs, *given) if path.is_file()],
            seed=None,
        )
        write_dataset(connect, dataset, CONNECTOME, stamped)

    def write_empty() -> None:
        write(CONNECTOME.empty(attrs={"night": owner(connect)}))

    entities = f"sub-{''.join(part for part in owner(connect) if part.isalnum())}_task-sleep"
    for earlier in (connect.parent / "relmat").glob(f"{entities}_*relmat*"):
        earlier.unlink()
    with guarded(connect, "connect", write_empty):
        require_ok(prepare)
        prepared = read_dataset(prepare, PREPARED)
        if not prepared.sizes["channel"]:
            message = "connect: no EEG content"
            raise NothingToDo(message)
        if prepared.sizes["channel"] == 1:
            message = "connect: one EEG channel: no pairs"
            raise NothingToDo(message)
        dataset = estimate(prepared, epochs, threads, options)
        write(dataset, matrix_files(options.structural, prepared.attrs["person"], prepared.attrs["dataset"]))
        if options.relmat:
            write_relmats(connect.parent / "relmat", dataset, options.relmat, entities)


def estimate(prepared: xr.Dataset, epochs: Path, threads: int, options: ConnectOptions) -> xr.Dataset:
    """Return the connectome of a night as its contract wants it."""
    settings, refused = _settings(prepared, threads, options)
    with _opened(epochs, prepared) as opened, workers(options.dask) as client:
        eeg = opened["eeg"].data
        if client is None and eeg.nbytes <= RESIDENT_BYTES:
            eeg = eeg.compute(scheduler="threads", num_workers=threads)
        rows, valid, reasons = _stages(prepared, options)
        found: dict[str, StageConnectome] = {}
        for stage in [stage for stage, reason in reasons.items() if not reason]:
            found[stage] = stage_connectome(eeg[rows[stage]], valid[stage], settings, client=client)
            if not np.isfinite(found[stage].value).any():
                reasons[stage] = f"no pair of channels has {options.min_epochs} epochs in which both are clean"
        if all(reasons.values()):
            detail = "; ".join(f"{stage}: {reason}" for stage, reason in reasons.items())
            message = f"connect: no stage has enough clean epochs ({detail})"
            raise NothingToDo(message)
        dataset = _assemble(prepared, options, settings, found)
        if options.control:
            dataset = _controlled(dataset, eeg, rows, valid, found, settings, client)
        dataset = add_regions(dataset, prepared, eeg, rows, found, settings, options, client)
    dataset = add_structural(dataset, prepared, options)
    dataset["n_epochs"] = ("stage", np.array([rows[stage].size for stage in STAGES], dtype=np.int64))
    dataset["reason"] = ("stage", np.array(list(reasons.values())))
    return dataset.assign_attrs(bands_missing="; ".join(refused), lines_masked=len(settings.lines))


def _settings(prepared: xr.Dataset, threads: int, options: ConnectOptions) -> tuple[Settings, list[str]]:
    """Return how the night is estimated, and the bands that it cannot give."""
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
        method=options.method,
        bandwidth=options.bandwidth,
        measures=tuple(name for name in MEASURES if name in options.measures),
        memory_mib=options.memory_mib,
    )
    return settings, refused


def _lines(prepared: xr.Dataset) -> Lines:
    """Return the stretches of interference, of any channel: a pair shares what either of its channels picks up."""
    centre, half = prepared["line_frequency"].values, prepared["line_width"].values / 2
    return [(float(low), float(high)) for low, high in zip(centre - half, centre + half, strict=True)]


def _stages(
    prepared: xr.Dataset, options: ConnectOptions
) -> tuple[dict[str, NDArray[np.intp]], dict[str, NDArray[np.bool_]], dict[str, str]]:
    """Return of each stage the rows of its epochs, the clean channels of each, and why it is missing if it is.

    An epoch needs two clean channels. Odd means the number in the ``epoch`` coordinate: the even ones belong to the
    spectra.
    """
    clean = prepared["artefact"].values == 0
    rows, valid, reasons = {}, {}, {}
    for code, stage in enumerate(STAGES):
        use = (prepared["stage"].values == code) & (clean.sum(axis=1) >= 2)
        if options.epochs == "odd":
            use &= prepared["epoch"].values % 2 == 1
        rows[stage] = np.flatnonzero(use)
        valid[stage] = clean[rows[stage]]
        few = rows[stage].size < options.min_epochs
        reasons[stage] = (
            f"{rows[stage].size} clean epochs ({options.epochs}), at least {options.min_epochs} needed" if few else ""
        )
    return rows, valid, reasons


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
    prepared: xr.Dataset, options: ConnectOptions, settings: Settings, found: Mapping[str, StageConnectome]
) -> xr.Dataset:
    names, channels = list(options.bands), prepared["channel"].values.astype(str)
    nodes = channels.size
    value = np.full((len(STAGES), len(names), len(settings.measures), nodes, nodes), np.nan)
    error, pairs = value.copy(), np.zeros((len(STAGES), nodes, nodes), dtype=np.int64)
    reliability = np.full(value.shape[:3], np.nan)
    bands = [names.index(band) for band in settings.bands]
    for stage, estimates in found.items():
        code = STAGES.index(stage)
        value[code, bands], error[code, bands] = estimates.value, estimates.standard_error
        reliability[code, bands], pairs[code] = estimates.reliability, estimates.n_epochs
    dims = ("stage", "band", "measure", "node", "node_to")
    edges = np.array(list(options.bands.values()), dtype=np.float64)
    dataset = xr.Dataset(
        {
            "connectivity": (dims, value.astype(np.float32)),
            "standard_error": (dims, error.astype(np.float32)),
            "reliability": (dims[:3], reliability),
            "n_epochs_pair": (("stage", "node", "node_to"), pairs),
        },
        {
            "stage": list(STAGES),
            "band": names,
            "band_low": ("band", edges[:, 0]),
            "band_high": ("band", edges[:, 1]),
            "measure": list(settings.measures),
            "node": channels,
            "node_to": channels,
        },
        _attrs(prepared, options, settings),
    )
    if options.graph_measure in settings.measures:
        seed = derive_seed(0, "connect", str(prepared.attrs["night"]))
        graphs = stage_graphs(value[:, :, settings.measures.index(options.graph_measure)], np.random.default_rng(seed))
        dataset = dataset.assign(graphs).assign_attrs(graph_measure=options.graph_measure)
    return dataset


def _attrs(prepared: xr.Dataset, options: ConnectOptions, settings: Settings) -> dict[str, Any]:
    tapers = len(settings.tapers.weights)
    return {
        "night": prepared.attrs["night"],
        "person": prepared.attrs["person"],
        "estimand": "across_epochs_within_stage",
        "level": "sensor",
        "meaning": "sensor-space functional connectivity",
        "epochs_used": options.epochs,
        "window_s": options.window_s,
        "window": "hann, 50 % overlap" if options.method == "hann" else f"multitaper, {tapers} tapers, no overlap",
        "validity": "pairwise: epochs in which both nodes are clean",
        "envelope": "orthogonalised pairwise within each epoch, both directions averaged, sign kept, mean of epochs",
        "jackknife_blocks": options.blocks,
        "reference": str(prepared.attrs["reference"]),
    }


def _controlled(
    dataset: xr.Dataset, eeg: Any, rows: Mapping[str, NDArray[np.intp]], valid: Mapping[str, NDArray[np.bool_]],
    found: Mapping[str, StageConnectome], settings: Settings, client: Any,
) -> xr.Dataset:  # fmt: skip
    """Add estimates from equal numbers of epochs, and what instantaneous mixing alone gives with as many.

    Stages differ tenfold in length, and the bias of PLV, wPLI and coherence follows.
    """
    wanted = min(rows[stage].size for stage in found)
    value = np.full(dataset["connectivity"].shape, np.nan, dtype=np.float32)
    null, above = np.full(value.shape[:3], np.nan), np.full(value.shape[:3], np.nan)
    bands = [list(dataset["band"].values).index(band) for band in settings.bands]
    rng = np.random.default_rng(derive_seed(0, "connect-mixing", str(dataset.attrs["night"])))
    for stage, estimates in found.items():
        code, chosen = STAGES.index(stage), equal_epochs(rows[stage].size, wanted)
        epochs, clean = eeg[rows[stage][chosen]], valid[stage][chosen]
        plain = replace(settings, blocks=0)
        equal = (
            estimates.value
            if chosen.size == rows[stage].size
            else stage_connectome(epochs, clean, plain, client=client).value
        )
        mixing = InstantMixing(_mixing(epochs, clean), rng.integers(2**62, size=chosen.size))
        mixed = stage_connectome(epochs, clean, plain, change=mixing, client=client)
        value[code, bands] = equal
        null[code, bands] = null_band(mixed.value)
        above[code, bands] = share_above(equal, null[code, bands])
    dims = dataset["connectivity"].dims
    return dataset.assign(
        connectivity_equal=(dims, value), mixing_null=(dims[:3], null), above_mixing=(dims[:3], above)
    ).assign_attrs(epochs_equal=wanted)


def _mixing(eeg: Any, valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the root of the correlation at lag zero, from a few epochs spread over the stage."""
    few = equal_epochs(len(valid), max(2, MIXING_SAMPLES // (eeg.shape[1] * eeg.shape[2])))
    part = eeg[few]
    data = np.asarray(part if isinstance(part, np.ndarray) else part.compute(scheduler="synchronous"))
    usable = valid[few] & np.isfinite(data).all(axis=-1)
    return correlation_root(np.where(usable[..., None], data, 0), usable)
