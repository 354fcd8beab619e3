"""What all figures share: palette, type, and the way from a matplotlib figure to inline SVG.

Figures are drawn with placeholder colours that become CSS variables, so that one drawing reads well on a light page,
on a dark one and in print. The palette is Okabe and Ito's (https://jfly.uni-koeln.de/color/), with N3 darkened.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#010203"
MUTED = "#040506"
GRID = "#070809"
PAPER = "#fdfcfb"
ACCENT = "#0072b1"
SECOND = "#d55e01"
STAGE_COLOURS = {"W": "#e69f01", "N1": "#56b4e8", "N2": "#0072b3", "N3": "#332289", "R": "#cc3312"}
"""Colour of each stage, in AASM order of the labels."""

_VARIABLES = {
    INK: "var(--ink, #1b1f24)",
    MUTED: "var(--muted, #59636e)",
    GRID: "var(--line, #d5dae0)",
    PAPER: "var(--paper, #ffffff)",
    ACCENT: "var(--accent, #0072b2)",
    SECOND: "var(--second, #d55e00)",
    **{colour: f"var(--stage-{stage.lower()}, {colour})" for stage, colour in STAGE_COLOURS.items()},
}

HYPNOGRAM_ORDER = ("W", "R", "N1", "N2", "N3")
"""Stages from the top of a hypnogram down (AASM Manual: REM between Wake and N1)."""

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "braintwin",
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelsize": 9.0,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.facecolor": "none",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "image.interpolation": "nearest",
}


@contextmanager
def style() -> Iterator[None]:
    """Apply the type and line styles of the report to what is drawn in the block."""
    import matplotlib

    with matplotlib.rc_context(_STYLE):
        yield


def new_figure(width: float, height: float, *, fitted: bool = True) -> "Figure":
    """Return an empty figure of `width` by `height` inches.

    A `fitted` one arranges itself around its labels, which draws all of them twice; the others set their own margins.
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained" if fitted else None)


def svg(figure: "Figure", key: str, label: str) -> Markup:
    """Return `figure` as inline SVG that is the same for the same data.

    Parameters
    ----------
    figure : Figure
        What was drawn inside :func:`style`.
    key : str
        Name of the figure on its page; prefixes the ids inside, so that figures of one page do not collide.
    label : str
        What the figure shows, in words, for those who do not see it.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, dpi=150)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{key}-", text)
    text = re.sub(r"font: (bold |700 )?([\d.]+)px [^;\"]+", _font, text)
    text = re.sub(r"(\d+\.\d{2})\d+", r"\1", text)
    text = re.sub(r"\s*\n\s*", "\n", text)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    head = f'<svg class="figure" role="img" aria-label="{escape(label, quote=True)}"'
    return Markup(re.sub(r"^<svg", head, text, count=1))


def _font(found: "re.Match[str]") -> str:
    return f"font-size: {found[2]}px" + ("; font-weight: bold" if found[1] else "")


def quiet(axes: "Axes", *, grid: str = "y") -> None:
    """Leave only what carries information: no ticks' marks, a light grid along `grid`."""
    axes.tick_params(length=0)
    if grid:
        axes.grid(axis="both" if grid == "both" else "x" if grid == "x" else "y")
