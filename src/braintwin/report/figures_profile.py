"""How nights go against bands of replicates: stages and changes by tenth of the night, survival of bouts."""

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from braintwin.contracts.stages import STAGES
from braintwin.inference.night_checks import PredictiveCheck
from braintwin.models.hypnogram import TRANSITION_NAMES
from braintwin.models.night_profile import BOUT_EDGES_MIN, N_INTERVALS
from braintwin.report.drawing import Canvas, nice_ticks
from braintwin.report.palette import ACCENT, INK, STAGE_COLOURS, STAGE_WORDS

_PLACES = np.arange(N_INTERVALS) + 1.0
_SURVIVAL_TICKS = (0.5, 2.0, 8.0, 32.0)


def _outside(check: PredictiveCheck) -> npt.NDArray[np.bool_]:
    return np.asarray((check.observed < check.low) | (check.observed > check.high))


def course(stages: PredictiveCheck, bouts: PredictiveCheck) -> Markup:
    """Draw the share of each stage by tenth of the night, and below it how long its bouts last."""
    canvas = Canvas(392)
    pitch = canvas.width / len(STAGES)
    words = []
    for i, stage in enumerate(STAGES):
        colour = STAGE_COLOURS[stage]
        edges = np.stack([stages.low[:, i], stages.middle[:, i], stages.high[:, i], stages.observed[:, i]])
        top = max(float(edges.max()), 5.0)
        panel = canvas.panel(i * pitch + 40, 28, pitch - 56, 116, x=(0.5, N_INTERVALS + 0.5), y=(0, top))
        panel.title(STAGE_WORDS[stage])
        panel.y_axis(nice_ticks(0, top, 4), name="% of time" if i == 0 else "")
        panel.band(_PLACES, edges[0], edges[2], colour, 0.3)
        panel.line(_PLACES, edges[1], colour, 1.2, dash="4 3")
        panel.line(_PLACES, edges[3], INK, 1.2)
        panel.marks(_PLACES, edges[3], INK, size=2.4)
        panel.x_axis([1, 4, 7, 10], name="tenth of the night" if i == 2 else "")
        x = np.log2(BOUT_EDGES_MIN)
        lower = canvas.panel(i * pitch + 40, 216, pitch - 56, 116, x=(float(x[0]), float(x[-1])), y=(0, 100))
        lower.y_axis([0, 50, 100], name="% of bouts longer" if i == 0 else "")
        lower.band(x, bouts.low[i], bouts.high[i], colour, 0.3)
        lower.line(x, bouts.middle[i], colour, 1.2, dash="4 3")
        lower.line(x, bouts.observed[i], INK, 1.2)
        lower.marks(x, bouts.observed[i], INK, size=2.4)
        ticks = [float(np.log2(t)) for t in _SURVIVAL_TICKS]
        labels = [f"{t:g}" for t in _SURVIVAL_TICKS]
        lower.x_axis(ticks, labels, name="duration of a bout, min" if i == 2 else "")
        shares = (_outside(stages)[:, i], _outside(bouts)[i])
        words.append(f"{STAGE_WORDS[stage]}: " + " and ".join(f"{out.sum()} of {out.size}" for out in shares))
    return canvas.svg(
        "Share of each stage by tenth of the night, and survival of its bouts, against 95 % bands of replicated "
        "nights; outside the bands, shares and bouts: " + "; ".join(words) + "."
    )


def changes(check: PredictiveCheck) -> Markup:
    """Draw every transition frequency by tenth of the night, a panel each."""
    columns, pitch_y = 5, 112
    rows = -(-len(TRANSITION_NAMES) // columns)
    canvas = Canvas(rows * pitch_y + 34)
    pitch = canvas.width / columns
    for i, name in enumerate(TRANSITION_NAMES):
        edges = np.stack([check.low[:, i], check.middle[:, i], check.high[:, i], check.observed[:, i]])
        top = max(float(edges.max()), 0.2)
        left, above = (i % columns) * pitch + 40, (i // columns) * pitch_y + 26
        panel = canvas.panel(left, above, pitch - 56, 62, x=(0.5, N_INTERVALS + 0.5), y=(0, top))
        panel.title(name.replace(">", " → "), size=11.5)
        panel.y_axis(nice_ticks(0, top, 3), name="an hour" if i % columns == 0 else "")
        panel.band(_PLACES, edges[0], edges[2], ACCENT, 0.3)
        panel.line(_PLACES, edges[1], ACCENT, 1.2, dash="4 3")
        panel.line(_PLACES, edges[3], INK, 1.2)
        panel.x_axis([1, 4, 7, 10], name="tenth of the night" if i == len(TRANSITION_NAMES) - 3 else "", size=10.5)
    return canvas.svg(
        "Changes of stage an hour, by tenth of the night, against 95 % bands of replicated nights: "
        f"{_outside(check).sum()} of {check.observed.size} outside."
    )
