"""The spectral twin as drawn: spectra with predictive bands, and what is left over."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr
from markupsafe import Markup

from braintwin.report.drawing import Canvas, Panel, nice_ticks, reach
from braintwin.report.palette import ACCENT, GRID, INK, MUTED, STAGE_COLOURS, STAGE_WORDS

DB = 10 / np.log(10)
"""Decibels per unit of natural log."""

_TICKS = (1, 2, 4, 8, 16, 32)
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_UPPER, _LOWER, _BETWEEN = 140.0, 92.0, 14.0

Floats = npt.NDArray[np.float64]


def main_channels(channels: Sequence[str], most: int) -> list[str]:
    """Return up to `most` channels, central ones first: where slow waves, spindles and sleep staging meet."""
    wanted = ("C3", "C4", "CZ", "F3", "F4", "FZ", "O1", "O2", "OZ", "PZ")

    def place(channel: str) -> tuple[int, int]:
        site = channel.upper().replace("EEG", "").strip().split("-")[0]
        return (wanted.index(site) if site in wanted else len(wanted), list(channels).index(channel))

    return sorted(channels, key=place)[:most]


def spectra(observed: xr.Dataset, predictive: xr.Dataset | None, channels: Sequence[str]) -> Markup:
    """Draw log spectra over the posterior predictive bands, and below each what observation leaves over the median.

    A spectrum falls over forty decibels and the bands are two or three wide: the lower panels, on a scale of their
    own, are where they can be seen.

    Parameters
    ----------
    observed : Dataset
        ``log_psd`` (stage, channel, freq) in ln(µV²/Hz) and ``used`` (same), 1 where a bin was fitted.
    predictive : Dataset or None
        ``log_psd`` (sample, stage, channel, freq); None where there is no twin.
    channels : sequence of str
        Channels to draw.
    """
    stages = [str(s) for s in observed["stage"].values]
    freq = np.log2(observed["freq"].values)
    block = 30 + _UPPER + (_BETWEEN + _LOWER if predictive is not None else 0) + 26
    canvas = Canvas(block * len(channels) + 18)
    pitch = (canvas.width - 62) / len(stages)
    for row, channel in enumerate(channels):
        values = {s: DB * observed["log_psd"].sel(stage=s, channel=channel).values for s in stages}
        fitted = {s: observed["used"].sel(stage=s, channel=channel).values.astype(bool) for s in stages}
        bands = {s: _bands(predictive, s, channel, fitted[s]) for s in stages}
        tops = reach(*values.values(), margin=0.05)
        rest = _leftover_range(values, bands, fitted)
        for column, stage in enumerate(stages):
            used = fitted[stage]
            place = (62 + column * pitch, 26 + row * block, pitch - 12)
            span = (float(freq[0]), float(freq[-1]))
            upper = canvas.panel(place[0], place[1], place[2], _UPPER, x=span, y=tops)
            upper.title(STAGE_WORDS.get(stage, stage))
            _upper(upper, freq, values[stage], used, bands[stage], STAGE_COLOURS.get(stage, ACCENT))
            upper.y_axis(nice_ticks(*tops, 6), None if column == 0 else [""] * 9, grid=True)
            if column == 0:
                canvas.words(13, place[1] + _UPPER / 2, f"{channel}, dB", anchor="middle", turn=-90, size=11.5)
            lowest = upper
            if predictive is not None:
                y = place[1] + _UPPER + _BETWEEN
                lowest = canvas.panel(place[0], y, place[2], _LOWER, x=span, y=rest)
                _lower(lowest, freq, values[stage], used, bands[stage], STAGE_COLOURS.get(stage, ACCENT))
                lowest.y_axis(nice_ticks(*rest, 5), None if column == 0 else [""] * 9)
                if column == 0:
                    canvas.words(13, y + _LOWER / 2, "minus median, dB", anchor="middle", turn=-90, size=10.5)
            ticks = [t for t in _TICKS if span[0] <= np.log2(t) <= span[1]]
            lowest.baseline()
            lowest.x_axis([float(np.log2(t)) for t in ticks], [str(t) for t in ticks])
    canvas.words(canvas.width / 2, canvas.height - 4, "frequency, Hz", anchor="middle", size=11.5)
    what = "over the twin's 50 and 90 % predictive bands" if predictive is not None else "without a twin"
    text = f"Power spectra of {', '.join(channels)} in {', '.join(STAGE_WORDS.get(s, s) for s in stages)}, {what}."
    share = coverage(observed, predictive, channels)
    if share is not None:
        text += f" {100 * share:.0f} % of the fitted points lie inside the 90 % band."
    return canvas.svg(text)


def _bands(predictive: xr.Dataset | None, stage: str, channel: str, used: npt.NDArray[np.bool_]) -> Floats | None:
    """Return quantiles of the predictive spectrum in dB, (quantile, freq); None where the stage has none.

    Bins that were not fitted are NaN: what is predicted there is the prior of a missing value, as wide as the panel.
    """
    if predictive is None or stage not in predictive["stage"].values:
        return None
    draws = DB * predictive["log_psd"].sel(stage=stage, channel=channel).values
    if draws.size == 0 or not np.isfinite(draws).all():
        return None
    bands = np.asarray(np.quantile(draws, _QUANTILES, axis=0))
    bands[[0, 1, 3, 4]] = np.where(used, bands[[0, 1, 3, 4]], np.nan)
    return bands


def _leftover_range(
    values: dict[str, Floats], bands: dict[str, Floats | None], fitted: dict[str, npt.NDArray[np.bool_]]
) -> tuple[float, float]:
    found = [np.nanmax(np.abs(band - band[2]), initial=0.0) for band in bands.values() if band is not None]
    rests = [np.abs(values[s] - band[2])[fitted[s]] for s, band in bands.items() if band is not None]
    finite = np.concatenate([r[np.isfinite(r)] for r in rests]) if rests else np.empty(0)
    # the few largest misses may leave the panel, all bands stay inside
    most = max([0.5, *found, float(np.quantile(finite, 0.97)) if finite.size else 0.0])
    return -1.15 * most, 1.15 * most


def _upper(
    panel: Panel, freq: Floats, values: Floats, used: npt.NDArray[np.bool_], band: Floats | None, colour: str
) -> None:
    _masked(panel, freq, used)
    if band is not None:
        panel.band(freq, band[0], band[4], colour, 0.3)
        panel.line(freq, band[2], colour, 1.4)
    panel.marks(freq[used], values[used], INK, size=1.4, halo=False)
    panel.marks(freq[~used], values[~used], MUTED, mark="cross", size=1.5)
    if not np.isfinite(values).any():
        panel.words(float(freq.mean()), float(np.mean(panel.y_range)), "no clean epochs", anchor="middle", colour=MUTED)


def _lower(
    panel: Panel, freq: Floats, values: Floats, used: npt.NDArray[np.bool_], band: Floats | None, colour: str
) -> None:
    _masked(panel, freq, used)
    if band is None:
        return
    middle = band[2]
    panel.band(freq, band[0] - middle, band[4] - middle, colour, 0.3)
    panel.band(freq, band[1] - middle, band[3] - middle, colour, 0.45)
    panel.rule_y(0, colour, width=1.2)
    left = np.where(used, values - middle, np.nan)
    left[np.abs(left) > panel.y_range[1]] = np.nan
    panel.line(freq, left, INK, 0.7)
    panel.marks(freq, left, INK, size=1.5, halo=False)


def coverage(observed: xr.Dataset, predictive: xr.Dataset | None, channels: Sequence[str]) -> float | None:
    """Return the share of fitted points of `channels` inside the 90 % predictive band; None without a twin."""
    if predictive is None or predictive.sizes.get("sample", 0) == 0:
        return None
    data = observed.sel(channel=list(channels))
    low, high = np.quantile(predictive["log_psd"].sel(channel=list(channels)).values, [0.05, 0.95], axis=0)
    used = data["used"].values.astype(bool) & np.isfinite(data["log_psd"].values)
    if low.shape != used.shape or not used.any():
        return None
    values = data["log_psd"].values
    return float(((values >= low) & (values <= high))[used].mean())


def _masked(panel: Panel, freq: Floats, used: npt.NDArray[np.bool_]) -> None:
    """Shade the bins that did not enter the likelihood."""
    width = np.gradient(freq) / 2 if freq.size > 1 else np.full(freq.size, 0.05)
    inside = np.flatnonzero(~used)
    if inside.size == 0 or inside.size == used.size:
        return
    for block in np.split(inside, np.flatnonzero(np.diff(inside) > 1) + 1):
        a = max(freq[block[0]] - width[block[0]], panel.x_range[0])
        b = min(freq[block[-1]] + width[block[-1]], panel.x_range[1])
        panel.box(a, b, *panel.y_range, GRID, 0.6)
