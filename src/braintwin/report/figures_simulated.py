"""Simulated nights as drawn: stages over time in bed, whole nights, and fans of outcomes under treatments."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from markupsafe import Markup

from braintwin.contracts.simulate import OUTCOME_UNITS
from braintwin.contracts.stages import EPOCH_S
from braintwin.report.drawing import Canvas, Panel, nice_ticks, reach
from braintwin.report.figures_night import OUTCOMES_SHOWN, draw_stages
from braintwin.report.palette import ACCENT, GRID, HYPNOGRAM_ORDER, INK, MUTED, STAGE_COLOURS, STAGE_WORDS

FAN = ((0.05, 0.95, 0.18), (0.1, 0.9, 0.2), (0.25, 0.75, 0.32))
"""Lower and upper quantile of each band of a fan, and its opacity."""

FEWEST_NIGHTS = 20
"""Whole simulated nights below which no fan over the clock is drawn: quantiles of a few nights say nothing."""


def stage_probability(simulated: xr.Dataset, shown: Sequence[str], labels: Mapping[str, str]) -> Markup:
    """Draw the share of simulated nights in each stage over time in bed, one panel a treatment, and the difference.

    Parameters
    ----------
    simulated : Dataset
        As in contracts.simulate; ``stage_probability`` is (treatment, clock, stage).
    shown : sequence of str
        ``none`` first, then the treatment to set beside it (may be absent).
    """
    clock = simulated["clock"].values / 60
    half = (clock[1] - clock[0]) / 2 if clock.size > 1 else 0.1
    span = (float(clock[0] - half), float(clock[-1] + half))
    order = ("N3", "N2", "N1", "R", "W")
    columns = len(shown) + (len(shown) == 2)
    canvas = Canvas(270)
    pitch = (canvas.width - 30) / columns
    for i, name in enumerate(shown):
        share = simulated["stage_probability"].sel(treatment=name)
        panel = canvas.panel(44 + i * pitch, 28, pitch - 40, 170, x=span, y=(0, 100))
        panel.title(short(labels[name], int(pitch / 7.5)))
        floor = np.zeros(clock.size)
        for stage in order:
            top = floor + 100 * np.nan_to_num(share.sel(stage=stage).values)
            panel.band(clock, floor, top, STAGE_COLOURS[stage], 0.92)
            floor = top
        panel.y_axis([0, 50, 100], ["0", "50 %", "100 %"] if i == 0 else ["", "", ""], grid=False)
        _hours(panel, span)
    if columns > len(shown):
        first, second = (simulated["stage_probability"].sel(treatment=name) for name in (shown[0], shown[1]))
        change = 100 * (second - first)
        panel = canvas.panel(44 + 2 * pitch, 28, pitch - 40, 170, x=span, y=reach(change.values, [0.0]))
        panel.title("Difference, points of %")
        panel.y_axis(nice_ticks(*panel.y_range, 5))
        for stage in order:
            panel.line(clock, change.sel(stage=stage).values, STAGE_COLOURS[stage], 2.6 if stage == "R" else 1.7)
        panel.rule_y(0)
        _hours(panel, span)
    canvas.legend(44, 262, [(STAGE_COLOURS[s], STAGE_WORDS[s]) for s in HYPNOGRAM_ORDER])
    names = " and under ".join(labels[name] for name in shown)
    return canvas.svg(f"Share of simulated nights in each stage over time in bed, under {names}.")


def _hours(panel: Panel, span: tuple[float, float]) -> None:
    panel.baseline()
    panel.x_axis([t for t in range(0, 24, 2) if span[0] - 0.1 <= t <= span[1]], name="hours in bed")


def fans(outcome: xr.DataArray, shown: Sequence[str], labels: Mapping[str, str]) -> Markup:
    """Draw 50, 80 and 90 % intervals of each outcome under each treatment, no change first.

    Parameters
    ----------
    outcome : DataArray
        (treatment, draw, outcome), averaged over the replicates of a draw.
    shown : sequence of str
        Treatments in order; ``none`` first.
    """
    names = [name for name in OUTCOMES_SHOWN if name in outcome["outcome"].values]
    row = 25.0
    columns, rows = 3, -(-len(names) // 3)
    margin, pitch = 212.0, (860.0 - 212.0) / columns
    block = row * len(shown) + 62
    canvas = Canvas(block * rows)
    words = []
    for i, name in enumerate(names):
        values = outcome.sel(outcome=name)
        left, top = margin + (i % columns) * pitch, 26 + (i // columns) * block
        quantiles = {
            key: np.nanquantile(values.sel(treatment=key).values, [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95])
            for key in shown
        }
        height = row * len(shown)
        panel = canvas.panel(
            left + 8, top, pitch - 22, height, x=reach(*quantiles.values()), y=(-len(shown) + 0.5, 0.5)
        )
        panel.title(f"{name}, {OUTCOME_UNITS[name]}")
        panel.x_axis(nice_ticks(*panel.x_range, 5), grid=True)
        for k, key in enumerate(shown):
            colour = MUTED if key == "none" else ACCENT
            q05, q10, q25, middle, q75, q90, q95 = quantiles[key]
            for (low, high), opacity in zip(((q05, q95), (q10, q90), (q25, q75)), (p for *_, p in FAN)):
                panel.box(low, high, -k - 0.34, -k + 0.34, colour, opacity)
            panel.line([middle, middle], [-k - 0.34, -k + 0.34], colour, 2.2)
            if i % columns == 0:
                canvas.words(margin - 8, float(panel.y(-k)) + 4, short(labels[key], 32), anchor="end", size=11.5)
        panel.line([quantiles["none"][3]] * 2, list(panel.y_range), INK, 0.8, dash="3 3")
        words.append(f"{name} without treatment {quantiles['none'][0]:.0f} to {quantiles['none'][6]:.0f}")
    return canvas.svg(
        f"Fans of outcomes under {', '.join(labels[k] for k in shown)}: 50, 80 and 90 % intervals. {'; '.join(words)}."
    )


def sleep_so_far(simulated: xr.Dataset, shown: Sequence[str], labels: Mapping[str, str]) -> Markup | None:
    """Draw fans of the sleep gained by each hour in bed; None where too few whole nights were kept."""
    if simulated.sizes["example"] < FEWEST_NIGHTS:
        return None
    nights = _in_bed(simulated["example_stage"])
    canvas = Canvas(230)
    pitch = (canvas.width - 20) / len(shown)
    hours = (np.arange(nights.sizes["epoch"]) + 1) * EPOCH_S / 3600
    thin = slice(0, None, 10)
    for i, key in enumerate(shown):
        stage = nights.sel(treatment=key).values
        asleep = np.cumsum(stage > 0, axis=1) * EPOCH_S / 3600
        quantiles = np.quantile(asleep, [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95], axis=0)[:, thin]
        panel = canvas.panel(50 + i * pitch, 28, pitch - 50, 150, x=(0, float(hours[-1])), y=(0, float(hours[-1])))
        panel.title(short(labels[key], int(pitch / 7.5)))
        panel.y_axis(nice_ticks(0, hours[-1], 5), name="hours asleep so far" if i == 0 else "")
        for (a, b), opacity in zip(((0, 6), (1, 5), (2, 4)), (p for *_, p in FAN)):
            panel.band(hours[thin], quantiles[a], quantiles[b], MUTED if key == "none" else ACCENT, opacity)
        panel.line(hours[thin], quantiles[3], MUTED if key == "none" else ACCENT, 1.8)
        panel.line([0, hours[-1]], [0, hours[-1]], GRID, 1.0, dash="4 4")
        _hours(panel, (0, float(hours[-1])))
    count = nights.sizes["example"]
    return canvas.svg(f"Hours asleep by each hour in bed over {count} simulated nights, with 50, 80 and 90 % bands.")


def _in_bed(nights: xr.DataArray) -> xr.DataArray:
    """Return nights without the epochs in which nobody is in bed any more."""
    used = np.flatnonzero((nights >= 0).any(("treatment", "example")))
    return nights.isel(epoch=slice(0, int(used[-1]) + 1 if used.size else 1))


def examples(simulated: xr.Dataset, shown: Sequence[str], labels: Mapping[str, str], most: int = 3) -> Markup:
    """Draw a few whole simulated nights, side by side under each treatment: the same noise in each row."""
    nights = _in_bed(simulated["example_stage"].isel(example=slice(0, most)))
    rows, pitch = nights.sizes["example"], (860.0 - 24) / len(shown)
    canvas = Canvas(rows * 74 + 66)
    hours = nights.sizes["epoch"] * EPOCH_S / 3600
    for i, key in enumerate(shown):
        for k in range(rows):
            stage = nights.sel(treatment=key).isel(example=k).values.astype(int)
            kept = np.flatnonzero(stage >= 0)
            panel = canvas.panel(44 + i * pitch, 28 + 74 * k, pitch - 34, 62, x=(0, hours), y=(-4.5, 0.5))
            panel.y_axis([0.0, -1.0, -4.0], ["Wake", "REM", "N3"] if i == 0 else ["", "", ""], size=10)
            draw_stages(panel, stage[: kept[-1] + 1] if kept.size else stage[:0], EPOCH_S)
            if k == 0:
                panel.title(short(labels[key], int(pitch / 7.5)))
            if k == rows - 1:
                _hours(panel, (0, hours))
    return canvas.svg(f"{rows} whole simulated nights under each of {', '.join(labels[k] for k in shown)}.")


def short(text: str, most: int = 30) -> str:
    """Return `text` cut at a word so that it fits over a panel."""
    if len(text) <= most:
        return text
    return text[:most].rsplit(" ", 1)[0].rstrip(",;(") + " …"
