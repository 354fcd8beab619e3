"""Stages for a night that nobody scored: YASA, Vallat & Walker 2021, doi:10.7554/eLife.70092."""

import warnings

import numpy as np
import numpy.typing as npt

from braintwin.contracts.stages import MISSING, STAGES

F32 = npt.NDArray[np.float32]

LABELS = {"W": 0, "WAKE": 0, "N1": 1, "N2": 2, "N3": 3, "R": 4, "REM": 4}
"""Code of each of YASA's labels; `contracts.stages` orders the codes."""


def stage(eeg: F32, sfreq: float, eog: F32 | None = None, emg: F32 | None = None) -> npt.NDArray[np.int8]:
    """Return the stage code of every whole 30-s epoch.

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

    names, kinds, rows = ["eeg"], ["eeg"], [eeg]
    for name, values in (("eog", eog), ("emg", emg)):
        if values is not None:
            names.append(name)
            kinds.append(name)
            rows.append(values)
    shortest = min(row.size for row in rows)
    info = mne.create_info(names, sfreq, kinds)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        raw = mne.io.RawArray(np.stack([row[:shortest] for row in rows]) * 1e-6, info, verbose="error")
        staging = yasa.SleepStaging(
            raw,
            eeg_name="eeg",
            eog_name="eog" if eog is not None else None,
            emg_name="emg" if emg is not None else None,
        )
        found = staging.predict()
    labels = list(getattr(found, "hypno", found))
    codes = np.array([LABELS.get(str(label).upper(), MISSING) for label in labels], dtype=np.int8)
    assert codes.max(initial=0) < len(STAGES)
    return codes


def best_channel(actives: list[str]) -> int:
    """Return the index of the channel that YASA was trained for most: central, then frontal, then the first."""
    order = ["C4", "C3", "Cz", "F4", "F3", "Fz", "Fpz"]
    ranks = [order.index(name) if name in order else len(order) for name in actives]
    return int(np.argmin(ranks))
