"""Figures as SVG, written straight from numbers.

A page holds some forty panels and a study hundreds of pages: matplotlib took four seconds a page, this takes
hundredths (docs/decisions). Colours are CSS variables, so one drawing reads on a light page, a dark one and in print.
"""

import base64
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from braintwin.report.palette import GRID, INK, MUTED, PAPER, hexadecimal

WIDTH = 860.0
"""Width of a figure, in the units of its drawing; the page stretches it."""

Numbers = npt.ArrayLike
MARKS = {
    "circle": "M{x} {y}m-{r} 0a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 -{d} 0z",
    "square": "M{x} {y}m-{r} -{r}h{d}v{d}h-{d}z",
    "triangle": "M{x} {y}m0 -{d}l{d} {t}h-{t}z",
    "diamond": "M{x} {y}m0 -{d}l{d} {d}l-{d} {d}l-{d} -{d}z",
    "cross": "M{x} {y}m-{r} -{r}l{d} {d}m0 -{d}l-{d} {d}",
}


def nice_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return round numbers inside `low` to `high`, at most `most` of them (steps of 1, 2 or 5)."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low] if math.isfinite(low) else []
    rough = (high - low) / max(most - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    for step in (power, 2 * power, 5 * power, 10 * power, 20 * power):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first + 1 <= most:
            return [i * step for i in range(first, last + 1)]
    return [low]


def tick_label(value: float) -> str:
    """Return a tick in print, with a true minus sign."""
    return f"{value:.6g}".replace("-", "−")


def reach(*values: Numbers, margin: float = 0.06) -> tuple[float, float]:
    """Return the range of all finite values, a little widened; 0 to 1 where there is none."""
    flat = np.concatenate([np.asarray(v, float).ravel() for v in values]) if values else np.empty(0)
    flat = flat[np.isfinite(flat)]
    if flat.size == 0:
        return 0.0, 1.0
    low, high = float(flat.min()), float(flat.max())
    pad = margin * (high - low) or max(abs(high), 1.0) * 0.1
    return low - pad, high + pad


def _n(value: float) -> str:
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


class Canvas:
    """An empty drawing; panels and words are put on it, :meth:`svg` closes it."""

    def __init__(self, height: float, width: float = WIDTH) -> None:
        self.width, self.height = width, height
        self.parts: list[str] = []

    def words(
        self, x: float, y: float, text: str, *, anchor: str = "start", size: float = 12, colour: str = INK,
        bold: bool = False, turn: float = 0,
    ) -> None:  # fmt: skip
        """Write `text` with its baseline at (x, y); `anchor` is start, middle or end."""
        extra = ' font-weight="600"' if bold else ""
        extra += f' transform="rotate({_n(turn)} {_n(x)} {_n(y)})"' if turn else ""
        self.parts.append(
            f'<text x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}" text-anchor="{anchor}"{extra} '
            f'style="fill:{colour}">{escape(text)}</text>'
        )

    def panel(
        self, left: float, top: float, width: float, height: float, *, x: tuple[float, float], y: tuple[float, float]
    ) -> "Panel":
        """Return a panel with its data range; y grows upwards."""
        return Panel(self, left, top, width, height, x, y)

    def legend(self, x: float, y: float, entries: Sequence[tuple[str, str]]) -> None:
        """Draw swatches and words in a row; entries are (colour, words)."""
        for colour, text in entries:
            self.parts.append(f'<rect x="{_n(x)}" y="{_n(y - 9)}" width="14" height="10" style="fill:{colour}"/>')
            self.words(x + 19, y, text, size=11.5)
            x += 38 + 6.6 * len(text)

    def scale(self, left: float, top: float, height: float, low: float, high: float, table: Sequence[str]) -> None:
        """Draw the bar that tells what the colours of a table mean."""
        part = height / (len(table) * 4)
        from braintwin.report.palette import colours

        shades = colours(np.linspace(low, high, len(table) * 4), low, high, table)
        for i, shade in enumerate(shades):
            y = top + height - (i + 1) * part
            self.parts.append(
                f'<rect x="{_n(left)}" y="{_n(y)}" width="10" height="{_n(part + 0.4)}" fill="{hexadecimal(shade)}"/>'
            )
        for value in nice_ticks(low, high, 4):
            y = top + height * (1 - (value - low) / ((high - low) or 1.0))
            self.words(left + 14, y + 4, tick_label(value), size=10.5, colour=MUTED)

    def svg(self, label: str) -> Markup:
        """Return the drawing; `label` says in words what it shows, for those who do not see it."""
        body = "\n".join(self.parts)
        return Markup(
            f'<svg class="figure" role="img" aria-label="{escape(label, quote=True)}" '
            f'viewBox="0 0 {_n(self.width)} {_n(self.height)}">\n{body}\n</svg>'
        )


@dataclass
class Panel:
    """A rectangle with two linear axes."""

    canvas: Canvas
    left: float
    top: float
    width: float
    height: float
    x_range: tuple[float, float]
    y_range: tuple[float, float]

    def x(self, value: Numbers) -> npt.NDArray[np.float64]:
        """Return where `value` lies on the drawing."""
        low, high = self.x_range
        return self.left + self.width * (np.asarray(value, float) - low) / ((high - low) or 1.0)

    def y(self, value: Numbers) -> npt.NDArray[np.float64]:
        """Return where `value` lies on the drawing."""
        low, high = self.y_range
        return self.top + self.height * (1 - (np.asarray(value, float) - low) / ((high - low) or 1.0))

    def _add(self, text: str) -> None:
        self.canvas.parts.append(text)

    def line(self, x: Numbers, y: Numbers, colour: str, width: float = 1.4, *, dash: str = "", cap: str = "") -> None:
        """Draw a line through points; NaN lifts the pen."""
        xs, ys = np.broadcast_arrays(self.x(x), self.y(y))
        pieces, down = [], False
        for a, b in zip(xs.ravel(), ys.ravel()):
            if not (math.isfinite(a) and math.isfinite(b)):
                down = False
                continue
            pieces.append(f"{'L' if down else 'M'}{_n(a)} {_n(b)}")
            down = True
        style = f"stroke:{colour}" + (f";stroke-dasharray:{dash}" if dash else "")
        style += f";stroke-linecap:{cap}" if cap else ""
        if pieces:
            self._add(f'<path d="{"".join(pieces)}" fill="none" stroke-width="{_n(width)}" style="{style}"/>')

    def band(self, x: Numbers, low: Numbers, high: Numbers, colour: str, opacity: float = 0.3) -> None:
        """Fill between two curves; NaN leaves a gap."""
        xs, a, b = self.x(x).ravel(), self.y(low).ravel(), self.y(high).ravel()
        keep = np.isfinite(a) & np.isfinite(b)
        if keep.sum() < 2:
            return
        pieces = []
        for run in np.split(np.arange(keep.size), np.flatnonzero(np.diff(keep.astype(int))) + 1):
            if run.size > 1 and keep[run[0]]:
                points = [*zip(xs[run], b[run]), *zip(xs[run[::-1]], a[run[::-1]])]
                pieces.append("M" + "L".join(f"{_n(p)} {_n(q)}" for p, q in points) + "z")
        self._add(f'<path d="{"".join(pieces)}" style="fill:{colour};fill-opacity:{opacity:g}"/>')

    def box(
        self, x0: float, x1: float, y0: float, y1: float, colour: str, opacity: float = 1.0, outline: str = ""
    ) -> None:
        """Fill a rectangle given in data."""
        (a, b), (c, d) = np.sort(self.x([x0, x1])), np.sort(self.y([y0, y1]))
        style = f"fill:{colour}" + (f";fill-opacity:{opacity:.3g}" if opacity < 1 else "")
        style += f";stroke:{outline}" if outline else ""
        self._add(
            f'<rect x="{_n(a)}" y="{_n(c)}" width="{_n(max(b - a, 0.3))}" height="{_n(max(d - c, 0.3))}" '
            f'style="{style}"/>'
        )

    def marks(
        self, x: Numbers, y: Numbers, colour: str, *, mark: str = "circle", size: float = 3.0, hollow: bool = False,
        halo: bool = True,
    ) -> None:  # fmt: skip
        """Draw points as one path."""
        xs, ys = np.broadcast_arrays(self.x(x), self.y(y))
        shape = MARKS[mark]
        r, d, t = size, 2 * size, 4 * size
        if mark == "triangle":
            r, d, t = size, 1.25 * size, 2.5 * size
        elif mark == "diamond":
            d = 1.3 * size
        path = "".join(
            shape.format(x=_n(a), y=_n(b), r=f"{r:.2f}", d=f"{d:.2f}", t=f"{t:.2f}")
            for a, b in zip(xs.ravel(), ys.ravel())
            if math.isfinite(a) and math.isfinite(b)
        )
        if not path:
            return
        if mark == "cross" or hollow:
            style = f"fill:none;stroke:{colour};stroke-width:1.5"
        else:
            style = f"fill:{colour}" + (f";stroke:{PAPER};stroke-width:1" if halo else "")
        self._add(f'<path d="{path}" style="{style}"/>')

    def words(self, x: float, y: float, text: str, **how: object) -> None:
        """Write at a place given in data."""
        self.canvas.words(float(self.x(x)), float(self.y(y)), text, **how)  # type: ignore[arg-type]

    def title(self, text: str, size: float = 12.5) -> None:
        """Write over the panel."""
        self.canvas.words(self.left, self.top - 7, text, bold=True, size=size)

    def x_axis(
        self, ticks: Sequence[float], labels: Sequence[str] | None = None, *, name: str = "", grid: bool = False,
        size: float = 11,
    ) -> None:  # fmt: skip
        """Write ticks below the panel, and the axis' name below them."""
        bottom = self.top + self.height
        names = labels if labels is not None else [tick_label(t) for t in ticks]
        for tick, text in zip(ticks, names):
            place = float(self.x(tick))
            if grid:
                self._rule(place, self.top, place, bottom)
            self.canvas.words(place, bottom + 15, text, anchor="middle", size=size)
        if name:
            self.canvas.words(self.left + self.width / 2, bottom + 32, name, anchor="middle", size=11.5)

    def y_axis(
        self, ticks: Sequence[float], labels: Sequence[str] | None = None, *, name: str = "", grid: bool = True,
        size: float = 11,
    ) -> None:  # fmt: skip
        """Write ticks left of the panel, and the axis' name along it."""
        names = labels if labels is not None else [tick_label(t) for t in ticks]
        for tick, text in zip(ticks, names):
            place = float(self.y(tick))
            if grid:
                self._rule(self.left, place, self.left + self.width, place)
            self.canvas.words(self.left - 6, place + 4, text, anchor="end", size=size)
        if name:
            x, y = self.left - 44, self.top + self.height / 2
            self.canvas.words(x, y, name, anchor="middle", size=11.5, turn=-90)

    def rule_x(self, x: float, colour: str = MUTED, *, dash: str = "", width: float = 1.0) -> None:
        """Draw a line up the whole panel at `x`."""
        self.line([x, x], list(self.y_range), colour, width, dash=dash)

    def rule_y(self, y: float, colour: str = MUTED, *, dash: str = "", width: float = 1.0) -> None:
        """Draw a line across the whole panel at `y`."""
        self.line(list(self.x_range), [y, y], colour, width, dash=dash)

    def baseline(self) -> None:
        """Draw the lower edge of the panel."""
        self._rule(self.left, self.top + self.height, self.left + self.width, self.top + self.height, MUTED)

    def frame(self, colour: str = GRID) -> None:
        """Draw all four edges."""
        self._add(
            f'<rect x="{_n(self.left)}" y="{_n(self.top)}" width="{_n(self.width)}" height="{_n(self.height)}" '
            f'fill="none" style="stroke:{colour}"/>'
        )

    def image(self, rgb: npt.NDArray[np.uint8]) -> None:
        """Fill the panel with a picture, (row, column, 3), pixels kept sharp."""
        self._add(
            f'<image x="{_n(self.left)}" y="{_n(self.top)}" width="{_n(self.width)}" height="{_n(self.height)}" '
            f'preserveAspectRatio="none" style="image-rendering:pixelated" href="{_png(rgb)}"/>'
        )

    def _rule(self, x0: float, y0: float, x1: float, y1: float, colour: str = GRID) -> None:
        self._add(f'<path d="M{_n(x0)} {_n(y0)}L{_n(x1)} {_n(y1)}" style="stroke:{colour};stroke-width:.8"/>')


def _png(rgb: npt.NDArray[np.uint8]) -> str:
    """Return a picture as a PNG in a data address."""
    rows, columns, _ = rgb.shape
    raw = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(rgb))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(png).decode()
