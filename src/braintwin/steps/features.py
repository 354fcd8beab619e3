"""Spectra per stage, slow-wave activity, spindles and slow waves of one night (`features.nc`)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

import braintwin
from braintwin.contracts.features import FEATURES
from braintwin.contracts.prepare import EPOCHS, PREPARED
from braintwin.contracts.stages import STAGES
from braintwin.errors import NothingToDo
from braintwin.io.arrays import open_epochs, read_dataset, write_dataset
from braintwin.io.records import guarded, require_ok
from braintwin.options.features import FeaturesOptions
from braintwin.provenance import stamp
from braintwin.signals.graphoelements import density
from braintwin.signals.lines import Line, line_mask
from braintwin.signals.spectra import (
    band_power,
    cross_spectra,
    effective_windows,
    log_bias,
    stage_spectrum,
    welch_epochs,
)

F64 = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

FEWEST_TOGETHER, MOST_TOGETHER = 4, 16
"""Numbers of channels whose coherency is kept."""

_CHUNK = 60  # epochs in memory at once, in double precision


def run(*, prepare: Path, epochs: Path, features: Path, options: FeaturesOptions) -> None:
    """Write `features.nc` of one night.

    Parameters
    ----------
    prepare, epochs : Path
        Artefacts of `prepare`.
    features : Path
        Artefact to write.
    options : FeaturesOptions
        See there.
    """
    made_by = stamp(
        version=braintwin.__version__,
        step="features",
        module=__name__,
        options=options.model_dump(),
        inputs=[prepare, epochs],
        seed=None,
    )
    attrs: dict[str, Any] = {
        "night": features.parent.name,
        "person": "",
        "window_s": options.window_s,
        "df": options.df,
        "window": "hann, half overlap",
    }
    with guarded(features, "features", lambda: write_dataset(features, FEATURES.empty(attrs=attrs), FEATURES, made_by)):
        require_ok(prepare)
        night = read_dataset(prepare, PREPARED)
        attrs |= {"night": night.attrs["night"], "person": night.attrs["person"]}
        if night.sizes["channel"] == 0:
            message = f"features: {night.attrs['night']} has no EEG content, so it has no spectrum"
            raise NothingToDo(message)
        with open_epochs(epochs, EPOCHS) as stored:
            found = night_features(night, stored, options)
            if options.coherency and FEWEST_TOGETHER <= night.sizes["channel"] <= MOST_TOGETHER:
                found = found.assign(coherency(night, stored, found["freq"].values, options))
                found = found.assign_coords(channel_to=found["channel"].values)
                attrs["reference"] = str(night.attrs["reference"])
        write_dataset(features, found.assign_attrs(attrs), FEATURES, made_by)


def night_features(night: xr.Dataset, stored: xr.Dataset, options: FeaturesOptions) -> xr.Dataset:
    """Return the features of a prepared night, in the form of their contract.

    Spectra come from even clean epochs only; slow-wave activity and events from all clean ones.
    """
    sfreq = float(night.attrs["sfreq"])
    stages, clean = night["stage"].values, night["artefact"].values == 0
    psd, freqs, swa = _psd(stored, sfreq, options)
    swa[~clean] = np.nan
    even = (night["epoch"].values % 2 == 0)[:, None] & clean
    samples = stored.sizes["time"]
    bias = log_bias(effective_windows(round(options.window_s * sfreq), samples))
    shape = (len(STAGES), clean.shape[1], freqs.size)
    mean, log, variance = (np.full(shape, np.nan) for _ in range(3))
    counts = np.zeros(shape[:2], dtype=np.int64)
    for stage in range(len(STAGES)):
        for channel in range(clean.shape[1]):
            rows = even[:, channel] & (stages == stage)
            if rows.sum() >= options.min_epochs:
                counts[stage, channel] = rows.sum()
                mean[stage, channel], log[stage, channel], variance[stage, channel] = stage_spectrum(
                    psd[:, channel], rows, bias
                )
    spindles, slow_waves = _densities(night, stored, options)
    spectrum = ("stage", "channel", "freq")
    return xr.Dataset(
        {
            "psd": (spectrum, mean),
            "log_psd": (spectrum, log),
            "log_psd_var": (spectrum, variance),
            "n_epochs": (("stage", "channel"), counts),
            "masked": (("channel", "freq"), _masked(night, freqs, options.window_s)),
            "swa": (("epoch", "channel"), swa),
            "spindle_density": (("stage", "channel"), spindles),
            "slow_wave_density": (("stage", "channel"), slow_waves),
        },
        {
            "stage": np.array(STAGES),
            "channel": night["channel"].values,
            "freq": freqs,
            "epoch": night["epoch"].values,
        },
    )


def coherency(
    night: xr.Dataset, stored: xr.Dataset, freqs: F64, options: FeaturesOptions
) -> dict[str, tuple[tuple[str, ...], F64]]:
    """Return the coherency of all channels in each stage, from the even epochs in which every one of them is clean."""
    sfreq, stages = float(night.attrs["sfreq"]), night["stage"].values
    kept = np.rint(freqs * options.window_s).astype(np.intp)
    even = (night["epoch"].values % 2 == 0) & (night["artefact"].values == 0).all(axis=1)
    worth = effective_windows(round(options.window_s * sfreq), stored.sizes["time"])
    n = night.sizes["channel"]
    found, windows = np.full((len(STAGES), n, n, freqs.size), np.nan, dtype=complex), np.zeros(len(STAGES))
    for stage in range(len(STAGES)):
        rows = np.flatnonzero(even & (stages == stage))
        if rows.size < options.min_epochs:
            continue
        total = np.zeros((freqs.size, n, n), dtype=complex)
        for part in np.array_split(rows, -(-rows.size // _CHUNK)):
            total += cross_spectra(stored["eeg"].isel(epoch=part).values, options.window_s, sfreq, kept)
        size = np.sqrt(np.einsum("fii->fi", total).real)
        found[stage] = np.moveaxis(total / size[:, :, None] / size[:, None, :], 0, -1)
        windows[stage] = rows.size * worth
    dims = ("stage", "channel", "channel_to", "freq")
    return {
        "coherency_re": (dims, found.real),
        "coherency_im": (dims, found.imag),
        "coherency_windows": (("stage",), windows),
    }


def _psd(stored: xr.Dataset, sfreq: float, options: FeaturesOptions) -> tuple[F64, F64, F64]:
    """Return the density of every epoch on the kept frequencies, these frequencies, and slow-wave activity."""
    pieces, swa, freqs, kept = [], [], np.empty(0), np.empty(0, dtype=int)
    for start in range(0, stored.sizes["epoch"], _CHUNK):
        eeg = stored["eeg"].isel(epoch=slice(start, start + _CHUNK)).values
        density_, freqs = welch_epochs(eeg, sfreq, options.window_s)
        grid = np.arange(options.fmin, min(options.fmax, sfreq / 2) + 1e-9, options.df)
        kept = np.unique(np.rint(grid * options.window_s).astype(int))
        kept = kept[kept < freqs.size]
        pieces.append(density_[..., kept])
        swa.append(band_power(density_, freqs, *options.swa_band))
    return np.concatenate(pieces), freqs[kept], np.concatenate(swa)


def _masked(night: xr.Dataset, freqs: F64, window_s: float) -> npt.NDArray[np.uint8]:
    """Return 1 where a line reaches, or where the filters do not pass: (channel, freq)."""
    outside = (freqs < float(night.attrs["highpass"]) - 1e-9) | (freqs > float(night.attrs["lowpass"]) + 1e-9)
    rows = [outside | line_mask(freqs, _lines(night, str(name)), window_s) for name in night["channel"].values]
    return np.array(rows, dtype=np.uint8).reshape(len(rows), freqs.size)


def _lines(night: xr.Dataset, channel: str) -> Sequence[Line]:
    here = np.flatnonzero(night["line_channel"].values == channel)
    values = (night[name].values[here] for name in ("line_frequency", "line_width", "line_excess"))
    return [Line(float(f), float(w), float(e)) for f, w, e in zip(*values)]


def _densities(night: xr.Dataset, stored: xr.Dataset, options: FeaturesOptions) -> tuple[F64, F64]:
    """Return spindles and slow waves a minute (stage, channel), one channel in memory at a time.

    Both are sought in the central channels only: detection costs more than all spectra. Slow waves have thresholds in
    µV, so they are not counted where the unit is unknown.
    """
    channels = night.sizes["channel"]
    spindles, slow_waves = (np.full((len(STAGES), channels), np.nan) for _ in range(2))
    if not options.events or float(night.attrs["lowpass"]) < 30:
        return spindles, slow_waves
    sfreq, stages = float(night.attrs["sfreq"]), night["stage"].values
    for channel in _nearest_to_vertex(night)[: options.events_channels]:
        eeg = stored["eeg"].isel(channel=channel).values
        clean = night["artefact"].values[:, channel] == 0
        spindles[:, channel] = density(eeg, stages, clean, sfreq, "spindle", min_epochs=options.min_epochs)
        if night.attrs.get("units_source") != "arbitrary":
            slow_waves[:, channel] = density(eeg, stages, clean, sfreq, "slow_wave", min_epochs=options.min_epochs)
    return spindles, slow_waves


def _nearest_to_vertex(night: xr.Dataset) -> list[int]:
    """Return the channels, nearest to the vertex first; those without a position come last, as recorded."""
    if "position" not in night:
        return list(range(night.sizes["channel"]))
    place = night["position"].values
    radius = np.linalg.norm(place, axis=1)
    if not np.isfinite(radius).any():
        return list(range(night.sizes["channel"]))
    distance = np.linalg.norm(place - np.array([0.0, 0.0, np.nanmax(radius)]), axis=1)
    return [int(i) for i in np.argsort(np.where(np.isfinite(distance), distance, np.inf), kind="stable")]
