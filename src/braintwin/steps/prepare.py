"""One night made ready: hypnogram, artefact mask and spectral lines (`prepare.nc`), EEG epochs (`epochs.zarr.zip`)."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

import braintwin
from braintwin.contracts.prepare import EPOCHS, PREPARED
from braintwin.contracts.stages import EPOCH_S
from braintwin.contracts.tables import NightRow
from braintwin.errors import NightExcluded
from braintwin.io.arrays import write_dataset, write_epochs
from braintwin.io.channels import derivation, positions
from braintwin.io.eeg import Recording, open_recording
from braintwin.io.hypnogram import Hypnogram, find_sidecars, read_hypnogram, trim
from braintwin.io.marks import read_marks
from braintwin.io.montage import choose_montage, kept_channels
from braintwin.io.records import guarded
from braintwin.options.dataset import DatasetOptions
from braintwin.options.prepare import PrepareOptions
from braintwin.provenance import file_digest, stamp
from braintwin.signals.artefacts import flat_epochs, judge
from braintwin.signals.epochs import Passband, condition, cut, passband, subtract_reference, usable_for_average
from braintwin.signals.lines import find_lines
from braintwin.signals.staging import best_channel, stage

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]


def run(
    *,
    night: NightRow,
    dataset: DatasetOptions,
    dataset_root: Path,
    prepare: Path,
    epochs: Path,
    options: PrepareOptions,
) -> None:
    """Prepare one night.

    Parameters
    ----------
    night : NightRow
        The night's row of `nights.tsv`; its paths are relative to `dataset_root`.
    dataset : DatasetOptions
        How its scoring is to be read.
    dataset_root : Path
        Folder of the dataset.
    prepare, epochs : Path
        Artefacts to write.
    options : PrepareOptions
        See there.
    """
    signal = dataset_root / night.signal if night.has_eeg and night.signal else None
    events = dataset_root / night.stages if night.stages else None
    sources = {"signal": signal, "stages": events}
    attrs = _identity(night)
    made_by = stamp(
        version=braintwin.__version__,
        step="prepare",
        module=__name__,
        options={"prepare": options.model_dump(), "stages": dataset.stages.model_dump()},
        inputs=[],
        seed=None,
    )
    # Inputs go by their part: a file's own name may hold a date or a name.
    digests = {part: file_digest(path)[:16] for part, path in sources.items() if path is not None and path.is_file()}
    made_by["inputs"] = json.dumps(digests, sort_keys=True)

    def write_empty() -> None:
        write_epochs(epochs, EPOCHS.empty(attrs=_only(attrs, EPOCHS.attrs)).assign_attrs(made_by), EPOCHS)
        write_dataset(prepare, PREPARED.empty(attrs=attrs), PREPARED, made_by)

    with guarded(prepare, "prepare", write_empty):
        prepared, eeg = prepare_night(night, dataset, dataset_root, options)
        write_epochs(epochs, eeg.assign_attrs(made_by), EPOCHS)
        write_dataset(prepare, prepared, PREPARED, made_by)


def prepare_night(
    night: NightRow, dataset: DatasetOptions, dataset_root: Path, options: PrepareOptions
) -> tuple[xr.Dataset, xr.Dataset]:
    """Return the prepared night and its epochs, in the form of their contracts.

    Raises
    ------
    NightExcluded
        If the night cannot be used, in one sentence.
    """
    events = dataset_root / night.stages if night.has_stages and night.stages else None
    recording = open_recording(dataset_root / night.signal) if night.has_eeg and night.signal else None
    hypnogram, source = _hypnogram(night, dataset, dataset_root, recording, options)
    scored = float(np.sum(hypnogram.stages >= 0)) * hypnogram.epoch_s / 60
    if scored < options.min_scored_min:
        message = (
            f"prepare: {night.night} has {scored:.1f} min of scored sleep and wake, expected at least "
            f"{options.min_scored_min:g} (prepare.min_scored_min)"
        )
        raise NightExcluded(message)
    onsets: F64 = hypnogram.onset_s + hypnogram.epoch_s * np.arange(hypnogram.stages.size, dtype=np.float64)
    attrs = _identity(night) | {
        "epoch_s": float(hypnogram.epoch_s),
        "stages_source": source,
        "lights_off": "unknown"
        if hypnogram.lights_off_s is None
        else float(hypnogram.lights_off_s - hypnogram.onset_s),
    }
    if recording is None:
        return _assemble(hypnogram, onsets, attrs), EPOCHS.empty(attrs=_only(attrs, EPOCHS.attrs))
    return _with_eeg(night, recording, events, hypnogram, onsets, attrs, options)


def _hypnogram(
    night: NightRow, dataset: DatasetOptions, root: Path, recording: Recording | None, options: PrepareOptions
) -> tuple[Hypnogram, str]:
    """Return the trimmed hypnogram and its source: as scored, or YASA's where nobody scored the night."""
    if night.has_stages and night.stages:
        path = root / night.stages
        found = read_hypnogram(path, dataset.stages, sidecars=find_sidecars(path, root))
        return trim(found, options.trim_min), "scored"
    if recording is None:
        message = f"prepare: {night.night} has neither EEG content nor stages; get the content and index again"
        raise NightExcluded(message)
    if options.stage_missing == "refuse":
        message = f"prepare: {night.night} has no scoring; set prepare.stage_missing: yasa to have it staged"
        raise NightExcluded(message)
    return trim(_staged(night, recording, options), options.trim_min), "yasa"


