"""Synthetic nights as a raw BIDS dataset: EDF by edfio, the tree by mne-bids, the scoring as events."""

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Any

import numpy as np

from braintwin import __version__
from braintwin.contracts.stages import EPOCH_S, STAGES
from braintwin.synthetic.eeg import Signal
from braintwin.synthetic.recording import CHIN, EYES
from braintwin.synthetic.spectrum import HIGHPASS_HZ
from braintwin.synthetic.truth import CohortTruth, NightTruth

TITLE = "BrainTwin synthetic sleep cohort"

UNIT_UV = 0.05
"""Resolution of the EDF, µV: 16 bits reach ±1638 µV."""

LIGHTS_OFF = "Lights off"
"""Event at the first scored epoch."""

MAINS_HZ = 50
DATE_UNKNOWN = date(1985, 1, 1)
"""What EDF says for a date that was taken out."""

_README = """\
A synthetic polysomnography cohort with known truth, written by BrainTwin. Nobody was recorded.

Each person is healthy, or has insomnia or obstructive sleep apnoea (participants.tsv, column diagnosis). A hypnogram
is drawn from a multinomial-logit chain with the person's and the night's own hazards; the EEG is drawn from a
corticothalamic field on the person's channel graph, one spectrum per stage; eyes, chin, respiratory events and a few
artefacts are added. Channels are referred to the opposite mastoid. The recording begins at lights off.

events.tsv holds the scoring (trial_type "Sleep stage W|N1|N2|N3|R", 30 s each), respiratory events and lights off
and on. The parameters that were drawn are not part of the dataset.
"""

_LEVELS = {
    LIGHTS_OFF: "Beginning of the time in bed.",
    "Lights on": "End of the time in bed.",
    **{f"Sleep stage {s}": f"Scored {'rapid-eye-movement sleep' if s == 'R' else s} (AASM)." for s in STAGES},
    "Obstructive apnea": "Obstructive apnoea.",
    "Hypopnea": "Hypopnoea.",
}

_PARTICIPANTS: dict[str, Any] = {
    "participant_id": {"Description": "Label of the participant."},
    "age": {"Description": "Age of the participant.", "Units": "year"},
    "sex": {"Description": "Sex of the participant.", "Levels": {"F": "female", "M": "male"}},
    "diagnosis": {
        "Description": "Sleep disorder of the participant.",
        "Levels": {"healthy": "none", "insomnia": "chronic insomnia", "osa": "obstructive sleep apnoea"},
    },
    "ahi": {"Description": "Apnoea-hypopnoea index: respiratory events per hour of sleep.", "Units": "1/h"},
}


@dataclass(frozen=True)
class Channel:
    """One recorded channel."""

    name: str
    kind: str
    reference: str


def montage(eeg: Sequence[str]) -> list[Channel]:
    """Return all channels: the EEG and the eyes against the opposite mastoid, the chin bipolar."""
    against = {"3": "M2", "1": "M2", "4": "M1", "2": "M1"}
    brain = [Channel(name, "eeg", against[name[-1]]) for name in eeg]
    return [*brain, *(Channel(name, "eog", "M2") for name in EYES), Channel(CHIN, "emg", "chin, left")]


def write_edf(path: Path, signal: Signal, channels: Sequence[Channel], sfreq: float) -> None:
    """Write ``signal`` (channel, sample; µV) as EDF without any date or name."""
    from edfio import Edf, EdfSignal, Recording

    low, high = -32768, 32767
    signals = [
        EdfSignal.from_digital(
            np.clip(np.rint(row / np.float32(UNIT_UV)), low, high).astype(np.int16),
            sfreq,
            label=channel.name,
            physical_dimension="uV",
            physical_range=(round(low * UNIT_UV, 2), round(high * UNIT_UV, 2)),
            digital_range=(low, high),
            prefiltering=f"HP:{HIGHPASS_HZ:g}Hz",
        )
        for row, channel in zip(signal, channels, strict=True)
    ]
    Edf(signals, recording=Recording(startdate=DATE_UNKNOWN), starttime=time(23, 0), data_record_duration=1.0).write(
        path
    )


