"""One night made ready: hypnogram, artefact mask and spectral lines (`prepare.nc`), EEG epochs (`epochs.zarr.zip`)."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xarray as xr

import braintwin
from braintwin.contracts.prepare import EPOCHS, PREPARED
from braintwin.contracts.tables import NightRow
from braintwin.errors import NightExcluded
from braintwin.io.arrays import write_dataset, write_epochs
from braintwin.io.records import guarded
from braintwin.options.dataset import DatasetOptions
from braintwin.options.prepare import PrepareOptions
from braintwin.provenance import file_digest, stamp
from braintwin.steps.prepare_night import assemble, identity, only
from braintwin.steps.prepare_scoring import scored_or_staged

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
    attrs = identity(night)
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
        write_epochs(epochs, EPOCHS.empty(attrs=only(attrs, EPOCHS.attrs)).assign_attrs(made_by), EPOCHS)
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
    recording = None
    if night.has_eeg and night.signal:
        from braintwin.io.eeg import (
            open_recording,  # with mne and scipy.signal, which a night without EEG does not need
        )

        recording = open_recording(dataset_root / night.signal)
    hypnogram, source = scored_or_staged(night, dataset, dataset_root, recording, options)
    scored = float(np.sum(hypnogram.stages >= 0)) * hypnogram.epoch_s / 60
    if scored < options.min_scored_min:
        message = (
            f"prepare: {night.night} has {scored:.1f} min of scored sleep and wake, expected at least "
            f"{options.min_scored_min:g} (prepare.min_scored_min)"
        )
        raise NightExcluded(message)
    onsets: F64 = hypnogram.onset_s + hypnogram.epoch_s * np.arange(hypnogram.stages.size, dtype=np.float64)
    attrs = identity(night) | {
        "epoch_s": float(hypnogram.epoch_s),
        "stages_source": source,
        "lights_off": "unknown"
        if hypnogram.lights_off_s is None
        else float(hypnogram.lights_off_s - hypnogram.onset_s),
    }
    if recording is None:
        return assemble(hypnogram, onsets, attrs), EPOCHS.empty(attrs=only(attrs, EPOCHS.attrs))
    from braintwin.steps.prepare_signal import with_eeg

    return with_eeg(night, recording, events, hypnogram, onsets, attrs, options)
