"""Figures of the validation study, drawn from its tables: the same bytes for the same numbers."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binom

Tables = Mapping[str, Mapping[str, Mapping[str, str]]]
BLUE, ORANGE, GREY = "#1f5fa8", "#c2571a", "#888888"


def column(table: Mapping[str, Mapping[str, str]], name: str) -> np.ndarray:
    """Return a column of a table as numbers."""
    return np.array([float(row[name]) for row in table.values()])


def intervals(
    axis: Any,
    table: Mapping[str, Mapping[str, str]],
    names: tuple[str, str, str],
    shift: float = 0.0,
    reference: float = 0.0,
    **look: Any,
) -> None:
    """Draw a value and its interval for each row of a table, the first on top, and a line at what to compare with."""
    middle, low, high = (column(table, name) for name in names)
    places = np.arange(len(middle)) + shift
    axis.errorbar(middle, places, xerr=[middle - low, high - middle], fmt="o", ms=4, lw=1.3, **look)
    axis.axvline(reference, color=GREY, lw=0.8, zorder=0)
    axis.set_yticks(range(len(table)), list(table))
    axis.set_ylim(len(table) - 0.5, -0.5)


def legend(axis: Any) -> None:
    """Explain what one of the panels shows above all of them."""
    handles, labels = axis.get_legend_handles_labels()
    axis.figure.legend(handles, labels, loc="outside upper right", ncols=len(labels), frameon=False)


def held_out_nights(figure: Any, tables: Tables) -> None:
    """Draw gains in log score, CRPS skills, and coverage of the 90 % intervals."""
    gains, skills, covered = figure.subplots(1, 3, width_ratios=[1, 1, 0.9])
    intervals(gains, tables["held-out-gains"], ("mean", "low", "high"), color=BLUE)
    gains.set_xlabel("log score, nats a night (95 %)")
    for name, shift, colour in (("own", -0.15, BLUE), ("safe", 0.15, ORANGE)):
        table = tables[f"held-out-{name}"]
        intervals(skills, table, ("skill", "skill low", "skill high"), shift, color=colour, label=f"{name} twin")
        intervals(covered, table, ("coverage", "coverage low", "coverage high"), shift, 0.9, color=colour)
    skills.set_xlabel("CRPS skill, % (95 %)")
    legend(skills)
    covered.set(xlabel="coverage of 90 % (95 %)", xlim=(0.65, 1.02), yticklabels=[])


def temazepam(figure: Any, tables: Tables) -> None:
    """Draw hazards, and observed and expected changes in minutes or numbers and in points."""
    hazards, minutes, points = figure.subplots(1, 3)
    intervals(hazards, tables["temazepam-hazards"], ("log rate", "low", "high"), color=BLUE)
    hazards.set_xlabel("change of log rate (90 %)")
    changes = tables["temazepam-changes"]
    for axis, wanted, unit in (
        (minutes, ("WASO", "TST", "awakenings"), "change, min or number (95 %)"),
        (points, ("efficiency", "N1 share", "N2 share", "N3 share", "REM share"), "change, points (95 %)"),
    ):
        table = {name: changes[name] for name in wanted}
        intervals(axis, table, ("observed", "low", "high"), color=BLUE, label="observed")
        axis.plot(column(table, "expected"), range(len(table)), "D", color=ORANGE, label="expected, left out")
        axis.set_xlabel(unit)
    legend(minutes)


def nights_sbc(figure: Any, tables: Tables) -> None:
    """Draw how far the share of people below each tenth of the ranks is from uniform, with a 99 % band."""
    right, wrong = figure.subplots(1, 2)
    tenths = ["1st", "2nd", "3rd", *(f"{i}th" for i in range(4, 11))]
    edges = np.linspace(0, 1, 11)
    for axis, name, title in (
        (right, "recovery-ranks", "the fit as it is"),
        (wrong, "recovery-too-sure", "a fit that is too sure"),
    ):
        counts = np.stack([column(tables[name], tenth) for tenth in tenths], axis=1)
        people = int(counts[0].sum())
        low, high = (binom.ppf(q, people, edges) / people - edges for q in (0.005, 0.995))
        axis.fill_between(edges, low, high, color=GREY, alpha=0.25, lw=0, label="99 % where ranks are uniform")
        below = np.hstack([np.zeros((len(counts), 1)), counts.cumsum(axis=1) / people]) - edges
        axis.plot(edges, below[:-1].T, color=BLUE, lw=1, label=["twelve effects"] + [None] * (len(below) - 2))
        axis.plot(edges, below[-1], color=ORANGE, lw=1.3, label=[*tables[name]][-1])
        axis.set(xlabel="rank of the truth among draws", title=f"{title}, {people} people")
    right.set_ylabel("share of people below, less uniform")
    legend(wrong)


def speed(figure: Any, tables: Tables) -> None:
    """Draw ratios beside the factors that are claimed."""
    axis, table = figure.subplots(), tables["speed"]
    places = range(len(table))
    axis.barh(places, column(table, "ratio"), color=BLUE, height=0.5, label="measured")
    axis.plot(column(table, "at least"), places, "|", color=ORANGE, ms=22, mew=2.5, label="claimed, at least")
    axis.set(xscale="log", xlim=(1, None), xlabel="times faster", ylim=(len(table) - 0.5, -0.5))
    axis.set_xticks([1, 2, 5, 10, 20, 50, 100], ["1", "2", "5", "10", "20", "50", "100"])
    axis.minorticks_off()
    axis.set_yticks(places, [name.replace(", against ", ",\nagainst ") for name in table])
    axis.legend(frameon=False, markerscale=0.5, loc="lower right")


DRAW: dict[str, Callable[[Any, Tables], None]] = {
    "held-out-nights": held_out_nights, "temazepam": temazepam, "nights-sbc": nights_sbc, "speed": speed
}  # fmt: skip


def draw(part: str, tables: Tables, target: Path) -> None:
    """Draw the figure of a part as SVG, without date and with names that do not change."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    target.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({**mpl.rcParamsDefault, "svg.hashsalt": part, "font.size": 9, "axes.titlesize": 9}):
        figure = Figure(figsize=(8.4, 3.2), layout="constrained")
        DRAW[part](figure, tables)
        figure.savefig(target, format="svg", metadata={"Date": None})