def write_night(
    root: Path, scratch: Path, label: str, night: NightTruth, signal: Signal, eeg: Sequence[str], sfreq: float
) -> None:
    """Write one night into the dataset at `root`; `scratch` is a folder for the EDF on its way.

    Parameters
    ----------
    root, scratch : Path
        Dataset, and an existing folder outside it.
    label : str
        Participant, without ``sub-``.
    night : NightTruth
        Hypnogram and events.
    signal : (channel, sample) float32, µV
        All channels in the order of :func:`montage`.
    eeg : sequence of str
        Names of the EEG channels.
    sfreq : float
        Sampling rate, Hz.
    """
    import mne
    from mne_bids import BIDSPath, update_sidecar_json, write_raw_bids

    channels = montage(eeg)
    edf = scratch / "night.edf"
    write_edf(edf, signal, channels, sfreq)
    where = BIDSPath(subject=label, session=night.session, task="sleep", datatype="eeg", root=root)
    with mne.use_log_level("ERROR"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=RuntimeWarning)  # mne: no events, no electrode positions
        raw = mne.io.read_raw_edf(edf, preload=False)
        raw.set_channel_types({c.name: c.kind for c in channels if c.kind != "eeg"})
        raw.info["line_freq"] = MAINS_HZ
        written = write_raw_bids(raw, where, readme=False, verbose=False)
        sidecar = written.copy().update(suffix="eeg", extension=".json")
        update_sidecar_json(sidecar, _sidecar(channels), verbose=False)
    edf.unlink()
    _complete_channels(written.copy().update(suffix="channels", extension=".tsv").fpath, channels)
    _write_events(written.copy().update(suffix="events", extension=".tsv").fpath, night)


def _sidecar(channels: Sequence[Channel]) -> dict[str, Any]:
    brain = [c for c in channels if c.kind == "eeg"]
    sites = "; ".join(f"{m} for {', '.join(c.name for c in brain if c.reference == m)}" for m in ("M1", "M2"))
    return {
        "TaskDescription": "A night of sleep in bed, from lights off to lights on.",
        "InstitutionName": "none (simulated)",
        "Manufacturer": "BrainTwin",
        "ManufacturersModelName": "synthetic polysomnogram",
        "SoftwareVersions": __version__,
        "EEGReference": f"contralateral mastoid ({sites})",
        "EEGPlacementScheme": "10-20",
        "EEGGround": "n/a",
        "RecordingType": "continuous",
        "HardwareFilters": {"High-pass": {"Half-power cutoff (Hz)": HIGHPASS_HZ, "Roll-off": "12 dB per octave"}},
        "SoftwareFilters": "n/a",
    }


def _complete_channels(path: Path, channels: Sequence[Channel]) -> None:
    """Add the reference of each channel to its channels.tsv."""
    reference = {c.name: c.reference for c in channels}
    header, *rows = path.read_text(encoding="utf-8-sig").splitlines()
    lines = [f"{header}\treference", *(f"{row}\t{reference[row.split(chr(9))[0]]}" for row in rows if row)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_events(path: Path, night: NightTruth) -> None:
    end = len(night.hypnogram) * EPOCH_S
    rows = [(0.0, 0.0, LIGHTS_OFF)]
    rows += [(i * EPOCH_S, EPOCH_S, f"Sleep stage {STAGES[code]}") for i, code in enumerate(night.hypnogram)]
    rows += [(event.onset, event.duration, event.kind) for event in night.breathing]
    rows += [(end, 0.0, "Lights on")]
    rows.sort(key=lambda row: row[0])
    lines = ["onset\tduration\ttrial_type", *(f"{onset:g}\t{length:g}\t{what}" for onset, length, what in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def is_synthetic(folder: Path) -> bool:
    """Tell whether `folder` is empty or holds a synthetic cohort, which may be replaced."""
    if not folder.is_dir():
        return False
    try:
        description = json.loads((folder / "dataset_description.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return not any(folder.iterdir())
    return isinstance(description, dict) and description.get("Name") == TITLE


def write_dataset_files(root: Path, truth: CohortTruth) -> None:
    """Write what describes the dataset as a whole; the people's table replaces the one that mne-bids began."""
    from mne_bids import make_dataset_description

    make_dataset_description(
        path=root,
        name=TITLE,
        data_license="CC0",
        authors=["The BrainTwin developers"],
        generated_by=[{"Name": "BrainTwin", "Version": __version__, "Description": "braintwin synthesize"}],
        overwrite=True,
        verbose=False,
    )
    (root / "README").write_text(_README, encoding="utf-8")
    lines = ["\t".join(_PARTICIPANTS)]
    lines += [f"sub-{p.label}\t{p.age}\t{p.sex}\t{p.diagnosis}\t{p.ahi:g}" for p in truth.people]
    (root / "participants.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _write_json(root / "participants.json", _PARTICIPANTS)
    columns = {
        "onset": {"Description": "Beginning of the event after lights off.", "Units": "s"},
        "duration": {"Description": "Length of the event.", "Units": "s"},
        "trial_type": {"Description": "Sleep stage, respiratory event, or lights.", "Levels": _LEVELS},
    }
    _write_json(root / "task-sleep_events.json", columns)
    _write_json(root / "task-sleep_channels.json", {"reference": {"Description": "Electrode of reference."}})


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
