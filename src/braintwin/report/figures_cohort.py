"""The cohort as drawn: outcomes and parameters by group, calibration, and the map of treatments."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from braintwin.report.drawing import WIDTH, Canvas, nice_ticks, reach
from braintwin.report.figures_simulated import short
from braintwin.report.palette import ACCENT, GRID, INK, MUTED, PAPER, PUOR, SECOND, colours, hexadecimal

_MARKS = (("circle", ACCENT), ("square", SECOND), ("triangle", INK), ("diamond", MUTED))
"""Shape and colour of each group: told apart by shape alone."""


def swarm(values: npt.NDArray[np.floating], width: float = 0.34) -> npt.NDArray[np.float64]:
    """Return sideways offsets that spread points of like value, the same each time.

    Points are binned by value; those of one bin are set side by side around the middle.
    """
    if values.size < 2 or np.ptp(values) == 0:
        return np.linspace(-width, width, values.size) if values.size > 1 else np.zeros(values.size)
    bins = np.floor(12 * (values - values.min()) / np.ptp(values)).astype(int)
    offsets = np.zeros(values.size)
    for place in np.unique(bins):
        inside = np.flatnonzero(bins == place)
        step = min(0.13, 2 * width / max(len(inside) - 1, 1))
        offsets[inside] = (np.arange(len(inside)) - (len(inside) - 1) / 2) * step
    return offsets


def by_group(panels: Mapping[str, Mapping[str, Sequence[float]]], what: str, columns: int = 6) -> Markup:
    """Draw one panel per quantity: people as points, groups side by side, a bar at each group's median.

    Parameters
    ----------
    panels : mapping of str to mapping of str to floats
        Title of the panel (with unit) to group to the values of its people.
    what : str
        What is drawn, for the description.
    """
    groups = sorted({group for values in panels.values() for group in values})
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    pitch = WIDTH / max(columns, 2)
    staggered = sum(len(short(group, 11)) * 6.2 + 6 for group in groups) > pitch - 52
    block = 190.0 + (14 if staggered else 0)
    canvas = Canvas(rows * block)
    words = []
    for k, (title, values) in enumerate(panels.items()):
        points = {g: np.asarray([v for v in values.get(g, ()) if np.isfinite(v)], float) for g in groups}
        left, top = (k % columns) * pitch, (k // columns) * block
        panel = canvas.panel(
            left + 42, top + 26, pitch - 52, 130, x=(-0.6, len(groups) - 0.4), y=reach(*points.values(), margin=0.12)
        )
        canvas.words(left + 6, top + 14, short(title, int(pitch / 6.4)), bold=True, size=12)
        panel.y_axis(nice_ticks(*panel.y_range, 4))
        for i, group in enumerate(groups):
            mark, colour = _MARKS[i % len(_MARKS)]
            panel.marks(i + swarm(points[group]), points[group], colour, mark=mark, size=3.4)
            if points[group].size:
                middle = float(np.median(points[group]))
                if points[group].size > 1:
                    panel.line([i - 0.4, i + 0.4], [middle, middle], INK, 1.8)
                words.append(f"{title} {group} median {middle:.3g}")
            place = top + 26 + 130 + (29 if staggered and i % 2 else 15)
            canvas.words(float(panel.x(i)), place, short(group, 11), anchor="middle", size=10.5)
    return canvas.svg(f"{what}: " + "; ".join(words[:40]) + ".")


def treatment_map(utility: npt.NDArray[np.floating], people: Sequence[str], treatments: Sequence[str]) -> Markup:
    """Draw expected utility of every treatment (columns) in every ranked person (rows); a dot marks each highest.

    Parameters
    ----------
    utility : (person, treatment) float
        NaN where a person may not be given a treatment.
    """
    top = float(np.nanmax(np.abs(utility))) or 1.0
    named = len(people) <= 60
    row = 20.0 if named else max(2.0, 900.0 / len(people))
    head = 172.0
    canvas = Canvas(head + row * len(people) + 14)
    left = 132.0 if named else 40.0
    width = canvas.width - left - 96
    panel = canvas.panel(left, head, width, row * len(people), x=(0, len(treatments)), y=(-float(len(people)), 0))
    rgb = colours(utility, -top, top, PUOR)
    best = np.nanargmax(np.where(np.isfinite(utility), utility, -np.inf), axis=1)
    if utility.size > 1500:
        panel.image(rgb)
    else:
        for i in range(len(people)):
            for k in range(len(treatments)):
                known = np.isfinite(utility[i, k])
                panel.box(k, k + 0.96, -i - 0.94, -i, hexadecimal(rgb[i, k]) if known else GRID, 1.0 if known else 0.55)
    panel.marks(best + 0.5, -np.arange(len(people)) - 0.5, PAPER, size=4.2 if named else 2.2, halo=False)
    panel.marks(best + 0.5, -np.arange(len(people)) - 0.5, INK, size=2.8 if named else 1.5, halo=False)
    for k, name in enumerate(treatments):
        canvas.words(float(panel.x(k + 0.6)), head - 8, short(name, 27), size=11, turn=-52)
    for i, person in enumerate(people if named else ()):
        canvas.words(left - 6, head + row * (i + 0.7), short(person, 20), anchor="end", size=11)
    if not named:
        canvas.words(20, head + row * len(people) / 2, f"{len(people)} people, in the order of the table",
                     anchor="middle", turn=-90, size=11.5)  # fmt: skip
    canvas.scale(canvas.width - 60, head, max(60.0, min(row * len(people), 160.0)), -top, top, PUOR)
    first = {t: int((best == i).sum()) for i, t in enumerate(treatments)}
    said = ", ".join(f"{t} in {n}" for t, n in first.items() if n)
    return canvas.svg(f"Expected utility of {len(treatments)} treatments in {len(people)} people; highest: {said}.")


def calibration(levels: Mapping[str, npt.NDArray[np.floating]]) -> Markup:
    """Draw where recorded nights fall among those that the twins predict: a flat histogram is calibrated.

    Parameters
    ----------
    levels : mapping of str to (night,) float
        Outcome to the share of predicted nights below each recorded one, 0 to 1.
    """
    names = [name for name, values in levels.items() if len(values)]
    canvas = Canvas(178)
    pitch = canvas.width / max(len(names), 1)
    words, edges = [], np.linspace(0, 1, 6)
    for k, name in enumerate(names):
        values = np.asarray(levels[name], float)
        share = np.histogram(values, edges)[0] / len(values)
        # 90 % of histograms of calibrated twins stay inside: binomial, normal approximation, four bins of five free
        wide = 1.645 * np.sqrt(0.2 * 0.8 / len(values))
        panel = canvas.panel(k * pitch + 40, 26, pitch - 54, 108, x=(0, 1), y=(0, max(0.45, float(share.max()) * 1.1)))
        canvas.words(k * pitch + 6, 14, f"{name}, {len(values)} nights", bold=True, size=12)
        panel.y_axis([0, 0.2, 0.4], ["0", "20 %", "40 %"])
        panel.box(0, 1, max(0.0, 0.2 - wide), min(0.2 + wide, panel.y_range[1]), GRID, 0.9)
        for low, value in zip(edges, share):
            panel.box(low + 0.01, low + 0.19, 0, float(value), ACCENT, 0.75)
        panel.rule_y(0.2, INK, dash="4 3")
        panel.x_axis([0, 0.5, 1], ["0", "0.5", "1"])
        words.append(f"{name} {', '.join(f'{100 * v:.0f} %' for v in share)}")
    canvas.words(canvas.width / 2, 172, "share of predicted nights below the recorded one", anchor="middle", size=11.5)
    return canvas.svg(
        f"Where recorded nights fall among predicted ones, in fifths; calibrated is 20 % each: {'; '.join(words)}."
    )
