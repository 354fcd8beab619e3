"""Which nights a hypnogram twin, or a population of them, can learn from."""

from collections.abc import Collection

import numpy as np
import xarray as xr

from braintwin.contracts.stages import EPOCH_S, MISSING, STAGES
from braintwin.errors import NightExcluded
from braintwin.inference.nights import Night, window

MOST_MISSING = 0.5
"""Share of missing epochs beyond which a scoring is not that of a night."""


def admit(prepared: xr.Dataset, conditions: Collection[str], min_night_min: float) -> Night:
    """Return the part of a prepared night that is the night.

    Missing epochs and gaps stay in it: the likelihood counts no step into or out of them. Where lights off is unknown
    the night begins with its sleep, and says nothing of the latency.

    Parameters
    ----------
    prepared : Dataset
        A night as of :data:`braintwin.contracts.prepare.PREPARED`.
    conditions : collection of str
        Conditions that count as untreated.
    min_night_min : float
        Least time from lights off (or sleep onset) to the end, min.

    Raises
    ------
    NightExcluded
        If the night is under another condition, in epochs of another length, without sleep, a nap, or mostly unscored;
        the reason does not name the night.
    """
    stages, condition = prepared["stage"].values, str(prepared.attrs["condition"])
    epoch_s, mark = float(prepared.attrs["epoch_s"]), str(prepared.attrs["lights_off"])
    if condition not in conditions:
        message = f"under {condition!r}, which does not count as untreated"
        raise NightExcluded(message)
    if epoch_s != EPOCH_S:
        message = f"epochs of {epoch_s:g} s, expected {EPOCH_S:g} s; prepare it again from its scoring"
        raise NightExcluded(message)
    if not (stages >= STAGES.index("N1")).any():
        message = f"no epoch of sleep among {int((stages != MISSING).sum())} that are scored"
        raise NightExcluded(message)
    known = mark not in ("unknown", "")
    night = window(str(prepared.attrs["night"]), stages, round(float(mark) / epoch_s) if known else None)
    minutes = night.stages.size * EPOCH_S / 60
    if minutes < min_night_min:
        message = f"{minutes:.0f} min long, a nap: expected a night of {min_night_min:g} min or more (min_night_min)"
        raise NightExcluded(message)
    missing = float(np.mean(night.stages == MISSING))
    if missing > MOST_MISSING:
        message = f"{100 * missing:.0f} % of its epochs are not scored, expected {100 * MOST_MISSING:.0f} % at most"
        raise NightExcluded(message)
    return night