def _staged(night: NightRow, recording: Recording, options: PrepareOptions) -> Hypnogram:
    names = kept_channels(night.night, recording, options)
    eeg = names[best_channel([derivation(name).active for name in names])]
    eog = next((name for name, kind in recording.roles.items() if kind == "eog"), None)
    chins = [name for name, kind in recording.roles.items() if kind == "emg"]
    emg = min(chins, key=lambda name: not any(part in name.lower() for part in ("chin", "ment")), default=None)
    if recording.duration_s < 300:
        message = f"prepare: {night.night} lasts {recording.duration_s:.0f} s, too short to be staged; expected 300 s"
        raise NightExcluded(message)

    def at_100_hz(name: str | None) -> F32 | None:
        if name is None:
            return None
        row: F32 = condition(recording.read([name]), recording.sfreq[name], Passband(100.0, 0.3, 45.0))[0]
        return row

    signal = at_100_hz(eeg)
    assert signal is not None
    return Hypnogram(stage(signal, 100.0, at_100_hz(eog), at_100_hz(emg)), 0.0, EPOCH_S, None, "yasa")


def _with_eeg(
    night: NightRow,
    recording: Recording,
    events: Path | None,
    hypnogram: Hypnogram,
    onsets: F64,
    attrs: dict[str, Any],
    options: PrepareOptions,
) -> tuple[xr.Dataset, xr.Dataset]:
    montage = choose_montage(night.night, recording, options)
    read = [*montage.stored, *(name for name in montage.subtract if name not in montage.stored)]
    native = min(recording.sfreq[name] for name in read)
    band = passband(native, options.sfreq, options.highpass, options.lowpass, hypnogram.epoch_s)
    eeg, flat, present = _epochs(recording, read, band, onsets, hypnogram.epoch_s, options)
    if not present.any():
        message = (
            f"prepare: the scoring of {night.night} from {onsets[0]:.0f} s on lies outside its recording of "
            f"{recording.duration_s:.0f} s; check the onsets of its events"
        )
        raise NightExcluded(message)
    reference = montage.reference
    if montage.subtract:
        usable = np.array([name in montage.subtract for name in read]) & usable_for_average(eeg)
        if not usable.any():
            message = f"prepare: every channel of the reference {reference} of {night.night} is dead or far too loud"
            raise NightExcluded(message)
        subtract_reference(eeg, np.flatnonzero(usable))
        reference = f"{reference} of {', '.join(n for n, u in zip(read, usable) if u)}"
        eeg, flat = eeg[:, : len(montage.stored)], flat[:, : len(montage.stored)]
    mask = judge(
        eeg,
        hypnogram.stages,
        band.sfreq,
        band.lowpass,
        flat=flat,
        marked=read_marks(events, onsets, hypnogram.epoch_s, recording.bad_spans),
        present=present,
        amplitude_uv=options.amplitude_uv if _unit_known(recording) else None,
        amplitude_z=options.amplitude_z,
        muscle_z=options.muscle_z,
    )
    attrs = attrs | {
        "sfreq": band.sfreq,
        "reference": reference,
        "highpass": max(band.highpass, recording.highpass or 0.0),
        "lowpass": min(band.lowpass, recording.lowpass or np.inf),
        "units_source": recording.units_source,
        "reader": recording.reader,
    }
    mains = (recording.power_line,) if recording.power_line else (50.0, 60.0)
    lines = [
        (name, line)
        for index, name in enumerate(montage.names)
        for line in find_lines(
            eeg[:, index],
            hypnogram.stages,
            mask[:, index] == 0,
            band.sfreq,
            low=attrs["highpass"],
            high=attrs["lowpass"],
            line_db=options.line_db,
            mains=mains,
        )
    ]
    prepared = _assemble(hypnogram, onsets, attrs, montage.names, mask, positions(montage.stored)).assign(
        line_frequency=("line", np.array([line.frequency for _, line in lines], dtype=float)),
        line_width=("line", np.array([line.width for _, line in lines], dtype=float)),
        line_channel=("line", np.array([name for name, _ in lines], dtype=str)),
        line_excess=("line", np.array([line.excess_db for _, line in lines], dtype=float)),
    )
    stored = xr.Dataset(
        {"eeg": (("epoch", "channel", "time"), eeg)},
        {
            "epoch": np.arange(onsets.size),
            "channel": np.array(montage.names, dtype=str),
            "time": np.arange(eeg.shape[2]) / band.sfreq,
        },
        _only(attrs, EPOCHS.attrs),
    )
    return prepared, stored


