"""The ranking as drawn: expected utility with intervals, person against population, probability of each rank."""

import numpy as np
import xarray as xr
from markupsafe import Markup

from braintwin.report.drawing import Canvas, nice_ticks, reach
from braintwin.report.figures_simulated import short
from braintwin.report.palette import ACCENT, INK, MUTED, SECOND

_NAMES = 290.0
"""Room for the names of treatments, left of the panel."""


def shown_treatments(ranking: xr.Dataset, most: int) -> list[int]:
    """Return the rows to draw: candidates in order up to `most`, controls always among them."""
    names = [str(t) for t in ranking["treatment"].values]
    candidate = ranking["candidate"].values.astype(bool)
    controls = [i for i, name in enumerate(names) if name in ("none", "placebo", "caffeine")]
    best = [i for i in range(len(names)) if candidate[i] and i not in controls][: max(1, most - len(controls))]
    return sorted({*best, *controls})


def forest(ranking: xr.Dataset, rows: list[int], mcid: float | None, *, ranked: bool = True) -> Markup:
    """Draw expected utility with 50 and 90 % intervals, best first, and the population's as an open diamond.

    The smallest difference that matters is a bracket above the panel, its length to scale, no band among the data.
    Where nothing is `ranked`, no treatment is marked.
    """
    chosen = ranking.isel(treatment=rows)
    labels = [str(x) for x in chosen["label"].values]
    quantile = chosen["utility_quantile"]
    bounds = {q: quantile.sel(quantile=q, method="nearest").values for q in (0.05, 0.25, 0.75, 0.95)}
    mean, population = chosen["expected_utility"].values, chosen["population_expected_utility"].values
    candidate = chosen["candidate"].values.astype(bool)
    tie = chosen["near_tie"].values.astype(bool) & candidate & ranked
    bracket = ranked and mcid is not None and bool(candidate.any())
    top = 40.0 if bracket else 14.0
    canvas = Canvas(top + 24 * len(rows) + 46)
    span = reach(bounds[0.05], bounds[0.95], population, [0.0])
    panel = canvas.panel(_NAMES, top, canvas.width - _NAMES - 14, 24.0 * len(rows), x=span, y=(-len(rows) + 0.5, 0.5))
    panel.x_axis(nice_ticks(*span, 9), grid=True, name="utility against no change (higher is better)")
    panel.rule_x(0)
    for i, label in enumerate(labels):
        colour = ACCENT if tie[i] else MUTED
        panel.line([bounds[0.05][i], bounds[0.95][i]], [-i, -i], colour, 1.6)
        panel.line([bounds[0.25][i], bounds[0.75][i]], [-i, -i], colour, 5.5)
        panel.marks(mean[i], -i, colour, size=4.6)
        canvas.words(_NAMES - 10, float(panel.y(-i)) + 4, short(label, 44), anchor="end", bold=bool(tie[i]))
    panel.marks(population, -np.arange(len(rows), dtype=float), SECOND, mark="diamond", size=3.6, hollow=True)
    if bracket and mcid is not None:
        best = float(mean[candidate].max())
        a, b = float(panel.x(best - mcid)), float(panel.x(best))
        canvas.parts.append(
            f'<path d="M{a:.1f} {top - 4}v-8H{b:.1f}v8" fill="none" style="stroke:{INK};stroke-width:1.2"/>'
        )
        canvas.words(
            (a + b) / 2, top - 18, f"smallest difference that matters: {mcid:g}", anchor="middle", size=11, colour=MUTED
        )
    words = "; ".join(
        f"{label} {m:.1f} ({low:.1f} to {high:.1f})"
        for label, m, low, high in zip(labels, mean, bounds[0.05], bounds[0.95])
    )
    order = "best first" if ranked else "in the order of the table; there is no ranking"
    return canvas.svg(f"Expected utility with 90 % interval, {order}: {words}.")


def rank_matrix(ranking: xr.Dataset, rows: list[int]) -> Markup:
    """Draw the probability of each rank of each candidate among `rows`; darker is likelier."""
    chosen = ranking.isel(treatment=[i for i in rows if bool(ranking["candidate"].values[i])])
    last = int(ranking["candidate"].values.sum())
    probability = np.nan_to_num(np.asarray(chosen["rank_probability"].values, float)[:, :last])
    top = max(float(probability.max(initial=0.0)), 0.05)
    count = chosen.sizes["treatment"]
    canvas = Canvas(14 + 22 * count + 46)
    panel = canvas.panel(
        _NAMES, 14, canvas.width - _NAMES - 14, 22.0 * count, x=(0.5, last + 0.5), y=(-count + 0.5, 0.5)
    )
    for i in range(count):
        canvas.words(
            _NAMES - 10, float(panel.y(-i)) + 4, short(str(chosen["label"].values[i]), 44), anchor="end", size=11.5
        )
        for r, p in enumerate(probability[i], 1):
            if p < 0.005:
                continue
            panel.box(r - 0.47, r + 0.47, -i - 0.44, -i + 0.44, ACCENT, 0.08 + 0.92 * p / top)
            if p >= 0.1 and last <= 16:
                panel.words(r, -i - 0.2, f"{100 * p:.0f}", anchor="middle", size=10.5, colour=_on(p / top))
    panel.x_axis(list(range(1, last + 1, max(1, last // 16))), name="rank (1 is best); numbers are per cent")
    first = [f"{label} {100 * p:.0f} %" for label, p in zip(chosen["label"].values, probability[:, 0])]
    return canvas.svg(f"Probability of each rank; of rank 1: {', '.join(first)}.")


def _on(shade: float) -> str:
    """Return the colour of figures on a cell of that shade."""
    return "var(--paper)" if shade > 0.55 else INK
