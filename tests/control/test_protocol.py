from __future__ import annotations

import json
import math
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.control.protocol import decode, encode
from satellite.core.errors import ControlError


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Counters:
    frames: int
    level: float
    colour: Colour
    parts: tuple[int, ...]


def test_statistics_go_as_they_are_into_json() -> None:
    status = MappingProxyType({"path": Path("/x"), "counters": Counters(1, -math.inf, Colour.RED, (1, 2)), "one": {3}})
    assert json.loads(encode(status)) == {
        "path": "/x",
        "counters": {"frames": 1, "level": None, "colour": "red", "parts": [1, 2]},
        "one": [3],
    }


@given(
    st.dictionaries(
        st.text(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=8,
        ),
    )
)
def test_a_message_is_one_line_and_is_read_back_as_it_was(message: dict[str, object]) -> None:
    line = encode(message)
    assert line.count(b"\n") == 1
    assert decode(line) == message


@pytest.mark.parametrize("line", [b"", b"\n", b"hello\n", b"\xff\n", b"[" * 100_000, b"9" * 5_000])
def test_what_is_not_json_is_refused(line: bytes) -> None:
    with pytest.raises(ControlError, match="not JSON"):
        decode(line)


@pytest.mark.parametrize("line", [b"1\n", b"[]\n", b"null\n"])
def test_json_that_is_no_object_is_refused(line: bytes) -> None:
    with pytest.raises(ControlError, match="not a JSON object"):
        decode(line)
