from __future__ import annotations

import math

import pytest

from satellite.config import Config
from satellite.config.schema import settings, tables
from satellite.config.values import Unfit, checked

EVERY_SETTING = [(name, key) for name, table in tables().items() for key in settings(table)]
# What docs/capabilities.md promises.
RANGES = {
    "command.min_speech_ms": (30, 5_000),
    "command.end_silence_ms": (100, 5_000),
    "command.max_s": (2, 60),
    "command.vad_threshold": (0.05, 0.95),
    "processing.high_pass_hz": (0, 500),
    "processing.peak_dbfs": (-60, 0),
    "processing.target_dbfs": (-40, -3),
    "listening.voice_pre_roll_ms": (0, 2_000),
    "listening.voice_padding_ms": (100, 5_000),
    "listening.voice_max_s": (2, 60),
}


def test_there_is_a_table_for_every_field_of_the_configuration() -> None:
    config = Config()
    for name, table in tables().items():
        value = getattr(config, name)
        assert isinstance(value[0] if name == "wake_word" else value, table)


@pytest.mark.parametrize(("name", "key"), EVERY_SETTING)
def test_a_setting_explains_itself_and_accepts_its_own_default(name: str, key: str) -> None:
    setting = settings(tables()[name])[key]
    assert setting.metadata["doc"].endswith(".")
    default = list(setting.default) if isinstance(setting.default, tuple) else setting.default
    assert checked(setting, default) == setting.default


@pytest.mark.parametrize("name", RANGES)
def test_a_number_is_taken_up_to_both_ends_of_its_range_and_not_beyond(name: str) -> None:
    table, _, key = name.partition(".")
    setting, (low, high) = settings(tables()[table])[key], RANGES[name]
    assert (checked(setting, low), checked(setting, high)) == (low, high)
    for beyond in (low - 0.01, high + 0.01, math.nan, math.inf):
        with pytest.raises(Unfit, match="must be a number from"):
            checked(setting, beyond)


def test_every_table_says_in_its_docstring_what_it_is_about() -> None:
    for name, table in tables().items():
        header, _, purpose = (table.__doc__ or "").partition(": ")
        assert header.strip("[]") == name
        assert purpose.endswith(".")
