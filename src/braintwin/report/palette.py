"""Colours of the report: CSS variables for what must read on light, dark and paper; tables of colour for matrices.

The palette is Okabe and Ito's (https://jfly.uni-koeln.de/color/), with N3 darkened; the tables are cividis
(doi:10.1371/journal.pone.0199239) and ColorBrewer's PuOr, both fit for colour-blind readers.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

INK = "var(--ink)"
MUTED = "var(--muted)"
GRID = "var(--line)"
PAPER = "var(--paper)"
ACCENT = "var(--accent)"
SECOND = "var(--second)"
STAGE_COLOURS = {stage: f"var(--stage-{stage.lower()})" for stage in ("W", "N1", "N2", "N3", "R")}

STAGE_WORDS = {"W": "Wake", "N1": "N1", "N2": "N2", "N3": "N3", "R": "REM"}
HYPNOGRAM_ORDER = ("W", "R", "N1", "N2", "N3")
"""Stages from the top of a hypnogram down (AASM Manual: REM between Wake and N1)."""

CIVIDIS = ("#00224e", "#1a386f", "#434e6c", "#61656f", "#7d7c78", "#9b9476", "#bbae6c", "#dcca59", "#fee838")
PUOR = ("#7f3b08", "#b35806", "#e08214", "#fdb863", "#f7f7f7", "#b2abd2", "#8073ac", "#542788", "#2d004b")


def colours(
    values: npt.NDArray[np.floating], low: float, high: float, table: Sequence[str] = CIVIDIS
) -> npt.NDArray[np.uint8]:
    """Return red, green and blue of each value between `low` and `high`, (..., 3); NaN is mid grey."""
    anchors = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in table], float)
    place = np.clip((np.nan_to_num(values) - low) / ((high - low) or 1.0), 0, 1) * (len(anchors) - 1)
    levels = np.arange(len(anchors))
    rgb = np.stack([np.interp(place, levels, anchors[:, i]) for i in range(3)], axis=-1)
    rgb[~np.isfinite(values)] = 160
    return np.asarray(rgb.round().astype(np.uint8))


def hexadecimal(rgb: npt.NDArray[np.uint8]) -> str:
    """Return one colour as ``#rrggbb``."""
    return "#" + "".join(f"{int(part):02x}" for part in rgb)
