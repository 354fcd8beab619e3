"""A night's signals: found, opened, told apart and brought to µV. Nothing after this module converts units.

Dates, names and free text of the recording stay here: a :class:`Recording` carries none of them.
"""

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from braintwin.errors import NightExcluded
from braintwin.io.channels import Role, role
from braintwin.io.edf import VOLTS, Signal, read_header
from braintwin.io.events import Table, is_pointer
from braintwin.io.sidecars import channel_table, description, filter_edge, number, reference_words, strictest

PLAUSIBLE_UV = (1.0, 300.0)
"""Range of the median standard deviation of an EEG channel, µV; narrower than 1e3, so that one power of 1000 fits."""


SLOWEST_HZ, FASTEST_HZ = 32.0, 50_000.0
"""Rates of an EEG channel that are believed."""


@dataclass(frozen=True)
class Recording:
    """An opened recording, its data still on disk.

    Parameters
    ----------
    path : Path
        The signal file; never written to any output.
    roles : dict of str to Role
        What each channel holds, in the order of the file.
    sfreq : dict of str to float
        Native rate of each channel, Hz.
    to_uv : dict of str to float
        Factor from what mne returns to µV.
    duration_s : float
        Length, s.
    units_source : str
        Where the unit is known from: ``header``, ``channels.tsv``, ``amplitude`` (the declared unit is impossible and
        another one fits), ``arbitrary`` (no unit of volts fits: absolute thresholds mean nothing).
    reader : str
        ``mne-bids``, or ``mne`` where the sidecars do not agree with the file.
    reference : str
        Reference as the sidecar has it, in known words only; empty where unknown.
    highpass, lowpass : float or None
        Edges of the recorder's filter over EEG channels, Hz.
    power_line : float or None
        Mains frequency, Hz.
    bad_spans : tuple of (float, float)
        Onset and duration of annotations that start with ``bad``, s.
    """

    path: Path
    roles: dict[str, Role]
    sfreq: dict[str, float]
    to_uv: dict[str, float]
    duration_s: float
    units_source: str
    reader: str
    reference: str = ""
    highpass: float | None = None
    lowpass: float | None = None
    power_line: float | None = None
    bad_spans: tuple[tuple[float, float], ...] = field(default=())

    def read(self, names: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return channels of one native rate as (channel, time), µV."""
        data = _data(_open(self.path, names), names, self.path)
        data *= np.array([self.to_uv[name] for name in names])[:, None]
        return data

    def blocks(self, names: Sequence[str], budget_bytes: float = 2e8) -> Iterator[list[str]]:
        """Split `names` into lists of one native rate whose double-precision data stay within `budget_bytes`."""
        for rate in sorted({self.sfreq[name] for name in names}):
            same = [name for name in names if self.sfreq[name] == rate]
            size = max(1, int(budget_bytes / (8 * self.duration_s * rate + 1)))
            yield from (same[start : start + size] for start in range(0, len(same), size))


def open_recording(path: Path) -> Recording:
    """Open the signals of one night.

    Raises
    ------
    NightExcluded
        If the content is absent, not what its name says, unreadable, or without any EEG channel.
    """
    _require_content(path)
    header = read_header(path) if path.suffix.lower() in (".edf", ".bdf") else None
    raw, reader = _through_bids(path)
    sidecar = channel_table(path)
    declared = {row.get("name", ""): row for row in sidecar}
    names = _unique([signal.label for signal in header]) if header is not None else list(raw.ch_names)
    roles = {name: role(name, declared.get(name, {}).get("type", "")) for name in names}
    eeg = [name for name, kind in roles.items() if kind == "eeg"]
    if not eeg:
        shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
        message = (
            f"prepare: {path.name} has no EEG channel (found {len(names)}: {shown}); "
            "type it EEG in channels.tsv if one of these is"
        )
        raise NightExcluded(message)
    signals = {signal.label: signal for signal in reversed(header or [])}
    sfreq = {name: signals[name].sfreq if header is not None else float(raw.info["sfreq"]) for name in names}
    slowest = min(sfreq[name] for name in eeg)
    if not SLOWEST_HZ <= slowest <= FASTEST_HZ:
        message = (
            f"prepare: {path.name} has EEG at {slowest:g} Hz; expected {SLOWEST_HZ:g} to {FASTEST_HZ:g} (is its "
            "header damaged?)"
        )
        raise NightExcluded(message)
    to_uv, source = _units(names, eeg, signals, declared)
    duration = float(raw.n_times / raw.info["sfreq"])
    factor, source = _sane(path, {name: to_uv[name] for name in eeg}, sfreq, source)
    described = description(path)
    edges = [signals[name] for name in eeg] if header is not None else []
    return Recording(
        path=path,
        roles=roles,
        sfreq=sfreq,
        to_uv={name: value * (factor if name in eeg else 1.0) for name, value in to_uv.items()},
        duration_s=duration,
        units_source=source,
        reader=reader,
        reference=reference_words(str(described.get("EEGReference", ""))),
        highpass=strictest([s.highpass for s in edges], filter_edge(described.get("HardwareFilters"), "high"), max),
        lowpass=strictest([s.lowpass for s in edges], filter_edge(described.get("HardwareFilters"), "low"), min),
        power_line=number(described.get("PowerLineFrequency")),
        bad_spans=_bad_spans(raw),
    )


def annotations(path: Path) -> Table | None:
    """Return what a recording's own annotations hold (EDF+, EEGLAB) as an event table; None where there are none.

    Their texts are free: they are decoded as stages and never written to any output.
    """
    found = _open(path).annotations
    rows = tuple(
        (f"{onset}", f"{duration}", str(text))
        for onset, duration, text in zip(found.onset, found.duration, found.description, strict=True)
    )
    if not rows:
        return None
    return Table(("onset", "duration", "trial_type"), rows, np.asarray(found.onset), np.asarray(found.duration))


def _require_content(path: Path) -> None:
    """Raise unless the file is there with its content (a partial clone of a dataset holds links and pointers)."""
    advice = "get it (datalad get, git lfs pull) and index again"
    if not path.is_file():
        message = f"prepare: the signal file {path.name} is absent or a broken link; {advice}"
        raise NightExcluded(message)
    with path.open("rb") as stream:
        start = stream.read(64)
    if is_pointer(start):
        message = f"prepare: {path.name} is only a pointer to content that is not here; {advice}"
        raise NightExcluded(message)
    if not start:
        message = f"prepare: the signal file {path.name} is empty; {advice}"
        raise NightExcluded(message)


def _open(path: Path, names: Sequence[str] | None = None) -> Any:
    """Open with mne; only `names` where the format allows, so that the rate is theirs and not the file's highest."""
    import mne

    suffix = path.suffix.lower()
    with _readable(path):
        if suffix in (".edf", ".bdf") and names is not None:
            reader = mne.io.read_raw_edf if suffix == ".edf" else mne.io.read_raw_bdf
            return _tolerant(reader, path, include=list(names))
        return _tolerant(mne.io.read_raw, path)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Refuse the night where mne cannot read its file; it then raises whatever the content leads to."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except Exception as cause:
            message = f"prepare: mne cannot read {path.name} ({type(cause).__name__}); check that the file is whole"
            raise NightExcluded(message) from cause


@contextmanager
def _without_locks() -> Iterator[None]:
    """Keep mne-bids from writing lock files into the dataset, which may be shared or read-only."""
    found = sys.modules.get("filelock")
    sys.modules["filelock"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if found is None:
            del sys.modules["filelock"]
        else:
            sys.modules["filelock"] = found


def _tolerant(reader: Any, path: Path, **keywords: Any) -> Any:
    """Call an mne reader; labels of EDF are often Latin-1 although the norm says ASCII."""
    try:
        return reader(path, preload=False, verbose="error", **keywords)
    except UnicodeDecodeError:
        return reader(path, preload=False, verbose="error", encoding="latin1", **keywords)


def _data(raw: Any, names: Sequence[str], path: Path) -> npt.NDArray[np.float64]:
    with _readable(path):
        data: npt.NDArray[np.float64] = raw.get_data(picks=[raw.ch_names.index(name) for name in names])
    return data


def _through_bids(path: Path) -> tuple[Any, str]:
    """Return the raw object and who read it; sidecars that contradict the file must not cost the night."""
    from mne_bids import get_bids_path_from_fname, read_raw_bids

    with warnings.catch_warnings(), _without_locks():
        warnings.simplefilter("ignore")
        try:
            bids = get_bids_path_from_fname(path, verbose="error")
            return read_raw_bids(bids, on_ch_mismatch="raise", verbose="error"), "mne-bids"
        except Exception:
            # mne-bids raises whatever the contradiction leads to (KeyError, TypeError, ...); mne alone then decides.
            return _open(path), "mne"


def _unique(labels: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(labels))


def _units(
    names: Sequence[str], eeg: Sequence[str], signals: dict[str, Signal], declared: dict[str, dict[str, str]]
) -> tuple[dict[str, float], str]:
    """Return the factor to µV of each channel, and where the EEG's is known from.

    mne returns volts where it knows the unit and bare numbers where it does not.
    """
    factors, sources = {}, {}
    for name in names:
        stored = signals[name].unit.lower() if name in signals else "v"
        told = declared.get(name, {}).get("units", "").lower()
        if stored in ("uv", "µv", "μv", "mv", "nv", "v"):
            factors[name], sources[name] = 1e6, "header"
        elif told in VOLTS:
            factors[name], sources[name] = VOLTS[told] * 1e6, "channels.tsv"
        else:
            factors[name], sources[name] = 1.0, "amplitude"
    kinds = {sources[name] for name in eeg}
    return factors, "header" if kinds == {"header"} else "amplitude" if "amplitude" in kinds else "channels.tsv"


def _sane(path: Path, to_uv: dict[str, float], sfreq: dict[str, float], source: str) -> tuple[float, str]:
    """Return a further factor to µV and the source of the unit, after a look at the amplitude of sampled stretches."""
    from scipy.signal import detrend

    spread = []
    for rate in sorted(set(sfreq[name] for name in to_uv)):
        names = [name for name in to_uv if sfreq[name] == rate]
        raw = _open(path, names)
        picks = [raw.ch_names.index(name) for name in names]
        width = max(8, int(2 * float(raw.info["sfreq"])))
        starts = np.unique(np.linspace(0, max(0, raw.n_times - width), 60).astype(int))
        factors = np.array([to_uv[name] for name in names])[:, None]
        with _readable(path):
            pieces = [detrend(raw[picks, s : s + width][0] * factors, axis=1).std(axis=1) for s in starts]
        spread.extend(np.median(pieces, axis=0))
    alive = [float(value) for value in spread if np.isfinite(value) and value > 0]
    if not alive:
        return 1.0, source
    typical = float(np.median(alive))
    for factor in (1.0, 1e-6, 1e6, 1e-3, 1e3):
        if PLAUSIBLE_UV[0] <= typical * factor <= PLAUSIBLE_UV[1]:
            return factor, source if factor == 1.0 else "amplitude"
    return 1.0, "arbitrary"


def _bad_spans(raw: Any) -> tuple[tuple[float, float], ...]:
    return tuple(
        (float(onset), float(duration))
        for onset, duration, text in zip(raw.annotations.onset, raw.annotations.duration, raw.annotations.description)
        if str(text).lower().startswith(("bad", "artefact", "artifact"))
    )
