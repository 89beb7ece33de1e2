from __future__ import annotations

from typing import Any

import pytest

from satellite.control.page import duration, size, status_page

STATUS: dict[str, Any] = {
    "version": "0.1.0",
    "uptime_s": 12_345.6,
    "connected": True,
    "peer": None,
    "settings": {"volume_percent": 60, "mute": False, "threshold": {"hey_jarvis": 0.5, "alexa_s": 0.45}},
    "microphone": {
        "last_frame_s": 0.0123,
        "level_dbfs": -43.21,
        "rate_hz": 16000,
        "frames": 1_234_567,
        "hop_ms": 8.123,
        "queue_bytes": 123_456,
        "score": 0.123456,
        "errors": [],
    },
    "connections": [{"peer": "10.0.0.1", "age_s": 3}, {"peer": "10.0.0.2", "age_s": 99}],
    "models": ["a", "b"],
    "speaker": {},
}

PAGE = """\
version    0.1.0
uptime     3 h 25 min
connected  yes
peer       -
settings
  volume  60 %
  mute    no
  threshold
    hey_jarvis  0.5
    alexa_s     0.45
microphone
  last frame  12.3 ms
  level       -43.2 dBFS
  rate        16000 Hz
  frames      1,234,567
  hop         8.12 ms
  queue       121 KiB
  score       0.1235
  errors      none
connections 1
  peer  10.0.0.1
  age   3 s
connections 2
  peer  10.0.0.2
  age   1 min 39 s
models     a, b
speaker    none
"""


def test_the_page_is_aligned_with_units_in_words_and_nested_parts_indented() -> None:
    assert status_page(STATUS) == PAGE


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.25, "250 ms"),
        (1.234, "1.23 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (3_599.6, "1 h 0 min"),
        (86_399.9, "1 d 0 h"),
        (1_000_000, "11 d 13 h"),
        (-90, "-1 min 30 s"),
    ],
)
def test_a_duration_is_said_as_a_person_says_it(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (33 << 20, "33 MiB")])
def test_a_size_is_said_as_a_person_says_it(count: int, text: str) -> None:
    assert size(count) == text


def test_of_the_last_turns_the_page_shows_the_newest() -> None:
    page = status_page(
        {"state": "idle", "last_turns": [{"turn": 1, "played_ms": 10.0}, {"turn": 2, "played_ms": 20.5}]}
    )
    assert page.splitlines() == ["state  idle", "last turn", "  turn    2", "  played  20.5 ms"]
