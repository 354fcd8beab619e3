"""Stages for a night that nobody scored: YASA, Vallat & Walker 2021, doi:10.7554/eLife.70092."""

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from braintwin.contracts.stages import MISSING, STAGES

F32 = npt.NDArray[np.float32]

LABELS = {"W": 0, "WAKE": 0, "N1": 1, "N2": 2, "N3": 3, "R": 4, "REM": 4}
"""Code of each of YASA's labels; `contracts.stages` orders the codes."""


@dataclass(frozen=True)
class Staged:
    """An automatic scoring.

    Parameters
    ----------
    stages : (epoch,) int8
        The most probable stage of each whole 30-s epoch.
    probability : (epoch, stage) float32
        The classifier's probability of each stage, in the order of ``STAGES``; a row adds up to 1.
    """

    stages: npt.NDArray[np.int8]
    probability: F32


def stage(eeg: F32, sfreq: float, eog: F32 | None = None, emg: F32 | None = None) -> Staged:
    """Return stages and how sure YASA is of them.

    Parameters
    ----------
    eeg : (time,) float32
        One central or frontal derivation, µV.
    sfreq : float
        Sampling rate of all signals, Hz.
    eog, emg : (time,) float32, optional
        Better staging of REM and wake where they were recorded, µV.

    Raises
    ------
    ValueError
        If there are fewer than 5 minutes.
    """
    import mne
    import yasa

    rows = {name: row for name, row in (("eeg", eeg), ("eog", eog), ("emg", emg)) if row is not None}
    shortest = min(row.size for row in rows.values())
    info = mne.create_info(list(rows), sfreq, list(rows))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signals = np.stack([row[:shortest] for row in rows.values()])
        raw = mne.io.RawArray(signals * 1e-6, info, verbose="error")
        names = {f"{name}_name": name for name in rows}
        found = yasa.SleepStaging(raw, **names).predict()
    labels = list(getattr(found, "hypno", found))
    codes = np.array([LABELS.get(str(label).upper(), MISSING) for label in labels], dtype=np.int8)
    return Staged(codes, _probability(found.proba))


def _probability(table: object) -> F32:
    """Return YASA's table of probabilities with its columns in the order of ``STAGES``."""
    columns = {LABELS[str(name).upper()]: name for name in table.columns}  # type: ignore[attr-defined]
    order = [columns[code] for code in range(len(STAGES))]
    values = np.asarray(table[order].to_numpy(), dtype=np.float64)  # type: ignore[index]
    return np.asarray(values / values.sum(axis=1, keepdims=True), dtype=np.float32)


def best_channel(actives: list[str]) -> int:
    """Return the index of the channel that YASA was trained for most: central, then frontal, then the first."""
    order = ["C4", "C3", "Cz", "F4", "F3", "Fz", "Fpz"]
    ranks = [order.index(name) if name in order else len(order) for name in actives]
    return int(np.argmin(ranks))
