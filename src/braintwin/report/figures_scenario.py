"""What a scenario does to the outcomes of the night, as drawn: one row an outcome, each on its own scale."""

import re
from collections.abc import Sequence

from markupsafe import Markup

from braintwin.contracts.simulate import OUTCOME_UNITS
from braintwin.report.drawing import Canvas, nice_ticks, reach
from braintwin.report.palette import ACCENT, MUTED
from braintwin.treatment.scenario import Change

_NAMES, _ROW = 190.0, 26.0

PAPER_COLOURS = {
    "ink": "#1b1f24", "muted": "#59636e", "line": "#d5dae0", "paper": "#ffffff", "accent": "#0072b2",
    "second": "#c85000",
}  # fmt: skip
"""The light colours of the report, for a drawing that stands alone."""


def scenario_changes(names: Sequence[str], changes: Sequence[Change], title: str) -> Markup:
    """Draw the change of each outcome: 90 % of the average over nights (thick) and of single nights (thin).

    Minutes, per cent and counts share one axis: the row says which.
    """
    low = [change.night_low for change in changes]
    high = [change.night_high for change in changes]
    canvas = Canvas(34 + _ROW * len(names) + 46)
    canvas.words(14, 18, title, bold=True)
    span = reach(low, high, [0.0])
    panel = canvas.panel(_NAMES, 30, canvas.width - _NAMES - 14, _ROW * len(names), x=span, y=(-len(names) + 0.5, 0.5))
    panel.x_axis(nice_ticks(*span, 9), grid=True, name="change against the usual night, in the unit of the row")
    panel.rule_x(0)
    for i, (name, change) in enumerate(zip(names, changes, strict=True)):
        panel.line([change.night_low, change.night_high], [-i, -i], MUTED, 1.4)
        panel.line([change.low, change.high], [-i, -i], ACCENT, 6)
        panel.marks(change.mean, -i, ACCENT, size=4.6)
        unit = OUTCOME_UNITS[name].replace("1", "number")
        canvas.words(_NAMES - 10, float(panel.y(-i)) + 4, f"{name} ({unit})", anchor="end")
    words = "; ".join(f"{n} {c.mean:+.1f} ({c.low:+.1f} to {c.high:+.1f})" for n, c in zip(names, changes, strict=True))
    return canvas.svg(f"{title}: change with 90 % interval of the average over nights: {words}.")


def standalone(drawing: Markup) -> str:
    """Return a drawing as an SVG file of its own, in the colours of paper."""
    text = re.sub(r"var\(--([a-z0-9-]+)\)", lambda found: PAPER_COLOURS.get(found[1], "#1b1f24"), str(drawing))
    return text.replace(
        "<svg ", '<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" style="background:#ffffff" ', 1
    )
