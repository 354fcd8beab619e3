"""What a night adds up to: latency, wake, sleep, stages, awakenings.

Definitions follow the AASM manual (wake after sleep onset runs to lights on) and, for latency to persistent sleep,
the convention of insomnia trials (ten minutes without wake).
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from braintwin.contracts.simulate import OUTCOMES
from braintwin.contracts.stages import EPOCH_S, STAGES

PERSISTENT_MIN = 10.0
"""Sleep without interruption that ends the latency to persistent sleep, min."""

NEED_LIGHTS_OFF = ("SOL", "LPS", "SE", "TIB")
"""Outcomes that mean nothing where lights off is unknown."""


def outcomes(
    stages: npt.NDArray[np.integer], epoch_s: float = EPOCH_S, lights_off_epoch: int = 0
) -> npt.NDArray[np.float64]:
    """Return the outcomes of nights, in the order of `contracts.simulate.OUTCOMES`.

    Time in bed runs from `lights_off_epoch` to the last epoch that is not missing. Missing epochs in between count
    for time in bed and for latencies, but for no stage, and they do not count against sleep efficiency, which is
    sleep over *scored* time. A gap interrupts persistent sleep; it is not an awakening. Where there is no
    (persistent) sleep, the latency is the time in bed: a lower bound.

    Parameters
    ----------
    stages : (night, epoch) int
        Stage codes; -1 is missing or out of bed.
    epoch_s : float
        Length of an epoch, s.
    lights_off_epoch : int
        First epoch that counts.

    Returns
    -------
    (night, outcome) float
        Minutes, per cent (SE) and counts (awakenings); SE is NaN where nothing was scored.
    """
    minutes = epoch_s / 60
    counts = np.empty((len(stages), len(_COUNTS)), dtype=np.int64)
    rows = np.ascontiguousarray(np.asarray(stages, dtype=np.int8)[:, lights_off_epoch:])
    _compiled(_count)(rows, counts, round(PERSISTENT_MIN / minutes))
    count = dict(zip(_COUNTS, counts.T, strict=True))
    sleep = count["N1"] + count["N2"] + count["N3"] + count["REM"]
    scored = sleep + count["wake"]
    values: dict[str, npt.NDArray[Any]] = {
        name: count[name] * minutes for name in ("SOL", "LPS", "WASO", "N1", "N2", "N3", "REM", "TIB")
    }
    values |= {
        "TST": sleep * minutes,
        "SE": 100 * np.divide(sleep, scored, out=np.full(len(rows), np.nan), where=scored > 0),
        "awakenings": count["awakenings"],
    }
    return np.column_stack([values[name] for name in OUTCOMES]).astype(np.float64)


_COUNTS = ("SOL", "LPS", "WASO", "wake", "N1", "N2", "N3", "REM", "awakenings", "TIB")


def _count(stages: Any, out: Any, need: int) -> None:
    """Fill `out` (night, count) with epochs in the order of _COUNTS; compiled by numba."""
    for i in range(stages.shape[0]):
        onset, persistent, run, in_bed = -1, -1, 0, 0
        waso, awakenings, previous = 0, 0, -1
        for s in range(5):
            out[i, 3 + s] = 0
        for e in range(stages.shape[1]):
            stage = stages[i, e]
            if stage >= 0:
                in_bed = e + 1
                out[i, 3 + stage] += 1
            if stage > 0:
                run += 1
                if onset < 0:
                    onset = e
                if run == need and persistent < 0:
                    persistent = e - need + 1
            else:
                run = 0
            if stage == 0 and onset >= 0:
                waso += 1
                if previous > 0:
                    awakenings += 1
            previous = stage
        out[i, 0] = onset if onset >= 0 else in_bed
        out[i, 1] = persistent if persistent >= 0 else in_bed
        out[i, 2] = waso
        out[i, 8] = awakenings
        out[i, 9] = in_bed


def nights_in(stages: npt.NDArray[np.int8]) -> npt.NDArray[np.int32]:
    """Return how many of the nights (night, epoch) are in each stage at each epoch, (stage, epoch)."""
    out = np.zeros((len(STAGES), stages.shape[1]), dtype=np.int32)
    _compiled(_tally)(stages, out)
    return out


def _tally(stages: Any, out: Any) -> None:
    """Add the nights (night, epoch) to `out` (stage, epoch); compiled by numba, many epochs at a time."""
    for i in range(stages.shape[0]):
        for code in range(out.shape[0]):
            for e in range(stages.shape[1]):
                out[code, e] += stages[i, e] == code


@cache
def _compiled(function: Callable[..., None]) -> Callable[..., None]:
    import numba

    compiled: Callable[..., None] = numba.njit(cache=True, nogil=True)(function)
    return compiled
