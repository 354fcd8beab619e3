"""prepare: the hypnogram of a night, as a person scored it, as the recording itself has it, or as YASA stages it."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from braintwin.contracts.stages import EPOCH_S
from braintwin.contracts.tables import NightRow
from braintwin.errors import NightExcluded
from braintwin.io.eeg import Recording
from braintwin.io.hypnogram import Hypnogram, find_sidecars, read_hypnogram, trim
from braintwin.options.dataset import DatasetOptions
from braintwin.options.prepare import PrepareOptions

F32 = npt.NDArray[np.float32]

SHORTEST_S = 300.0
"""Shortest recording that YASA stages, s."""


def scored_or_staged(
    night: NightRow, dataset: DatasetOptions, root: Path, recording: Recording | None, options: PrepareOptions
) -> tuple[Hypnogram, str]:
    """Return the trimmed hypnogram and its source: ``scored`` (beside the recording or in it), or ``yasa``.

    Raises
    ------
    NightExcluded
        If there is neither a scoring nor a recording to stage, or staging was not asked for.
    """
    if night.has_stages and night.stages:
        path = root / night.stages
        found = read_hypnogram(path, dataset.stages, sidecars=find_sidecars(path, root))
        return trim(found, options.trim_min), "scored"
    if recording is None:
        message = f"prepare: {night.night} has neither EEG content nor stages; get the content and index again"
        raise NightExcluded(message)
    inside = _inside(recording, dataset)
    if inside is not None:
        return trim(inside, options.trim_min), "scored"
    if options.stage_missing == "refuse":
        message = f"prepare: {night.night} has no scoring; set prepare.stage_missing: yasa to have it staged"
        raise NightExcluded(message)
    return trim(_staged(night, recording, options), options.trim_min), "yasa"


def _inside(recording: Recording, dataset: DatasetOptions) -> Hypnogram | None:
    """Return the scoring among the recording's own annotations (EDF+, EEGLAB), None where there is none.

    Raises
    ------
    NightExcluded
        If what looks like one has codes that nothing explains.
    """
    from braintwin.io.eeg import annotations
    from braintwin.io.events import Unscored
    from braintwin.io.hypnogram import from_tables

    table = annotations(recording.path)
    if table is None:
        return None
    try:
        return from_tables([table], dataset.stages.model_copy(update={"column": None}), {})
    except Unscored:
        return None


def _staged(night: NightRow, recording: Recording, options: PrepareOptions) -> Hypnogram:
    """Return the night as YASA stages it, with its probabilities."""
    from braintwin.io.channels import derivation
    from braintwin.io.montage import kept_channels
    from braintwin.signals.epochs import Passband, condition
    from braintwin.signals.staging import best_channel, stage

    names = kept_channels(night.night, recording, options)
    eeg = names[best_channel([derivation(name).active for name in names])]
    eog = next((name for name, kind in recording.roles.items() if kind == "eog"), None)
    chins = [name for name, kind in recording.roles.items() if kind == "emg"]
    emg = min(chins, key=lambda name: not any(part in name.lower() for part in ("chin", "ment")), default=None)
    if recording.duration_s < SHORTEST_S:
        message = (
            f"prepare: {night.night} lasts {recording.duration_s:.0f} s, too short to be staged; expected "
            f"{SHORTEST_S:.0f} s"
        )
        raise NightExcluded(message)

    def at_100_hz(name: str | None) -> F32 | None:
        if name is None:
            return None
        row: F32 = condition(recording.read([name]), recording.sfreq[name], Passband(100.0, 0.3, 45.0))[0]
        return row

    signal = at_100_hz(eeg)
    assert signal is not None
    try:
        found = stage(signal, 100.0, at_100_hz(eog), at_100_hz(emg))
    except (ValueError, AssertionError) as cause:
        message = f"prepare: YASA cannot stage {night.night} ({type(cause).__name__}); score it, or leave it out"
        raise NightExcluded(message) from cause
    return Hypnogram(found.stages, 0.0, EPOCH_S, None, "yasa", None, found.probability)
