"""What a night adds up to: latency, wake, sleep, stages, awakenings.

Definitions follow the AASM manual (wake after sleep onset runs to lights on) and, for latency to persistent sleep,
the convention of insomnia trials (ten minutes without wake).
"""

import numpy as np
import numpy.typing as npt

from braintwin.contracts.simulate import OUTCOMES
from braintwin.contracts.stages import EPOCH_S

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
    stages = np.asarray(stages)[:, lights_off_epoch:]
    nights, width = stages.shape
    minutes = epoch_s / 60
    scored, asleep, awake = stages >= 0, stages > 0, stages == 0
    index = np.arange(width)

    def first(mask: npt.NDArray[np.bool_], otherwise: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return np.where(mask.any(axis=1), mask.argmax(axis=1), otherwise) if width else otherwise

    in_bed = np.where(scored, index + 1, 0).max(axis=1, initial=0)
    onset = first(asleep, in_bed)
    need = round(PERSISTENT_MIN / minutes)
    # Epoch i begins persistent sleep if the `need` epochs from i on are all asleep.
    total = np.concatenate([np.zeros((nights, 1), dtype=np.int64), np.cumsum(asleep, axis=1)], axis=1)
    persistent = np.zeros((nights, width), dtype=bool)
    if width >= need:
        persistent[:, : width - need + 1] = total[:, need:] - total[:, :-need] == need
    sleep = total[:, -1]
    known = scored.sum(axis=1)
    values = {
        "SOL": onset * minutes,
        "LPS": first(persistent, in_bed) * minutes,
        "WASO": (awake & (index >= onset[:, None])).sum(axis=1) * minutes,
        "TST": sleep * minutes,
        "SE": 100 * np.divide(sleep, known, out=np.full(nights, np.nan), where=known > 0),
        **{name: (stages == code).sum(axis=1) * minutes for code, name in enumerate(("N1", "N2", "N3", "REM"), 1)},
        "awakenings": (awake[:, 1:] & asleep[:, :-1]).sum(axis=1),
        "TIB": in_bed * minutes,
    }
    return np.column_stack([values[name] for name in OUTCOMES]).astype(np.float64)
