"""prepare: the epochs of a recording, their artefact mask and its spectral lines."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from braintwin.contracts.prepare import EPOCHS
from braintwin.contracts.tables import NightRow
from braintwin.errors import NightExcluded
from braintwin.io.channels import positions
from braintwin.io.eeg import Recording
from braintwin.io.hypnogram import Hypnogram
from braintwin.io.marks import read_marks
from braintwin.io.montage import choose_montage
from braintwin.options.prepare import PrepareOptions
from braintwin.signals.artefacts import flat_epochs, judge
from braintwin.signals.epochs import Passband, condition, cut, passband, subtract_reference, usable_for_average
from braintwin.signals.lines import find_lines
from braintwin.steps.prepare_night import assemble, only

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]


def with_eeg(
    night: NightRow,
    recording: Recording,
    events: Path | None,
    hypnogram: Hypnogram,
    onsets: F64,
    attrs: dict[str, Any],
    options: PrepareOptions,
) -> tuple[xr.Dataset, xr.Dataset]:
    """Return the prepared night and its epochs, in the form of their contracts.

    Raises
    ------
    NightExcluded
        If the scoring lies outside the recording, or the reference cannot be had.
    """
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
        "channels_left_out": ", ".join(
            f"{name} ({role})" for name, role in recording.roles.items() if name not in montage.stored
        ),
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
    prepared = assemble(hypnogram, onsets, attrs, montage.names, mask, positions(montage.stored)).assign(
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
        only(attrs, EPOCHS.attrs),
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
