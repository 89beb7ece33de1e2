"""Charts for an HTML page, made of SVG, CSS and one PNG; nothing of them is fetched from anywhere.

The curves are stretched to the width there is; every text is HTML, placed by percentages, and so stays readable on a
telephone.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# The curves' own units across and down.
_WIDTH, _HEIGHT = 1000, 100
_MOST_TICKS = 10
# From silent to loud: paper, then blue to a dark violet.
_COLOURS = ((255, 255, 255), (214, 230, 244), (130, 186, 219), (56, 117, 178), (76, 29, 110), (40, 0, 40))
SHADES = 64


@dataclass(frozen=True, slots=True)
class Axis:
    """What a side of a chart stands for. `ticks`: where a value is written, and how."""

    low: float
    high: float
    ticks: Sequence[tuple[float, str]]

    def share(self, value: float) -> float:
        """Where a value lies, 0 to 1."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


class Axes(NamedTuple):
    """The two sides of a chart."""

    across: Axis
    up: Axis


@dataclass(frozen=True, slots=True)
class Line:
    """A level drawn across a chart. `kind`: its CSS class."""

    at: float
    text: str
    kind: str


def time_axis(duration_s: float) -> Axis:
    """Seconds, with at most ten ticks at round numbers."""
    steps = (0.2, 0.5, 1, 2, 5, 10, 20, 30, 60)
    step = next((step for step in steps if duration_s / step <= _MOST_TICKS), 60)
    ticks = [(number * step, f"{number * step:g}") for number in range(int(duration_s / step) + 1)]
    return Axis(0.0, max(duration_s, 0.1), ticks)


def curve(times: Floats, values: Floats, axes: Axes, kind: str) -> str:
    """A line through points."""
    return f'<polyline class="{kind}" points="{_points(times, values, axes)}"/>'


def area(times: Floats, lower: Floats, upper: Floats, axes: Axes, kind: str) -> str:
    """What lies between two lines."""
    there = _points(times, upper, axes)
    back = _points(times[::-1], lower[::-1], axes)
    return f'<polygon class="{kind}" points="{there} {back}"/>'


def span(begin: float, end: float, across: Axis, kind: str) -> str:
    """A stretch of time, shaded from top to bottom."""
    left, right = across.share(begin) * _WIDTH, across.share(end) * _WIDTH
    return f'<rect class="{kind}" x="{left:.1f}" y="0" width="{right - left:.1f}" height="{_HEIGHT}"/>'


def chart(
    title: str, unit: str, shapes: str, axes: Axes, lines: Sequence[Line] = (), *, tall: int = 110, inside: str = ""
) -> str:
    """A chart with its title, its axes, and the lines that explain it.

    Args:
        shapes: SVG made by the functions above, or an image.
        tall: height of the plot in CSS pixels.
        inside: HTML that lies over the plot, as captions.
    """
    across, up = axes
    grid = "".join(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{_HEIGHT}"/>' for x in _ticks_at(across))
    drawn = grid + shapes + "".join(_level(line, up) for line in lines)
    svg = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" aria-hidden="true">{drawn}</svg>'
    labels = _labels_up(up) + "".join(_label(line, up) for line in lines)
    return (
        f'<section class="chart"><h3>{escape(title)} <small>{escape(unit)}</small></h3>'
        f'<div class="plot" style="height:{tall}px">{svg}{labels}{inside}</div>{_labels_across(across)}</section>'
    )


def captions(entries: Sequence[tuple[float, str]], across: Axis) -> str:
    """Names at the top of a chart, each beginning at its time."""
    return "".join(f'<em style="left:{100 * across.share(at):.1f}%">{escape(text)}</em>' for at, text in entries)


def legend(entries: Sequence[tuple[str, str]]) -> str:
    """Names of curves. Entries: CSS class and text."""
    return (
        '<p class="legend">' + "".join(f'<span class="{kind}">{escape(text)}</span>' for kind, text in entries) + "</p>"
    )


def image(shares: Floats) -> str:
    """A picture that fills a chart.

    Args:
        shares: 0 to 1 (loud), shape (rows, columns), the first row at the top.
    """
    data = base64.b64encode(png(np.rint(np.clip(shares, 0, 1) * (SHADES - 1)).astype(np.uint8))).decode()
    size = f'width="{_WIDTH}" height="{_HEIGHT}"'
    return f'<image {size} preserveAspectRatio="none" href="data:image/png;base64,{data}"/>'


def png(shades: npt.NDArray[np.uint8]) -> bytes:
    """A PNG file with a palette of SHADES colours.

    Args:
        shades: indexes, shape (rows, columns).
    """
    rows, columns = shades.shape
    head = struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)
    lines = np.zeros((rows, columns + 1), np.uint8)  # each line begins with its filter, 0: none
    lines[:, 1:] = shades
    chunks = ((b"IHDR", head), (b"PLTE", palette()), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def palette() -> bytes:
    """SHADES colours of three bytes, from silent to loud."""
    anchors = np.array(_COLOURS, np.float64)
    at = np.linspace(0, len(anchors) - 1, SHADES)
    mixed = [np.interp(at, np.arange(len(anchors)), anchors[:, part]) for part in range(3)]
    return np.rint(np.stack(mixed, axis=1)).astype(np.uint8).tobytes()


def css_gradient() -> str:
    """The palette as a CSS background."""
    return f"linear-gradient(to right, {', '.join(f'rgb{colour}' for colour in _COLOURS)})"


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _points(times: Floats, values: Floats, axes: Axes) -> str:
    across, up = axes
    x = np.clip((times - across.low) / (across.high - across.low), 0, 1) * _WIDTH
    y = (1 - np.clip((values - up.low) / (up.high - up.low), 0, 1)) * _HEIGHT
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))


def _ticks_at(axis: Axis) -> list[float]:
    return [axis.share(value) * _WIDTH for value, _ in axis.ticks]


def _level(line: Line, up: Axis) -> str:
    y = (1 - up.share(line.at)) * _HEIGHT
    return f'<line class="level {line.kind}" x1="0" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'


def _label(line: Line, up: Axis) -> str:
    if not line.text:
        return ""
    return f'<b class="{line.kind}" style="bottom:{100 * up.share(line.at):.1f}%">{escape(line.text)}</b>'


def _labels_up(up: Axis) -> str:
    ticks = (f'<i style="bottom:{100 * up.share(value):.1f}%">{escape(text)}</i>' for value, text in up.ticks)
    return f'<div class="up">{"".join(ticks)}</div>'


def _labels_across(across: Axis) -> str:
    ticks = (f'<i style="left:{100 * across.share(value):.1f}%">{escape(text)}</i>' for value, text in across.ticks)
    return f'<div class="across">{"".join(ticks)}</div>'