def _epochs(
    recording: Recording, names: list[str], band: Passband, onsets: F64, epoch_s: float, options: PrepareOptions
) -> tuple[F32, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return filtered epochs (epoch, channel, time), flat (epoch, channel) and present (epoch,), block by block."""
    eeg = np.zeros((onsets.size, len(names), round(epoch_s * band.sfreq)), dtype=np.float32)
    flat = np.zeros(eeg.shape[:2], dtype=bool)
    present = np.ones(onsets.size, dtype=bool)
    for block in recording.blocks(names):
        native, places = recording.sfreq[block[0]], [names.index(name) for name in block]
        data = recording.read(block)
        # Without a unit, flat means flat beside the channel's own usual deflection.
        within = options.flat_uv if _unit_known(recording) else 0.02 * float(np.median(np.abs(np.diff(data[:, ::8]))))
        flat[:, places] = flat_epochs(data, native, onsets, epoch_s, within=within, seconds=options.flat_s)
        eeg[:, places], there = cut(condition(data, native, band), band.sfreq, onsets, epoch_s)
        present &= there
    return eeg, flat, present


def _unit_known(recording: Recording) -> bool:
    return recording.units_source in ("header", "channels.tsv")


def _assemble(
    hypnogram: Hypnogram,
    onsets: F64,
    attrs: dict[str, Any],
    names: list[str] | None = None,
    mask: npt.NDArray[np.uint8] | None = None,
    where: F64 | None = None,
) -> xr.Dataset:
    names = names or []
    count = onsets.size
    where = np.full((len(names), 3), np.nan) if where is None else where
    source = "standard_1005" if np.isfinite(where).any() else "none"
    return PREPARED.empty(attrs=attrs | {"position_source": source}).drop_dims(["epoch", "channel"]).assign(
        stage=("epoch", hypnogram.stages.astype(np.int8)),
        artefact=(("epoch", "channel"), np.zeros((count, 0), np.uint8) if mask is None else mask),
        position=(("channel", "axis"), where),
    ).assign_coords(
        epoch=("epoch", np.arange(count)),
        onset=("epoch", onsets),
        channel=("channel", np.array(names, dtype=str)),
        axis=("axis", np.array(["x", "y", "z"])),
    )  # fmt: skip


def _identity(night: NightRow) -> dict[str, Any]:
    return {
        "night": night.night,
        "person": night.person,
        "dataset": night.dataset,
        "condition": night.condition,
        "night_index": night.night_index,
        "epoch_s": EPOCH_S,
        "sfreq": 0.0,
        "reference": "none",
        "highpass": 0.0,
        "lowpass": 0.0,
        "stages_source": "none",
        "lights_off": "unknown",
        "position_source": "none",
    }


def _only(attrs: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: attrs[name] for name in names}
