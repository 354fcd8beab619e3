"""Minutes of a trial as shifts of log hazards, in closed form at the trial's untreated night.

ln HR(onset) = −ln(1 + ΔSOL / SOL₀)          ln OR(wake) = logit(w₁) − logit(w₀),  w = WASO / (TIB − SOL)
ln rate(sleep → wake) += ρ ln OR(wake)       ln rate(wake → sleep) −= (1 − ρ) ln OR(wake)
"""

import numpy as np
import numpy.typing as npt

from braintwin.contracts.night import GROUPS
from braintwin.treatment.evidence import Baseline

Floats = npt.NDArray[np.float64]

ONSET = ("onset",)
WAKE_ENTRY = ("n1_w", "n23_w", "r_w")
WAKE_EXIT = ("w_n1", "w_deep")
DEEPEN, LIGHTEN = ("n2_n3",), ("n3_n2",)
REM_ENTRY, REM_EXIT = ("nrem_r",), ("r_nrem",)

LEAST_RATIO = 0.1
"""An effect never takes more than nine tenths of a baseline away: beyond, the closed form has no answer."""


def log_onset_ratio(change_min: npt.ArrayLike, baseline: Baseline) -> Floats:
    """Return the log hazard ratio of sleep onset of a change of latency in minutes."""
    return np.asarray(-np.log(np.maximum(1 + np.asarray(change_min) / baseline.SOL, LEAST_RATIO)))


def log_wake_odds(sol_change_min: npt.ArrayLike, waso_change_min: npt.ArrayLike, baseline: Baseline) -> Floats:
    """Return the log odds ratio of being awake after sleep onset of changes of latency and WASO in minutes."""
    sleep0 = baseline.TIB - baseline.SOL
    sleep1 = np.maximum(sleep0 - np.asarray(sol_change_min), sleep0 / 2)
    waso = np.maximum(baseline.WASO + np.asarray(waso_change_min), LEAST_RATIO * baseline.WASO)
    awake = np.minimum(waso / sleep1, 1 - LEAST_RATIO)
    before = baseline.WASO / sleep0
    return np.asarray(np.log(awake / (1 - awake)) - np.log(before / (1 - before)))


def hazard_shifts(
    *,
    onset: npt.ArrayLike = 0.0,
    wake_odds: npt.ArrayLike = 0.0,
    wake_entry_share: npt.ArrayLike = 0.5,
    n3_odds: npt.ArrayLike = 0.0,
    rem_odds: npt.ArrayLike = 0.0,
) -> Floats:
    """Return the shifts of the twelve log hazards that trial-level log ratios amount to.

    Parameters
    ----------
    onset, wake_odds, n3_odds, rem_odds : (draw,) float
        Log hazard ratio of sleep onset; log odds ratios of wake, of N3 among N2 and N3, of REM.
    wake_entry_share : (draw,) float
        ρ, the share of `wake_odds` that falls on waking up.

    Returns
    -------
    (draw, group) float
    """
    parts = np.broadcast_arrays(*(np.atleast_1d(np.asarray(x, float)) for x in (onset, wake_odds, wake_entry_share)))
    latency, wake, share = parts
    n3, rem = (np.broadcast_to(np.asarray(x, float), latency.shape) for x in (n3_odds, rem_odds))
    shift = np.zeros((latency.size, len(GROUPS)))
    for groups, value in (
        (ONSET, latency),
        (WAKE_ENTRY, share * wake),
        (WAKE_EXIT, -(1 - share) * wake),
        (DEEPEN, n3 / 2),
        (LIGHTEN, -n3 / 2),
        (REM_ENTRY, rem / 2),
        (REM_EXIT, -rem / 2),
    ):
        for group in groups:
            shift[:, GROUPS.index(group)] += value
    return shift
