"""The ranking as drawn: expected utility with intervals, person against population."""

import numpy as np
import xarray as xr
from markupsafe import Markup

from braintwin.report.figures_base import ACCENT, GRID, MUTED, PAPER, SECOND, new_figure, quiet, style, svg


def shown_treatments(ranking: xr.Dataset, most: int) -> list[int]:
    """Return the rows to draw: candidates in order up to `most`, controls always among them."""
    names = [str(t) for t in ranking["treatment"].values]
    candidate = ranking["candidate"].values.astype(bool)
    controls = [i for i, name in enumerate(names) if name in ("none", "placebo", "caffeine")]
    best = [i for i in range(len(names)) if candidate[i] and i not in controls][: max(1, most - len(controls))]
    return sorted({*best, *controls})


def forest(ranking: xr.Dataset, rows: list[int], mcid: float | None, key: str) -> Markup:
    """Draw expected utility with 50 and 90 % intervals, best first, and the population's as an open diamond.

    The band to the left of the best spans the smallest difference that matters: what reaches it may be a near tie.
    """
    chosen = ranking.isel(treatment=rows)
    labels = [str(x) for x in chosen["label"].values]
    with style():
        figure = new_figure(8.6, 0.75 + 0.27 * len(rows))
        axes = figure.subplots(1, 1)
        place = -np.arange(len(rows))
        quantile = chosen["utility_quantile"]
        bounds = {q: quantile.sel(quantile=q, method="nearest").values for q in (0.05, 0.25, 0.75, 0.95)}
        mean = chosen["expected_utility"].values
        tie = chosen["near_tie"].values.astype(bool)
        candidate = chosen["candidate"].values.astype(bool)
        if mcid is not None and candidate.any():
            best = float(mean[candidate].max())
            axes.axvspan(best - mcid, best, color=GRID, lw=0)
        axes.axvline(0, color=MUTED, lw=0.8)
        for i in range(len(rows)):
            colour = ACCENT if tie[i] else MUTED
            axes.plot([bounds[0.05][i], bounds[0.95][i]], [place[i]] * 2, color=colour, lw=1.3)
            axes.plot([bounds[0.25][i], bounds[0.75][i]], [place[i]] * 2, color=colour, lw=4, solid_capstyle="butt")
            axes.plot(mean[i], place[i], "o", color=colour, markeredgecolor=PAPER, ms=6.5, mew=1.1)
        population = chosen["population_expected_utility"].values
        axes.plot(population, place - 0.02, "D", mfc="none", mec=SECOND, ms=4.6, mew=1.2)
        axes.set_yticks(place, labels)
        axes.set_ylim(-len(rows) + 0.4, 0.6)
        axes.set_xlabel("utility against no change (higher is better)")
        quiet(axes, grid="x")
        axes.spines["left"].set_visible(False)
        words = "; ".join(
            f"{label} {m:.1f} ({low:.1f} to {high:.1f})"
            for label, m, low, high in zip(labels, mean, bounds[0.05], bounds[0.95])
        )
        return svg(figure, key, f"Expected utility with 90 % interval, best first: {words}.")


def rank_matrix(ranking: xr.Dataset, rows: list[int], key: str) -> Markup:
    """Draw the probability of each rank of each treatment (rows as in :func:`forest`)."""
    chosen = ranking.isel(treatment=rows)
    probability = np.asarray(chosen["rank_probability"].values, float)
    with style():
        figure = new_figure(8.6, 0.75 + 0.24 * len(rows))
        axes = figure.subplots(1, 1)
        image = axes.imshow(
            probability, cmap="cividis", vmin=0, vmax=max(float(np.nanmax(probability)), 0.05), aspect="auto"
        )
        axes.set_yticks(np.arange(len(rows)), [str(x) for x in chosen["label"].values])
        ranks = chosen["rank"].values
        step = max(1, len(ranks) // 12)
        axes.set_xticks(np.arange(0, len(ranks), step), [str(r) for r in ranks[::step]])
        axes.set_xlabel("rank (1 is best)")
        axes.tick_params(length=0)
        bar = figure.colorbar(image, ax=axes, shrink=0.9, aspect=16)
        bar.outline.set_visible(False)
        bar.ax.tick_params(length=0, labelsize=7.5)
        first = [f"{label} {100 * p:.0f} %" for label, p in zip(chosen["label"].values, probability[:, 0])]
        return svg(figure, key, f"Probability of each rank; of rank 1: {', '.join(first)}.")
