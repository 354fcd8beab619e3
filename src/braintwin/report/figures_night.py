"""Nights as drawn: the hypnogram with slow-wave activity, the spread of nights, simulated nights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xarray as xr
from markupsafe import Markup

from braintwin.contracts.simulate import OUTCOME_UNITS
from braintwin.contracts.stages import MISSING, STAGES
from braintwin.report.figures_base import (
    ACCENT,
    GRID,
    HYPNOGRAM_ORDER,
    INK,
    MUTED,
    PAPER,
    STAGE_COLOURS,
    new_figure,
    quiet,
    style,
    svg,
)  # fmt: skip

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OUTCOMES_SHOWN = ("SOL", "WASO", "TST", "SE", "REM", "N3")
"""Outcomes in figures and tables, in the order a sleep report has them."""


@dataclass(frozen=True)
class NightTrace:
    """One night to draw: stage codes (epoch,), epoch length in s, SWA (epoch,) in µV² or None."""

    stage: npt.NDArray[np.integer]
    epoch_s: float
    swa: npt.NDArray[np.floating] | None = None
    swa_channel: str = ""


def runs(stage: npt.NDArray[np.integer]) -> list[tuple[int, int, int]]:
    """Return (first epoch, epoch after the last, stage code) of each uninterrupted run of one stage."""
    if stage.size == 0:
        return []
    edges = np.flatnonzero(np.diff(stage)) + 1
    starts = np.concatenate([[0], edges])
    stops = np.concatenate([edges, [stage.size]])
    return [(int(a), int(b), int(stage[a])) for a, b in zip(starts, stops)]


def describe(trace: NightTrace) -> str:
    """Return the night in words: length and minutes of each stage."""
    minutes = {name: float((trace.stage == code).sum()) * trace.epoch_s / 60 for code, name in enumerate(STAGES)}
    hours = trace.stage.size * trace.epoch_s / 3600
    parts = ", ".join(f"{name} {value:.0f} min" for name, value in minutes.items())
    return f"Hypnogram over {hours:.1f} h: {parts}."


def _hypnogram(axes: "Axes", trace: NightTrace) -> None:
    hour = trace.epoch_s / 3600
    level = {STAGES.index(name): -row for row, name in enumerate(HYPNOGRAM_ORDER)}
    bars: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in STAGES}
    steps: tuple[list[float], list[float]] = ([], [])
    before: int | None = None
    for start, stop, code in runs(trace.stage):
        if code == MISSING:
            axes.axvspan(start * hour, stop * hour, color=GRID, lw=0)
            before = None
            continue
        x0, x1, y = start * hour, stop * hour, level[code]
        if before is not None:
            _extend(steps, (x0, x0), (before, y))
        _extend(bars[STAGES[code]], (x0, x1), (y, y))
        before = y
    # One path a stage instead of one a bout: a tenth of the time and of the page.
    axes.plot(*steps, color=MUTED, lw=0.7)
    for name, (x, y_of) in bars.items():
        axes.plot(x, y_of, color=STAGE_COLOURS[name], lw=5 if name == "R" else 2.4, solid_capstyle="butt")
    axes.set_yticks([-row for row in range(len(HYPNOGRAM_ORDER))], ["Wake", "REM", "N1", "N2", "N3"])
    axes.set_ylim(-4.5, 0.5)
    axes.set_xlim(0, max(trace.stage.size * hour, hour))
    quiet(axes)


def _extend(path: tuple[list[float], list[float]], x: tuple[float, float], y: tuple[float, float]) -> None:
    """Add one straight piece to a path; NaN lifts the pen."""
    path[0].extend((*x, np.nan))
    path[1].extend((*y, np.nan))


def hypnogram(trace: NightTrace, key: str) -> Markup:
    """Draw one night: Wake on top, REM (thick) between Wake and N1; below it slow-wave activity where there is EEG."""
    with style():
        swa = trace.swa is not None and bool(np.isfinite(trace.swa).any())
        figure = new_figure(8.6, 2.8 if swa else 1.8)
        if swa:
            assert trace.swa is not None
            upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1.5])
            hours = (np.arange(trace.swa.size) + 0.5) * trace.epoch_s / 3600
            smooth = _running_median(trace.swa, 5)
            top = float(np.nanpercentile(smooth, 99.5)) if np.isfinite(smooth).any() else 1.0
            lower.fill_between(hours, 0, np.clip(smooth, 0, top), color=ACCENT, alpha=0.35, lw=0)
            lower.set_ylim(0, top or 1.0)
            lower.set_ylabel("SWA, µV²")
            lower.yaxis.set_major_locator(_few())
            quiet(lower)
            bottom = lower
        else:
            upper = bottom = figure.subplots(1, 1)
        _hypnogram(upper, trace)
        bottom.set_xlabel("hours since the first epoch")
        text = describe(trace)
        if swa:
            text += f" Slow-wave activity of {trace.swa_channel} below."
        return svg(figure, key, text)


def _few() -> "object":
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(3)


def _running_median(values: npt.NDArray[np.floating], width: int) -> npt.NDArray[np.float64]:
    """Return the median of finite values in a window of `width` epochs; NaN where the window has none."""
    padded = np.pad(values.astype(float), width // 2, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, width)
    result = np.full(values.size, np.nan)
    known = np.isfinite(windows).any(axis=1)
    result[known] = np.nanmedian(windows[known], axis=1)
    return result


def night_spread(observed: xr.Dataset, predictive: xr.Dataset, key: str) -> Markup | None:
    """Draw observed nights (points) over what the twin expects of a further untreated night (50 and 90 % bands)."""
    if predictive.sizes.get("sample", 0) == 0:
        return None
    names = [name for name in OUTCOMES_SHOWN if name in predictive["outcome"].values]
    with style():
        figure = new_figure(8.6, 1.9)
        words = []
        for axes, name in zip(np.atleast_1d(figure.subplots(1, len(names))), names):
            draws = predictive["outcome_value"].sel(outcome=name).values
            draws = draws[np.isfinite(draws)]
            nights = _of(observed, name)
            if draws.size:
                low, q25, middle, q75, high = np.quantile(draws, [0.05, 0.25, 0.5, 0.75, 0.95])
                axes.fill_betweenx([low, high], -0.32, 0.32, color=ACCENT, alpha=0.22, lw=0)
                axes.fill_betweenx([q25, q75], -0.32, 0.32, color=ACCENT, alpha=0.35, lw=0)
                axes.plot([-0.32, 0.32], [middle, middle], color=ACCENT, lw=1.6)
                words.append(f"{name} expected {low:.0f} to {high:.0f}")
            offsets = np.linspace(-0.18, 0.18, nights.size) if nights.size > 1 else np.zeros(nights.size)
            axes.plot(offsets, nights, "o", color=INK, markeredgecolor=PAPER, ms=5.5, mew=0.8, clip_on=False)
            if nights.size:
                words[-1:] = [f"{words[-1] if words else name}, observed {', '.join(f'{v:.0f}' for v in nights)}"]
            axes.set_title(f"{name}, {OUTCOME_UNITS[name]}")
            axes.set_xlim(-0.6, 0.6)
            axes.set_xticks([])
            axes.spines["bottom"].set_visible(False)
            axes.margins(y=0.12)
            axes.yaxis.set_major_locator(_few())
            if not draws.size and not nights.size:
                axes.set_yticks([])
                axes.text(0, 0.5, "not known", ha="center", color=MUTED, transform=axes.get_xaxis_transform())
            quiet(axes)
        return svg(
            figure, key, "Nights against the twin's 90 % interval for a further night. " + "; ".join(words) + "."
        )


def _of(observed: xr.Dataset, name: str) -> npt.NDArray[np.float64]:
    if "outcome_value" not in observed or name not in observed["outcome"].values:
        return np.empty(0)
    values = np.asarray(observed["outcome_value"].sel(outcome=name).values, float)
    return np.asarray(values[np.isfinite(values)])


def stage_probability(simulated: xr.Dataset, shown: Sequence[str], labels: Mapping[str, str], key: str) -> Markup:
    """Draw the share of simulated nights in each stage over time in bed, one panel a treatment, and the difference.

    Parameters
    ----------
    simulated : Dataset
        As in contracts.simulate; ``stage_probability`` is (treatment, clock, stage).
    shown : sequence of str
        ``none`` first, then the treatment to set beside it (may be absent).
    """
    clock = simulated["clock"].values / 60
    order = ("N3", "N2", "N1", "R", "W")
    with style():
        columns = len(shown) + (len(shown) == 2)
        figure = new_figure(8.6, 2.7)
        axes = np.atleast_1d(figure.subplots(1, columns))
        for panel, name in zip(axes, shown):
            share = simulated["stage_probability"].sel(treatment=name)
            parts = [np.nan_to_num(share.sel(stage=stage).values) for stage in order]
            panel.stackplot(clock, parts, colors=[STAGE_COLOURS[s] for s in order], edgecolor=PAPER, lw=0.6)
            panel.set_title(_short(labels[name]))
            panel.set_ylim(0, 1)
            panel.set_yticks([0, 0.5, 1], [])
            _hours(panel, clock)
        axes[0].set_ylabel("share of simulated nights")
        axes[0].set_yticks([0, 0.5, 1], ["0", "50 %", "100 %"])
        if columns > len(shown):
            change = simulated["stage_probability"].sel(treatment=shown[1]) - simulated["stage_probability"].sel(
                treatment=shown[0]
            )
            for stage in order:
                values = 100 * change.sel(stage=stage).values
                axes[-1].plot(clock, values, color=STAGE_COLOURS[stage], lw=2.4 if stage == "R" else 1.5)
            axes[-1].axhline(0, color=MUTED, lw=0.8)
            axes[-1].set_title("difference, points of %")
            _hours(axes[-1], clock)
        handles = _patches([(STAGE_COLOURS[s], s) for s in ("W", "R", "N1", "N2", "N3")])
        figure.legend(handles=handles, loc="outside lower center", ncols=5)
        names = " and under ".join(labels[name] for name in shown)
        return svg(figure, key, f"Share of simulated nights in each stage over time in bed, under {names}.")


def _patches(entries: Sequence[tuple[str, str]]) -> list["object"]:
    from matplotlib.patches import Patch

    return [Patch(color=colour, label=label) for colour, label in entries]


def _hours(axes: "Axes", clock: npt.NDArray[np.floating]) -> None:
    axes.set_xlim(clock[0], clock[-1])
    axes.set_xlabel("hours in bed")
    quiet(axes, grid="y")


def _short(text: str, most: int = 30) -> str:
    """Return `text` cut at a word so that it fits over a panel."""
    if len(text) <= most:
        return text
    return text[:most].rsplit(" ", 1)[0].rstrip(",;(") + " …"
