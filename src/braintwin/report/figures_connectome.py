"""The connectome as drawn: a matrix and a circle for each stage."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr
from markupsafe import Markup

from braintwin.report.drawing import Canvas, Panel
from braintwin.report.palette import ACCENT, CIVIDIS, GRID, INK, MUTED, PUOR, SECOND, STAGE_WORDS, colours, hexadecimal

_CELLS = 16
"""Nodes above which a matrix is a picture instead of rectangles."""

_EDGES = 90
"""Edges drawn at most in one circle, the strongest first."""

CLEAR = 2.0
"""Standard errors from zero at which an edge counts as clear of zero."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Connectome:
    """One measure and band: edges (stage, node, node_to), standard errors of the same shape, places of the nodes.

    `missing` tells for each stage why it is not there; empty where it is. `angle` (node,) is the place of each node on
    the circle, clockwise from the nose, rad.
    """

    stages: list[str]
    nodes: list[str]
    value: Floats
    error: Floats
    missing: dict[str, str]
    angle: Floats
    what: str

    @property
    def off(self) -> npt.NDArray[np.bool_]:
        """Off the diagonal."""
        return ~np.eye(len(self.nodes), dtype=bool)

    def clear(self, stage: int) -> npt.NDArray[np.bool_]:
        """Return which edges of a stage lie CLEAR standard errors from zero, (node, node_to)."""
        with np.errstate(invalid="ignore"):
            return np.asarray((np.abs(self.value[stage]) > CLEAR * self.error[stage]) & self.off)


def places(nodes: list[str], position: xr.DataArray | None) -> Floats:
    """Return the angle of each node on the circle, clockwise from the nose, evenly spaced.

    The order is that of the electrodes around the head where their positions are known, else left, midline and right
    by name (odd, z, even).
    """
    if position is not None and np.isfinite(position.values).all():
        x, y = position.values[:, 0], position.values[:, 1]
        order = np.argsort(np.arctan2(x, y - y.mean()), kind="stable")
    else:
        sites = [site(node) for node in nodes]
        number = [int(digits) if (digits := "".join(c for c in s if c.isdigit())) else 0 for s in sites]
        side = [0 if n == 0 else -1 if n % 2 else 1 for n in number]
        order = np.array(sorted(range(len(nodes)), key=lambda i: (side[i], side[i] * i)))
    angle = np.empty(len(nodes))
    angle[order] = 2 * np.pi * (np.arange(len(nodes)) + 0.5) / len(nodes) - np.pi
    return angle


def draw(found: Connectome) -> Markup:
    """Draw each stage as a matrix above and as a circle below, all stages on one scale.

    Edges that are not clear of zero are left out of the circles and stay in the matrices.
    """
    edges = found.value[:, found.off]
    finite = np.abs(edges[np.isfinite(edges)])
    top = float(finite.max()) if finite.size else 1.0
    signed = bool(np.nanmin(edges) < 0) if finite.size else False
    low, table = (-top, PUOR) if signed else (0.0, CIVIDIS)
    canvas = Canvas(352)
    pitch = (canvas.width - 96) / len(found.stages)
    side = min(pitch - 18, 132.0)
    drawn = 0
    for i, stage in enumerate(found.stages):
        left = 38 + i * pitch
        matrix = canvas.panel(left, 26, side, side, x=(0, len(found.nodes)), y=(-len(found.nodes), 0))
        matrix.title(STAGE_WORDS.get(stage, stage))
        circle = canvas.panel(left - 4, 208, side + 8, side + 8, x=(-1.35, 1.35), y=(-1.35, 1.35))
        if found.missing.get(stage):
            matrix.frame()
            matrix.words(len(found.nodes) / 2, -len(found.nodes) / 2, "missing", anchor="middle", colour=MUTED)
            continue
        _matrix(matrix, found, i, colours(np.where(found.off, found.value[i], np.nan), low, top, table), drawn == 0)
        _circle(circle, found, i, top)
        drawn += 1
    canvas.scale(canvas.width - 46, 26, side, low, top, table)
    there = [s for s in found.stages if not found.missing.get(s)]
    missing = "; ".join(f"{s} missing: {why}" for s, why in found.missing.items() if why)
    words = ", ".join(f"{s} {int(found.clear(i).sum() // 2)}" for i, s in enumerate(found.stages) if s in there)
    total = len(found.nodes) * (len(found.nodes) - 1) // 2
    return canvas.svg(
        f"Sensor-space functional connectivity ({found.what}) of {len(found.nodes)} nodes as matrices and circles. "
        f"Edges clear of zero, of {total}: {words}. {missing}".strip()
    )


def _matrix(panel: Panel, found: Connectome, stage: int, rgb: npt.NDArray[np.uint8], named: bool) -> None:
    count = len(found.nodes)
    if count > _CELLS:
        panel.image(rgb)
    else:
        finite = np.isfinite(found.value[stage])
        for i in range(count):
            for k in range(count):
                if i == k or not finite[i, k]:
                    panel.box(k, k + 1, -i - 1, -i, GRID, 0.5)
                else:
                    panel.box(k, k + 1, -i - 1, -i, hexadecimal(rgb[i, k]))
    step = max(1, -(-count // 12))
    size = 10.5 if count <= 8 else 8.5
    for i in range(0, count, step):
        name = site(found.nodes[i])
        panel.words(i + 0.5, -count - count * 0.09, name, anchor="middle" if count <= 8 else "end", size=size,
                    turn=0 if count <= 8 else -90, colour=MUTED)  # fmt: skip
        if named:
            panel.words(-0.04 * count, -i - 0.5 - 0.03 * count, name, anchor="end", size=size, colour=MUTED)


def _circle(panel: Panel, found: Connectome, stage: int, top: float) -> None:
    x, y = np.sin(found.angle), np.cos(found.angle)
    value = found.value[stage]
    pairs = [(i, k) for i, k in zip(*np.nonzero(np.triu(found.clear(stage), 1)))]
    pairs = sorted(pairs, key=lambda p: -abs(value[p]))[:_EDGES]
    t = np.linspace(0, 1, 9)
    for i, k in reversed(pairs):
        # a quadratic curve bent towards the middle, so that neighbours do not lie on the rim
        bend = 0.35
        cx, cy = bend * (x[i] + x[k]) / 2, bend * (y[i] + y[k]) / 2
        a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t**2
        panel.line(
            a * x[i] + b * cx + c * x[k], a * y[i] + b * cy + c * y[k],
            ACCENT if value[i, k] >= 0 else SECOND, 0.5 + 4.5 * abs(value[i, k]) / top,
            dash="" if value[i, k] >= 0 else "4 2",
        )  # fmt: skip
    panel.marks(x, y, INK, size=3.2)
    if len(found.nodes) <= 24:
        for i, node in enumerate(found.nodes):
            panel.words(1.2 * x[i], 1.2 * y[i] - 0.07, site(node), anchor="middle", size=9.5, colour=MUTED)


def site(channel: str) -> str:
    """Return the electrode of a derivation: C3 of ``EEG C3-A2``."""
    return channel.replace("EEG", "").strip().split("-")[0]
