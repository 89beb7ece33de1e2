"""Charts made of SVG and a PNG."""

from __future__ import annotations

import io
import re
import struct
import zlib
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from satellite.diagnostics import drawing
from satellite.diagnostics.drawing import SHADES, Axes, Axis, Line

UP = Axis(0.0, 1.0, [(0.0, "0"), (1.0, "1")])


def decoded(data: bytes) -> np.ndarray:
    """A small PNG reader: palette pictures without filters."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    file, chunks = io.BytesIO(data[8:]), {}
    while head := file.read(8):
        size, name = struct.unpack(">I4s", head)
        chunks[name] = file.read(size)
        assert struct.unpack(">I", file.read(4))[0] == zlib.crc32(name + chunks[name])
    columns, rows, bits, kind = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert (bits, kind) == (8, 3)
    assert len(chunks[b"PLTE"]) == 3 * SHADES
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(rows, columns + 1)
    assert not lines[:, 0].any()
    return lines[:, 1:]


def test_a_png_holds_what_was_put_in() -> None:
    shades = np.random.default_rng(1).integers(0, SHADES, (7, 11)).astype(np.uint8)
    assert (decoded(drawing.png(shades)) == shades).all()


def test_the_palette_goes_from_paper_to_ink() -> None:
    colours = np.frombuffer(drawing.palette(), np.uint8).reshape(-1, 3).astype(int)
    assert tuple(colours[0]) == (255, 255, 255)
    brightness = colours.sum(axis=1)
    assert (np.diff(brightness) <= 0).all()


@pytest.mark.parametrize(
    ("duration_s", "last"), [(0.01, 0.0), (1.9, 1.8), (5.2, 5.0), (10.0, 10.0), (17, 16), (300, 300)]
)
def test_seconds_have_at_most_eleven_ticks(duration_s: float, last: float) -> None:
    axis = drawing.time_axis(duration_s)
    assert len(axis.ticks) <= 11
    assert axis.ticks[-1][0] == pytest.approx(last)


def test_a_curve_lies_where_its_values_are() -> None:
    across = drawing.time_axis(10.0)
    shape = drawing.curve(np.array([0.0, 5.0, 10.0]), np.array([0.0, 0.5, 2.0]), Axes(across, UP), "said")
    assert shape == '<polyline class="said" points="0.0,100.0 500.0,50.0 1000.0,0.0"/>'


def test_a_chart_is_whole_and_draws_its_thresholds() -> None:
    axes = Axes(drawing.time_axis(5.0), UP)
    shapes = drawing.area(np.arange(5.0), np.zeros(5), np.ones(5), axes, "wave") + drawing.image(np.ones((4, 4)))
    chart = drawing.chart("A & <b>", "dB", shapes, axes, [Line(0.5, "threshold 0.5", "limit")])
    root = ET.fromstring(chart)  # noqa: S314 - it is our own
    (level,) = [line for line in root.iter("line") if line.get("class") == "level limit"]
    assert level.get("y1") == "50.0"
    label = next(root.iter("b"))
    assert (label.text, label.get("style")) == ("threshold 0.5", "bottom:50.0%")
    assert re.search("A &amp; &lt;b&gt;", chart)
