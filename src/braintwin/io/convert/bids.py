"""One recording into a BIDS dataset by mne-bids, and what mne-bids cannot know: rates, references, stages."""

import csv
import errno
import shutil
import warnings
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from braintwin.errors import ConfigError, DatasetError, NightExcluded
from braintwin.io.channels import derivation, role
from braintwin.io.convert.study import RawNight, RawStudy, Row
from braintwin.io.edf import Signal, read_header
from braintwin.io.records import write_json, write_table
from braintwin.options.convert import ConvertOptions

TASK = "sleep"
LIGHTS_OFF = "Lights off"

NO_DATE = date(1918, 1, 1)
"""The day to which every recording is moved: BIDS takes a date before 1925 for one that was taken out."""

_TYPES = {
    "EEG": "eeg", "EOG": "eog", "HEOG": "eog", "VEOG": "eog", "EMG": "emg", "ECG": "ecg", "RESP": "resp",
    "TEMP": "temperature", "TRIG": "stim", "MISC": "misc",
}  # fmt: skip
"""Types as channels.tsv and as mne has them."""

_ASCII = {0xB5: ord("u"), 0xB0: ord("o")}
"""What stands for the micro sign and the degree sign of Latin-1."""

_BY_ROLE = {"eeg": "eeg", "eog": "eog", "emg": "emg", "ecg": "ecg", "resp": "resp", "respiration": "resp"}


def write_night(root: Path, staging: Path, night: RawNight, study: RawStudy, options: ConvertOptions) -> Path | None:
    """Write one night and return its events table, None where nobody scored it.

    Parameters
    ----------
    root : Path
        The dataset that is being made.
    staging : Path
        A folder whose path holds no name of the user's: mne-bids judges a recording by its whole path.

    Raises
    ------
    NightExcluded
        If the recording cannot be read or written; nothing of it stays.
    """
    try:
        return _write(root, staging, night, study, options)
    except OSError as cause:
        if cause.errno in (errno.ENOSPC, errno.EDQUOT):
            message = f"convert: the disk is full ({cause.strerror}); free space and convert again"
            raise DatasetError(message) from None
        _remove(root, night)
        message = f"convert: {night.signal.name} cannot be read ({cause.strerror or cause}); get it again"
        raise NightExcluded(message) from None
    except NightExcluded:
        _remove(root, night)
        raise
    except (ValueError, RuntimeError, KeyError, IndexError, TypeError, NotImplementedError) as cause:
        # mne and mne-bids raise whatever a damaged header leads to
        _remove(root, night)
        message = f"convert: mne cannot read {night.signal.name} ({type(cause).__name__}); check that the file is whole"
        raise NightExcluded(message) from cause


