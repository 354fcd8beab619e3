"""The spectral twin as drawn: spectra with predictive bands, and the connectome."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr
from markupsafe import Markup

from braintwin.report.figures_base import ACCENT, GRID, INK, MUTED, STAGE_COLOURS, new_figure, quiet, style, svg

DB = 10 / np.log(10)
"""Decibels per unit of natural log."""

STAGE_WORDS = {"W": "Wake", "N1": "N1", "N2": "N2", "N3": "N3", "R": "REM"}
_TICKS = (1, 2, 4, 8, 16, 32)


def main_channels(channels: Sequence[str], most: int) -> list[str]:
    """Return up to `most` channels, central ones first: where slow waves, spindles and sleep staging meet."""
    wanted = ("C3", "C4", "CZ", "F3", "F4", "FZ", "O1", "O2", "OZ", "PZ")

    def place(channel: str) -> tuple[int, int]:
        site = channel.upper().replace("EEG", "").strip().split("-")[0]
        return (wanted.index(site) if site in wanted else len(wanted), list(channels).index(channel))

    return sorted(channels, key=place)[:most]


def spectra(observed: xr.Dataset, predictive: xr.Dataset | None, channels: Sequence[str], key: str) -> Markup:
    """Draw log spectra (points) over 50 and 90 % posterior predictive bands; rows are channels, columns stages.

    Parameters
    ----------
    observed : Dataset
        ``log_psd`` (stage, channel, freq) in ln(µV²/Hz) and ``used`` (same), 1 where a bin was fitted.
    predictive : Dataset or None
        ``log_psd`` (sample, stage, channel, freq); None where there is no twin.
    channels : sequence of str
        Channels to draw.
    key : str
        Name of the figure on its page.
    """
    stages = [str(s) for s in observed["stage"].values]
    # Octaves on a linear axis: the picture of a log axis at a fraction of its cost.
    freq = np.log2(observed["freq"].values)
    ticks = [t for t in _TICKS if freq[0] <= np.log2(t) <= freq[-1]]
    with style():
        height = 0.75 + 1.75 * len(channels)
        figure = new_figure(8.6, height, fitted=False)
        figure.subplots_adjust(
            left=0.095, right=0.99, bottom=0.5 / height, top=1 - 0.25 / height, wspace=0.1, hspace=0.12
        )
        grid = figure.subplots(len(channels), len(stages), sharex=True, sharey="row", squeeze=False)
        for row, channel in enumerate(channels):
            for column, stage in enumerate(stages):
                axes = grid[row, column]
                chosen = observed.sel(stage=stage, channel=channel)
                values, used = DB * chosen["log_psd"].values, chosen["used"].values.astype(bool)
                colour = STAGE_COLOURS.get(stage, ACCENT)
                if predictive is not None and stage in predictive["stage"].values:
                    draws = DB * predictive["log_psd"].sel(stage=stage, channel=channel).values
                    _bands(axes, np.log2(predictive["freq"].values), draws, colour)
                _masked(axes, freq, used)
                axes.plot(freq[used], values[used], ".", color=INK, ms=2.6)
                axes.plot(freq[~used], values[~used], "x", color=MUTED, ms=2.6, mew=0.7)
                if not np.isfinite(values).any():
                    axes.text(0.5, 0.5, "no clean epochs", transform=axes.transAxes, ha="center", color=MUTED)
                axes.set_xlim(freq[0], freq[-1])
                axes.set_xticks(np.log2(ticks), [str(t) for t in ticks])
                quiet(axes, grid="both")
                if row == 0:
                    axes.set_title(STAGE_WORDS.get(stage, stage))
            grid[row, 0].set_ylabel(f"{channel}\ndB re 1 µV²/Hz")
        figure.supxlabel("frequency, Hz", fontsize=9, y=0.04 / height, va="bottom")
        what = "over the twin's 50 and 90 % predictive bands" if predictive is not None else "without a twin"
        text = f"Power spectra of {', '.join(channels)} in {', '.join(STAGE_WORDS.get(s, s) for s in stages)}, {what}."
        share = coverage(observed, predictive, channels)
        if share is not None:
            text += f" {100 * share:.0f} % of the fitted points lie inside the 90 % band."
        return svg(figure, key, text)


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


def _bands(axes: "object", freq: npt.NDArray[np.floating], draws: npt.NDArray[np.floating], colour: str) -> None:
    from matplotlib.axes import Axes

    assert isinstance(axes, Axes)
    if draws.size == 0 or not np.isfinite(draws).all():
        return
    low, q25, middle, q75, high = np.quantile(draws, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
    axes.fill_between(freq, low, high, color=colour, alpha=0.22, lw=0)
    axes.fill_between(freq, q25, q75, color=colour, alpha=0.38, lw=0)
    axes.plot(freq, middle, color=colour, lw=1.1)


def _masked(axes: "object", freq: npt.NDArray[np.floating], used: npt.NDArray[np.bool_]) -> None:
    """Shade the bins that did not enter the likelihood."""
    from matplotlib.axes import Axes

    assert isinstance(axes, Axes)
    width = np.gradient(freq) / 2 if freq.size > 1 else np.full(freq.size, 0.05)
    inside = np.flatnonzero(~used)
    if inside.size == 0 or inside.size == used.size:
        return
    for block in np.split(inside, np.flatnonzero(np.diff(inside) > 1) + 1):
        axes.axvspan(freq[block[0]] - width[block[0]], freq[block[-1]] + width[block[-1]], color=GRID, lw=0)


def connectome(matrices: xr.DataArray, reasons: dict[str, str], measure: str, band: str, key: str) -> Markup:
    """Draw the connectome of each stage as a matrix on one scale; a missing stage keeps its place and its reason.

    Parameters
    ----------
    matrices : DataArray
        (stage, node, node_to), one measure and band.
    reasons : dict of str to str
        Stage to why it is missing; empty where it is there.
    """
    stages = [str(s) for s in matrices["stage"].values]
    nodes = [str(n) for n in matrices["node"].values]
    values = matrices.values.astype(float)
    off = ~np.eye(len(nodes), dtype=bool)
    finite = np.abs(values[:, off][np.isfinite(values[:, off])])
    top = float(finite.max()) if finite.size else 1.0
    signed = bool(np.nanmin(values[:, off]) < 0) if finite.size else False
    with style():
        figure = new_figure(8.6, 2.15)
        grid = figure.subplots(1, len(stages), squeeze=False)[0]
        image = None
        for axes, stage, matrix in zip(grid, stages, values):
            axes.set_title(STAGE_WORDS.get(stage, stage))
            axes.tick_params(length=0)
            if not np.isfinite(matrix[off]).any():
                axes.set_xticks([])
                axes.set_yticks([])
                axes.set_aspect("equal")
                for side in axes.spines.values():
                    side.set(visible=True, color=GRID)
                axes.text(0.5, 0.5, "missing", transform=axes.transAxes, ha="center", va="center", color=MUTED)
                axes.set_xlabel(" ")
                continue
            shown = np.where(off, matrix, np.nan)
            image = axes.pcolormesh(
                shown, cmap="RdBu_r" if signed else "cividis", vmin=-top if signed else 0.0, vmax=top,
                rasterized=len(nodes) > 12,
            )  # fmt: skip
            axes.set_aspect("equal")
            axes.invert_yaxis()
            step = max(1, int(np.ceil(len(nodes) / 12)))
            places = np.arange(0, len(nodes), step)
            names = [_site(nodes[i]) for i in places]
            axes.set_xticks(places + 0.5, names, rotation=90, fontsize=7)
            axes.set_yticks(places + 0.5, names if axes is grid[0] or len(nodes) <= 8 else [], fontsize=7)
            for side in axes.spines.values():
                side.set_visible(False)
        if image is not None:
            bar = figure.colorbar(image, ax=list(grid), shrink=0.75, aspect=14)
            bar.outline.set_visible(False)
            bar.ax.tick_params(length=0, labelsize=7.5)
        there = [s for s in stages if not reasons.get(s)]
        text = f"Sensor-space functional connectivity ({measure}, {band}) of {len(nodes)} nodes in {', '.join(there)}."
        missing = "; ".join(f"{s} missing: {why}" for s, why in reasons.items() if why)
        return svg(figure, key, f"{text} {missing}".strip())


def _site(channel: str) -> str:
    return channel.replace("EEG", "").strip().split("-")[0]
