"""The cohort as drawn: outcomes and parameters by group, and the map of treatments."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from braintwin.report.figures_base import ACCENT, GRID, INK, MUTED, PAPER, SECOND, new_figure, quiet, style, svg

_MARKS = (("o", ACCENT), ("s", SECOND), ("^", INK), ("D", MUTED), ("v", ACCENT), ("P", SECOND))
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


def by_group(panels: Mapping[str, Mapping[str, Sequence[float]]], key: str, what: str) -> Markup:
    """Draw one panel per quantity: people as points, groups side by side, a bar at each group's median.

    Parameters
    ----------
    panels : mapping of str to mapping of str to floats
        Title of the panel (with unit) to group to the values of its people.
    key, what : str
        Name of the figure on its page, and what is drawn, for its description.
    """
    groups = sorted({group for values in panels.values() for group in values})
    columns = min(6, len(panels))
    rows = -(-len(panels) // columns)
    with style():
        figure = new_figure(8.6, 2.2 * rows)
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        words = []
        for axes, (title, values) in zip(grid, panels.items()):
            for i, group in enumerate(groups):
                points = np.asarray([v for v in values.get(group, ()) if np.isfinite(v)], float)
                mark, colour = _MARKS[i % len(_MARKS)]
                axes.plot(i + swarm(points), points, mark, color=colour, ms=5, markeredgecolor=PAPER, mew=0.6)
                if points.size:
                    middle = float(np.median(points))
                    if points.size > 1:
                        axes.plot([i - 0.4, i + 0.4], [middle, middle], color=INK, lw=1.5)
                    words.append(f"{title} {group} median {middle:.3g}")
            axes.set_title(title)
            axes.set_xlim(-0.6, len(groups) - 0.4)
            axes.set_xticks(range(len(groups)), groups, rotation=0 if len(groups) * columns < 13 else 35, ha="center")
            axes.margins(y=0.12)
            axes.yaxis.get_major_locator().set_params(nbins=4)
            quiet(axes)
        for axes in grid[len(panels) :]:
            axes.set_visible(False)
        return svg(figure, key, f"{what}: " + "; ".join(words[:40]) + ".")


def treatment_map(
    utility: npt.NDArray[np.floating], people: Sequence[str], treatments: Sequence[str], key: str
) -> Markup:
    """Draw expected utility of every treatment (columns) in every ranked person (rows); a dot marks each highest.

    Parameters
    ----------
    utility : (person, treatment) float
        NaN where a person may not be given a treatment.
    """
    top = float(np.nanmax(np.abs(utility))) or 1.0
    named = len(people) <= 60
    with style():
        height = 2.1 + (0.23 if named else 0.06) * len(people)
        figure = new_figure(8.6, min(height, 15.0))
        axes = figure.subplots(1, 1)
        image = axes.imshow(utility, cmap="PuOr", vmin=-top, vmax=top, aspect="auto")
        axes.set_facecolor(GRID)
        axes.set_xticks(
            range(len(treatments)), [_cut(t) for t in treatments], rotation=45, ha="left", rotation_mode="anchor"
        )
        axes.xaxis.tick_top()
        if named:
            axes.set_yticks(range(len(people)), people)
        else:
            axes.set_yticks([])
            axes.set_ylabel(f"{len(people)} people, in the order of the table")
        best = np.nanargmax(np.where(np.isfinite(utility), utility, -np.inf), axis=1)
        axes.plot(
            best, np.arange(len(people)), "o", color="black", ms=4 if named else 2, markeredgecolor="white", mew=0.7
        )
        axes.tick_params(length=0)
        for side in axes.spines.values():
            side.set_visible(False)
        bar = figure.colorbar(image, ax=axes, shrink=0.8 if len(people) > 8 else 1.0, aspect=18)
        bar.outline.set_visible(False)
        bar.ax.tick_params(length=0, labelsize=7.5)
        bar.set_label("expected utility")
        first = {t: int((best == i).sum()) for i, t in enumerate(treatments)}
        words = ", ".join(f"{t} in {n}" for t, n in first.items() if n)
        return svg(
            figure, key, f"Expected utility of {len(treatments)} treatments in {len(people)} people; highest: {words}."
        )


def _cut(text: str, most: int = 26) -> str:
    return text if len(text) <= most else text[:most].rsplit(" ", 1)[0].rstrip(",;(") + " …"
