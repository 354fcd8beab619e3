"""Nights as drawn: the hypnogram with slow-wave activity, and the spread of nights."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr
from markupsafe import Markup

from braintwin.contracts.simulate import OUTCOME_UNITS
from braintwin.contracts.stages import MISSING, STAGES
from braintwin.report.drawing import Canvas, Panel, nice_ticks, reach, tick_label
from braintwin.report.palette import ACCENT, GRID, HYPNOGRAM_ORDER, INK, MUTED, STAGE_COLOURS, STAGE_WORDS

OUTCOMES_SHOWN = ("SOL", "WASO", "TST", "SE", "REM", "N3")
"""Outcomes in figures and tables, in the order a sleep report has them."""

_LEFT, _WIDTH = 64.0, 784.0


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


def draw_stages(panel: Panel, stage: npt.NDArray[np.integer], epoch_s: float) -> None:
    """Draw a hypnogram into a panel whose x is hours and whose y is minus the row of HYPNOGRAM_ORDER."""
    hour = epoch_s / 3600
    level = {STAGES.index(name): -float(row) for row, name in enumerate(HYPNOGRAM_ORDER)}
    bars: dict[str, list[tuple[float, float, float]]] = {name: [] for name in STAGES}
    steps: list[tuple[float, float]] = []
    for start, stop, code in runs(stage):
        x0, x1 = start * hour, stop * hour
        if code == MISSING:
            panel.box(x0, x1, *panel.y_range, GRID)
            steps.append((np.nan, np.nan))
            continue
        steps += [(x0, level[code]), (x1, level[code])]
        bars[STAGES[code]].append((x0, x1, level[code]))
    if steps:
        panel.line([x for x, _ in steps], [y for _, y in steps], MUTED, 0.7)
    for name, found in bars.items():
        x = [p for a, b, _ in found for p in (a, b, np.nan)]
        y = [p for _, _, c in found for p in (c, c, np.nan)]
        panel.line(x, y, STAGE_COLOURS[name], 5.0 if name == "R" else 2.8)


def hypnogram(trace: NightTrace) -> Markup:
    """Draw one night: Wake on top, REM (thick) between Wake and N1; below it slow-wave activity where there is EEG."""
    swa = trace.swa if trace.swa is not None and np.isfinite(trace.swa).any() else None
    hours = max(trace.stage.size * trace.epoch_s / 3600, trace.epoch_s / 3600)
    canvas = Canvas(250 if swa is not None else 172)
    upper = canvas.panel(_LEFT, 10, _WIDTH, 118, x=(0, hours), y=(-4.5, 0.5))
    rows = [-float(row) for row in range(len(HYPNOGRAM_ORDER))]
    upper.y_axis(rows, [STAGE_WORDS[name] for name in HYPNOGRAM_ORDER])
    draw_stages(upper, trace.stage, trace.epoch_s)
    lower = upper
    text = describe(trace)
    if swa is not None:
        smooth = _running_median(swa, 5)
        top = float(np.nanpercentile(smooth, 99.5)) if np.isfinite(smooth).any() else 1.0
        lower = canvas.panel(_LEFT, 146, _WIDTH, 60, x=(0, hours), y=(0, top or 1.0))
        lower.y_axis(nice_ticks(0, top or 1.0, 3), name="SWA, µV²")
        places = (np.arange(swa.size) + 0.5) * trace.epoch_s / 3600
        clipped = np.clip(smooth, 0, top)
        lower.band(places, np.zeros(clipped.size), clipped, ACCENT, 0.45)
        text += f" Slow-wave activity of {trace.swa_channel} below."
    lower.baseline()
    lower.x_axis(nice_ticks(0, hours, 10), name="hours since the first epoch")
    return canvas.svg(text)


def _running_median(values: npt.NDArray[np.floating], width: int) -> npt.NDArray[np.float64]:
    """Return the median of finite values in a window of `width` epochs; NaN where the window has none."""
    padded = np.pad(values.astype(float), width // 2, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, width)
    result = np.full(values.size, np.nan)
    known = np.isfinite(windows).any(axis=1)
    result[known] = np.nanmedian(windows[known], axis=1)
    return result


def finite_of(dataset: xr.Dataset, name: str) -> npt.NDArray[np.float64]:
    """Return the finite values of one outcome of a dataset with `outcome_value`; none where it is not there."""
    if "outcome_value" not in dataset or name not in dataset["outcome"].values:
        return np.empty(0)
    values = np.asarray(dataset["outcome_value"].sel(outcome=name).values, float).ravel()
    return np.asarray(values[np.isfinite(values)])


def night_spread(observed: xr.Dataset, predictive: xr.Dataset) -> Markup | None:
    """Draw observed nights (points) over what the twin expects of a further untreated night (50 and 90 % bands)."""
    if predictive.sizes.get("sample", 0) == 0:
        return None
    names = [name for name in OUTCOMES_SHOWN if name in predictive["outcome"].values]
    canvas = Canvas(190)
    pitch = canvas.width / len(names)
    words = []
    for i, name in enumerate(names):
        draws, nights = finite_of(predictive, name), finite_of(observed, name)
        edges = np.quantile(draws, [0.05, 0.25, 0.5, 0.75, 0.95]) if draws.size else np.empty(0)
        panel = canvas.panel(i * pitch + 38, 28, pitch - 56, 150, x=(-1, 1), y=reach(edges, nights))
        canvas.words(i * pitch + 6, 14, f"{name}, {OUTCOME_UNITS[name]}", bold=True, size=12.5)
        if not draws.size and not nights.size:
            panel.words(0, 0.5, "not known", anchor="middle", colour=MUTED)
            continue
        panel.y_axis(nice_ticks(*panel.y_range, 5))
        said = name
        if draws.size:
            low, q25, middle, q75, high = edges
            panel.box(-0.7, 0.7, low, high, ACCENT, 0.25)
            panel.box(-0.7, 0.7, q25, q75, ACCENT, 0.4)
            panel.line([-0.7, 0.7], [middle, middle], ACCENT, 2.0)
            said += f" expected {tick_label(round(low))} to {tick_label(round(high))}"
        place = np.linspace(-0.4, 0.4, nights.size) if nights.size > 1 else np.zeros(nights.size)
        panel.marks(place, nights, INK, size=4.0)
        if nights.size:
            said += f", observed {', '.join(f'{v:.0f}' for v in nights)}"
        words.append(said)
    return canvas.svg("Nights against the twin's 90 % interval for a further night. " + "; ".join(words) + ".")
