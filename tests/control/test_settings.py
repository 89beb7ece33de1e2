from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.control.settings import Changes, parse_settings, split_pairs
from satellite.core.errors import ConfigError, ControlError

WORDS = ("alexa", "hey_jarvis", "/home/pi/a=b.onnx")
KNOWN = (
    "what can be set: volume=0..100, mute=on|off, sensitivity=high|normal|low, trust=anew, alarm=off, "
    "listen=now, threshold.NAME=0.01..1"
)


def test_pairs_are_split_at_their_last_equals_sign() -> None:
    pairs = ["volume=60", "mute = on", "threshold./home/pi/a=b.onnx=0.5"]
    assert split_pairs(pairs) == {"volume": "60", "mute": "on", "threshold./home/pi/a=b.onnx": "0.5"}


@pytest.mark.parametrize("pair", ["volume", "volume=", "=60", "", "="])
def test_what_is_not_a_pair_is_refused_with_what_can_be_set(pair: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        split_pairs([pair])
    assert str(wrong.value) == f'--set: "{pair}" is not KEY=VALUE; {KNOWN}'


def test_a_key_given_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="--set: volume is given twice"):
        split_pairs(["volume=1", "volume=2"])


@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        ({}, Changes()),
        ({"volume": "0"}, Changes(volume=0)),
        ({"volume": "100", "mute": "off"}, Changes(volume=100, muted=False)),
        ({"mute": "on"}, Changes(muted=True)),
        ({"sensitivity": "high"}, Changes(sensitivity="high")),
        ({"trust": "anew"}, Changes(trust_anew=True)),
        ({"alarm": "off"}, Changes(alarm_off=True)),
        ({"listen": "now"}, Changes(listen=True)),
        (
            {"threshold.alexa": "1", "threshold./home/pi/a=b.onnx": "0.01"},
            Changes(thresholds={"alexa": 1.0, "/home/pi/a=b.onnx": 0.01}),
        ),
    ],
)
def test_right_settings_become_typed_changes(settings: dict[str, str], changes: Changes) -> None:
    assert parse_settings(settings, WORDS) == changes


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"volume": "101"}, 'volume = "101": must be a whole number from 0 to 100'),
        ({"volume": "-1"}, 'volume = "-1": must be a whole number from 0 to 100'),
        ({"volume": "\u0667"}, 'volume = "\u0667": must be a whole number from 0 to 100'),
        ({"mute": "yes"}, 'mute = "yes": must be on or off'),
        ({"listen": "later"}, 'listen = "later": must be now'),
        ({"alarm": "on"}, 'alarm = "on": must be off'),
        ({"trust": "all"}, 'trust = "all": must be anew'),
        ({"volum": "1"}, f'"volum" cannot be set; did you mean volume?; {KNOWN}'),
        ({"zzz": "1"}, f'"zzz" cannot be set; {KNOWN}'),
        ({"threshold.alxa": "0.5"}, 'no wake word "alxa"; did you mean alexa?'),
        ({"threshold.zzz": "0.5"}, 'no wake word "zzz"; there are /home/pi/a=b.onnx, alexa, hey_jarvis'),
        ({"threshold.alexa": "0"}, 'threshold.alexa = "0": must be a number from 0.01 to 1'),
        ({"threshold.alexa": "nan"}, 'threshold.alexa = "nan": must be a number from 0.01 to 1'),
        ({"threshold.alexa": "high"}, 'threshold.alexa = "high": must be a number from 0.01 to 1'),
        (
            {"volume": "x", "mute": "x"},
            'volume = "x": must be a whole number from 0 to 100; mute = "x": must be on or off',
        ),
    ],
)
def test_wrong_settings_are_refused_together_with_what_would_be_right(settings: dict[str, str], text: str) -> None:
    with pytest.raises(ControlError) as wrong:
        parse_settings(settings, WORDS)
    assert str(wrong.value) == text


@given(st.dictionaries(st.sampled_from(["volume", "mute", "threshold.alexa", "x"]) | st.text(), st.text()))
def test_any_texts_are_either_changes_or_a_refusal(settings: dict[str, str]) -> None:
    try:
        changes = parse_settings(settings, WORDS)
    except ControlError:
        return
    assert changes.volume is None or 0 <= changes.volume <= 100
