from __future__ import annotations

import datetime as dt
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.config.toml import SHOWN_CHARACTERS, line_numbers, shown, toml_key, toml_value

TEXT = st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXT,
    lambda inner: (
        st.lists(inner) | st.dictionaries(TEXT.filter(lambda key: len(toml_key(key)) < SHOWN_CHARACTERS), inner)
    ),
    max_leaves=8,
)


@given(VALUES)
def test_a_written_value_is_read_back_as_it_was(value: object) -> None:
    text = toml_value(value)
    assert tomllib.loads(f"key = {text}") == {"key": value}
    assert len(text.splitlines()) == 1


@given(VALUES | st.integers(2**64, 2**20_000))
def test_what_is_shown_in_a_message_is_one_short_line(value: object) -> None:
    assert len(shown(value)) <= SHOWN_CHARACTERS
    assert shown(value).isprintable()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (16.0, "16.0"),
        ("Küche", '"Küche"'),
        ('say "hi"\n', '"say \\"hi\\"\\n"'),
        ("\x7f\udcff", '"\\u007F\\uDCFF"'),
        (("a", "b"), '["a", "b"]'),
        ({"a b": 1}, '{"a b" = 1}'),
        (dt.date(1979, 5, 27), "1979-05-27"),
        ("x" * 100, '"' + "x" * 56 + "..."),
    ],
)
def test_values_are_shown_as_they_stand_in_the_file(value: object, text: str) -> None:
    assert shown(value) == text


FILE = '''\
# a comment = 1
[server]
port = 1
"host" = "x"

[log]   # remark
level = """
[server]
port = 2
"""
[[wake_word]]
model = "a"
[[wake_word]]
threshold = 0.5
model = "b=c"
[ speaker ]
a.b = 1
'''


def test_lines_of_tables_and_keys_are_found() -> None:
    assert line_numbers(FILE) == {
        "server": 2,
        "server.port": 3,
        "server.host": 4,
        "log": 6,
        "log.level": 7,
        "wake_word.0": 11,
        "wake_word.0.model": 12,
        "wake_word.1": 13,
        "wake_word.1.threshold": 14,
        "wake_word.1.model": 15,
        "speaker": 16,
        "speaker.a.b": 17,
    }


@given(st.text())
def test_no_text_upsets_the_line_finder(text: str) -> None:
    lines = line_numbers(text)
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())
