"""Spindles and slow waves a minute in each stage, by YASA; doi:10.7554/eLife.70092."""

import warnings
from typing import Literal

import numpy as np
import numpy.typing as npt

from braintwin.contracts.stages import MISSING, STAGES

F32 = npt.NDArray[np.float32]

NREM = (1, 2, 3)
"""Codes of the stages in which these events are defined."""


def density(
    epochs: F32,
    stages: npt.NDArray[np.integer],
    clean: npt.NDArray[np.bool_],
    sfreq: float,
    kind: Literal["spindle", "slow_wave"],
    *,
    min_epochs: int = 2,
) -> npt.NDArray[np.float64]:
    """Return events per minute of each stage (stage,) in one channel.

    Parameters
    ----------
    epochs : (epoch, time) float32
        Consecutive epochs, µV.
    stages : (epoch,) int
        Stage codes.
    clean : (epoch,) bool
        Epochs free of artefacts; only these are searched.
    sfreq : float
        Sampling rate, Hz.
    kind : str
        What to detect.
    min_epochs : int
        Fewest clean epochs of a stage.

    Returns
    -------
    (stage,) float
        In 1/min; NaN for W and R, where they are not defined, and for a stage with too few clean epochs.
    """
    import yasa

    result = np.full(len(STAGES), np.nan)
    used = np.where(clean, stages, MISSING).astype(int)
    counts = np.bincount(used[used >= 0], minlength=len(STAGES))
    judged = [code for code in NREM if counts[code] >= min_epochs]
    if not judged:
        return result
    detect = yasa.spindles_detect if kind == "spindle" else yasa.sw_detect
    width = epochs.shape[1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = detect(
            np.where(clean[:, None], epochs, 0).astype(np.float64).ravel(),
            sf=sfreq,
            hypno=np.repeat(used, width),
            include=tuple(judged),
            verbose="ERROR",
        )
    peaks = [] if found is None else found.summary()["Peak" if kind == "spindle" else "NegPeak"].to_numpy()
    where = np.minimum((np.asarray(peaks, dtype=float) * sfreq // width).astype(int), stages.size - 1)
    events = np.bincount(used[where][used[where] >= 0], minlength=len(STAGES)) if where.size else np.zeros(len(STAGES))
    for code in judged:
        result[code] = events[code] / (counts[code] * width / sfreq / 60)
    return result