def _write(root: Path, staging: Path, night: RawNight, study: RawStudy, options: ConvertOptions) -> Path | None:
    import mne
    from mne_bids import BIDSPath, update_sidecar_json, write_raw_bids

    copy = _staged(night.signal, staging)
    header = read_header(copy)
    reader = mne.io.read_raw_bdf if copy.suffix == ".bdf" else mne.io.read_raw_edf
    where = BIDSPath(
        subject=night.person, session=night.session or None, run=night.run or None, task=TASK, datatype="eeg", root=root
    )
    with mne.use_log_level("ERROR"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mne: no events, no positions, odd labels
        raw = reader(copy, preload=False, verbose="error")
        kinds = {name: _kind(name, study, options) for name in raw.ch_names}
        if "eeg" not in kinds.values():
            message = (
                f"convert: {night.signal.name} has no EEG channel (found {', '.join(raw.ch_names[:8])}); type one EEG "
                "under convert.channels"
            )
            raise NightExcluded(message)
        raw.set_channel_types(kinds, on_unit_change="ignore")
        raw.set_annotations(None)
        raw.info["line_freq"] = options.power_line_hz or study.power_line_hz
        start = raw.info["meas_date"]
        if start is None:
            raw.set_meas_date(datetime(1985, 1, 1, tzinfo=UTC))
            start = raw.info["meas_date"]
        anonymise = {"daysback": (start.date() - NO_DATE).days} if options.anonymise else None
        written = write_raw_bids(raw, where, anonymize=anonymise, readme=False, overwrite=True, verbose=False)
        sidecar = written.copy().update(suffix="eeg", extension=".json")
        update_sidecar_json(sidecar, _sidecar(study), verbose=False)
        duration = float(raw.n_times / raw.info["sfreq"])
    _complete_channels(written.copy().update(suffix="channels", extension=".tsv").fpath, header)
    if night.rows is None:
        return None
    events: Path = written.copy().update(suffix="events", extension=".tsv").fpath
    _write_events(events, night.rows, night.lights_off_s, duration)
    return events


def _staged(signal: Path, staging: Path) -> Path:
    """Return a link to a recording, or a copy with a header in ASCII where it is not, as the norm says."""
    staged = staging / f"night{signal.suffix.lower()}"
    staged.unlink(missing_ok=True)
    with signal.open("rb") as stream:
        fixed = stream.read(256)
        header = bytearray(fixed + stream.read(int(fixed[184:192]) - 256))
    if header[1:].isascii():
        staged.symlink_to(signal.resolve())
        return staged
    shutil.copyfile(signal, staged)
    header[1:] = bytes(byte if byte < 128 else _ASCII.get(byte, ord("?")) for byte in header[1:])
    with staged.open("r+b") as stream:
        stream.write(header)
    return staged


def _kind(name: str, study: RawStudy, options: ConvertOptions) -> str:
    """Return mne's type of a channel: as the map says, as the reader knows, else by its name."""
    told = options.channels.get(name) or study.channels.get(name)
    if told:
        if told.upper() not in _TYPES:
            message = f"convert: channel {name!r} has type {told!r}; expected one of {', '.join(_TYPES)}"
            raise ConfigError(message)
        return _TYPES[told.upper()]
    plain = name.lower()
    if any(word in plain for word in ("resp", "flow", "thor", "abd", "effort")):
        return "resp"
    if "temp" in plain:
        return "temperature"
    if any(word in plain for word in ("marker", "trig", "status")):
        return "stim"
    return _BY_ROLE.get(role(name), "misc")


def _sidecar(study: RawStudy) -> dict[str, Any]:
    return {
        "TaskDescription": "A night of sleep.",
        "EEGReference": "see the column reference of channels.tsv",
        "EEGGround": "n/a",
        "SoftwareFilters": "n/a",
        **({"PowerLineFrequency": study.power_line_hz} if study.power_line_hz else {}),
    }


def _complete_channels(path: Path, header: Sequence[Signal]) -> None:
    """Write each channel's own rate, filter and reference: mne knows one rate and filter a file."""
    signals = {signal.label: signal for signal in reversed(header)}
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    for row in rows:
        signal = signals.get(row["name"])
        if signal is not None:
            row["sampling_frequency"] = f"{signal.sfreq:g}"
            row["low_cutoff"] = _edge(signal.highpass)
            row["high_cutoff"] = _edge(signal.lowpass)
        row["reference"] = derivation(row["name"]).reference or "n/a" if row["type"] == "EEG" else "n/a"
    write_table(path, list(rows[0]), rows)


def _edge(frequency: float | None) -> str:
    return "n/a" if frequency is None else f"{frequency:g}"


def _write_events(path: Path, rows: Sequence[Row], lights_off_s: float | None, duration: float) -> None:
    """Write the stages as they were scored, cut to the recording, and lights off."""
    kept = [row for row in rows if row.onset < duration and row.onset + row.duration > 0]
    cut = [(max(row.onset, 0.0), min(row.onset + row.duration, duration), row.label) for row in kept]
    table: list[dict[str, Any]] = [
        {"onset": f"{on:g}", "duration": f"{off - on:g}", "trial_type": text} for on, off, text in cut
    ]
    if lights_off_s is not None and lights_off_s < duration:
        table.append({"onset": f"{lights_off_s:g}", "duration": "0", "trial_type": LIGHTS_OFF})
    table.sort(key=lambda row: float(row["onset"]))
    write_table(path, ("onset", "duration", "trial_type"), table)


def write_events_json(root: Path, study: RawStudy, labels: Sequence[str]) -> None:
    """Write what the columns of every events.tsv mean."""
    levels = {text: LIGHTS_OFF if text == LIGHTS_OFF else f"{text} ({study.scored_by})" for text in labels}
    content = {
        "onset": {"Description": "Start after the first sample of the recording.", "Units": "s"},
        "duration": {"Description": "Length.", "Units": "s"},
        "trial_type": {"Description": study.scored_by, "Levels": levels},
    }
    write_json(root / f"task-{TASK}_events.json", content)


def _remove(root: Path, night: RawNight) -> None:
    """Remove what was begun of a night."""
    person = root / f"sub-{night.person}"
    folder = person / f"ses-{night.session}" if night.session else person
    for path in sorted(folder.rglob(f"{night.name}_task-*")):
        path.unlink()
    for scans in sorted(folder.glob("*_scans.tsv")):
        header, *lines = scans.read_text(encoding="utf-8-sig").splitlines()
        kept = [line for line in lines if f"{night.name}_task-" not in line]
        if kept:
            scans.write_text("\n".join([header, *kept]) + "\n", encoding="utf-8")
        else:
            scans.unlink()
    for empty in (folder / "eeg", folder, person):
        if empty.is_dir() and not any(path.is_file() for path in empty.rglob("*")):
            shutil.rmtree(empty)
