"""The level meter and the traces of letters."""

from __future__ import annotations

import numpy as np
import pytest
from signals import tone

from satellite.core.audio import AudioFormat
from satellite.diagnostics.meter import Meter, meter_line, sparkline


def test_the_bar_shows_level_peak_and_a_word() -> None:
    assert meter_line(-40, -20, "5 s", fancy=False) == (
        "[################........|.......]  -40.0 dBFS, peak  -20.0  good   5 s"
    )
    assert " quiet " in meter_line(-60, -50, "")
    assert " loud " in meter_line(-20, -3, "")
    assert " CLIPS " in meter_line(-6, 0, "")


@pytest.mark.parametrize("level", [-200.0, -80.0, 0.0, 10.0])
def test_no_level_breaks_out_of_the_bar(level: float) -> None:
    line = meter_line(level, level, "", fancy=False)
    assert line.index("]") == 33


def test_it_is_refreshed_with_the_sound_and_keeps_to_its_line() -> None:
    shown: list[str] = []
    meter = Meter(shown.append, AudioFormat(16_000, 2, 2))
    pcm = np.stack([tone(1000, 1.0, -30)] * 2, axis=1).tobytes()
    for begin in range(0, len(pcm), 640):
        meter.hear(pcm[begin : begin + 640], "2 s")
    assert 12 <= len(shown) <= 16
    assert all(text.startswith("\r\x1b[K[") and "\n" not in text for text in shown)
    assert all("-30.0 dBFS" in text and text.endswith("2 s") for text in shown)
    meter.clear()
    assert shown[-1] == "\r\x1b[K"


def test_a_trace_shows_the_highest_of_each_column() -> None:
    values = [0.0] * 100
    values[50] = 1.0
    assert sparkline(values, 10) == "     █    "
    assert sparkline(values, 10, fancy=False) == "     @    "
    assert sparkline([0.5], 10) == "▄"
    assert sparkline([], 10) == ""
    assert len(sparkline([0.1] * 61, 60)) == 60
