"""What a fit says about itself, as plain numbers; the gates that judge them are options of the check step."""

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
