"""What a fit says about itself, as plain numbers; the gates that judge them are options of the check step.

Whether chains agree is told by ArviZ 0.23 (Python 3.11) or ArviZ 1 (3.12 and later), from draws (chain, draw).
"""

from functools import cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]


def contraction(posterior: Floats, prior: Floats) -> float:
    """Return 1 - posterior variance / prior variance: 0 is the prior, 1 is known (doi:10.1037/met0000275).

    Negative where the posterior is wider than the prior; NaN where the prior does not vary.
    """
    spread = float(np.var(prior))
    return 1 - float(np.var(posterior)) / spread if spread > 0 else float("nan")


def inside_band(observed: Floats, replicated: Floats, level: float = 0.9) -> Floats:
    """Return 1 where an observation lies in the central band of its replicates, 0 where not, NaN where there is none.

    Parameters
    ----------
    observed : (...) array
        Observations; NaN where there is none.
    replicated : (sample, ...) array
        Draws of the posterior predictive.
    level : float
        Probability of the band.
    """
    low, high = np.quantile(replicated, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return np.where(np.isfinite(observed), ((observed >= low) & (observed <= high)).astype(float), np.nan)


def share(values: Floats) -> float | None:
    """Return the mean of what is not NaN, or None where nothing is."""
    kept = values[np.isfinite(values)]
    return float(kept.mean()) if kept.size else None


@cache
def _major() -> int:
    from importlib.metadata import version

    return int(version("arviz").split(".")[0])


def _apply(name: str, values: Floats, **keywords: Any) -> float:
    if not np.all(np.isfinite(values)) or np.ptp(values) == 0:
        return float("nan")
    if _major() >= 1:
        from arviz_stats.base import array_stats

        return float(getattr(array_stats, name)(values, chain_axis=0, draw_axis=1, **keywords))
    import arviz

    return float(getattr(arviz, name)(values, **keywords))


def rhat(values: Floats) -> float:
    """Return the rank-normalised split R-hat of draws (chain, draw); doi:10.1214/20-BA1221."""
    return _apply("rhat", values)


def ess(values: Floats, method: Literal["bulk", "tail"] = "bulk") -> float:
    """Return the effective sample size of draws (chain, draw); doi:10.1214/20-BA1221."""
    # ArviZ 0 takes these tails by default; the array interface of ArviZ 1 has no default.
    return _apply("ess", values, method=method, **({"prob": (0.05, 0.95)} if method == "tail" else {}))


def mcse(values: Floats) -> float:
    """Return the Monte-Carlo standard error of the mean of draws (chain, draw)."""
    return float(np.std(values, ddof=1) / np.sqrt(_apply("ess", values, method="mean")))


def ebfmi(energy: Floats) -> Floats:
    """Return the energy Bayesian fraction of missing information of each chain; arXiv:1604.00695."""
    return np.asarray(np.square(np.diff(energy, axis=1)).mean(axis=1) / np.var(energy, axis=1, ddof=1))
