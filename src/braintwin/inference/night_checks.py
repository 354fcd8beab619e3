"""Predictive checks of hypnograms: recorded nights against the 95 % bands of nights that the model makes.

Transition frequencies and stage shares in ten equal parts of the night and survival curves of bouts, as visual
predictive checks of this class of model are published (doi:10.1007/s10928-009-9146-6). Beside the bands stands one
p-value a block, because of 300 statistics some lie outside by chance, and not independently of each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from braintwin.contracts.stages import EPOCH_S
from braintwin.models.night_profile import Profile, profiles

Floats = npt.NDArray[np.float64]

BLOCKS = ("stages", "changes", "bouts")
"""Stage shares, transition frequencies, survival of bouts."""
LEVEL = 0.95

COUNTS = {
    "stage_count": ("interval", "state"),
    "change_count": ("interval", "transition"),
    "bout_count": ("state", "bout"),
}
"""Variables that hold a :class:`Profile`, in the order of its fields, and their dims."""


def stored(counts: xr.Dataset) -> Profile | None:
    """Return the counts that a dataset holds; None where it holds none."""
    if not all(name in counts for name in COUNTS):
        return None
    return Profile(*(counts[name].values.astype(np.int64) for name in COUNTS))


def seen(observed: xr.Dataset) -> Profile | None:
    """Return the counts of all fitted nights: as stored where their stages were left out; None without nights."""
    if observed.sizes.get("epoch", 0):
        return profiles(observed["stage"].values, observed["lights_off_known"].values).summed()
    return stored(observed)


@dataclass(frozen=True)
class PredictiveCheck:
    """One block of statistics against replicated ones.

    Attributes
    ----------
    observed, low, middle, high : (...) float
        Statistics seen; band and median of the replicates (and of what was seen, as one of them).
    inside : float
        Share of the statistics in their bands.
    expected : float
        The same of a replicate, on average.
    p_value : float
        Exact for nights of the model: how often a replicate is as far out as what was seen.
    """

    observed: Floats
    low: Floats
    middle: Floats
    high: Floats
    inside: float
    expected: float
    p_value: float


def statistics(profile: Profile) -> dict[str, Floats]:
    """Return the statistics of a block from counts.

    Returns
    -------
    stages : (..., interval, stage) float
        Share of the scored epochs, per cent.
    changes : (..., interval, change) float
        Changes of stage an hour.
    bouts : (..., stage, edge) float
        Share of bouts that last longer, per cent; 0 where there is none.
    """
    scored = np.maximum(profile.stage_count.sum(axis=-1, keepdims=True), 1)
    bouts = profile.bout_count
    longer = bouts.sum(axis=-1, keepdims=True) - np.cumsum(bouts, axis=-1)
    return {
        "stages": 100 * profile.stage_count / scored,
        "changes": profile.change_count / (scored * EPOCH_S / 3600),
        "bouts": 100 * longer[..., :-1] / np.maximum(bouts.sum(axis=-1, keepdims=True), 1),
    }


def compare(observed: Floats, replicas: Floats, level: float = LEVEL) -> PredictiveCheck:
    """Return how a block of statistics compares with replicates (replicate, ...).

    Bands hold the observation as one draw more, so that it lies in them as often as a replicate does. Each
    statistic's tail is its rank among replicates and observation together; the sum of their logarithms (Fisher's
    combination) is compared with that of every replicate, ranked in the same way. What was seen and the replicates
    are exchangeable under the model, whatever the dependence between statistics, so that the p-value is exact.
    """
    pooled = np.concatenate([observed[None], replicas]).reshape(len(replicas) + 1, -1)
    n = len(pooled)
    edges = np.quantile(pooled, [(1 - level) / 2, 0.5, (1 + level) / 2], axis=0)
    out = (pooled < edges[0]) | (pooled > edges[2])
    ordered = np.sort(pooled, axis=0)
    tails = np.empty_like(pooled)
    for j in range(pooled.shape[1]):
        below = np.searchsorted(ordered[:, j], pooled[:, j], side="left")
        upto = np.searchsorted(ordered[:, j], pooled[:, j], side="right")
        rank = (below + upto) / (2 * n)
        tails[:, j] = 2 * np.minimum(rank, 1 - rank)
    far = -np.log(np.minimum(tails, 1.0)).sum(axis=1)
    low, middle, high = edges.reshape(3, *observed.shape)
    return PredictiveCheck(
        observed=observed,
        low=low,
        middle=middle,
        high=high,
        inside=float(1 - out[0].mean()),
        expected=float(1 - out[1:].mean()),
        p_value=float((far >= far[0] - 1e-9).mean()),
    )


def check_profiles(observed: Profile, replicas: Profile, level: float = LEVEL) -> dict[str, PredictiveCheck]:
    """Return the check of every block of summed nights against replicates of the same sums."""
    seen, made = statistics(observed), statistics(replicas)
    return {name: compare(seen[name], made[name], level) for name in BLOCKS}


def worst(checks: Mapping[str, PredictiveCheck]) -> tuple[float, str]:
    """Return the least p-value of the blocks, adjusted for their number (Bonferroni), and its block."""
    name = min(checks, key=lambda key: checks[key].p_value)
    return min(1.0, checks[name].p_value * len(checks)), name
