"""What can be set while the satellite runs: the texts of --set, checked."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from satellite.config.values import did_you_mean
from satellite.core.errors import ConfigError, ControlError

THRESHOLD = "threshold."

_KNOWN = (
    "volume=0..100, mute=on|off, sensitivity=high|normal|low, trust=anew, alarm=off, listen=now, threshold.NAME=0.01..1"
)
_SENSITIVITIES = ("high", "normal", "low")
_SWITCHES = {"on": True, "off": False}


@dataclass(frozen=True, slots=True)
class Changes:
    """What to change; None and absent: leave as it is.

    Attributes:
        volume: percent, 0 to 100.
        muted: the microphone is off.
        sensitivity: high, normal or low.
        thresholds: wake word to the score at which it counts as heard, 0.01 to 1.
        trust_anew: forget the server that is trusted alone; the next one takes its place.
        alarm_off: silence the timers that ring.
        listen: to a command, now, without a wake word.
    """

    volume: int | None = None
    muted: bool | None = None
    sensitivity: str | None = None
    thresholds: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    trust_anew: bool = False
    alarm_off: bool = False
    listen: bool = False


def split_pairs(pairs: Sequence[str]) -> dict[str, str]:
    """["volume=60"] as {"volume": "60"}. The value has no "=", so a wake word that is a path may.

    Raises:
        ConfigError: one is not KEY=VALUE, or a key comes twice.
    """
    settings: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = (part.strip() for part in pair.rpartition("="))
        if not (key and equals and value):
            raise ConfigError([f'--set: "{pair}" is not KEY=VALUE; what can be set: {_KNOWN}'])
        if key in settings:
            raise ConfigError([f"--set: {key} is given twice"])
        settings[key] = value
    return settings


def parse_settings(settings: Mapping[str, str], wake_words: Collection[str]) -> Changes:
    """The changes that the texts ask for.

    Args:
        settings: "volume", "mute", "sensitivity", "trust", "threshold.NAME" to their texts.
        wake_words: the names there are.

    Raises:
        ControlError: a key or value is wrong; the text says all that is. Nothing is to be changed then.
    """
    mistakes = [text for key, value in settings.items() if (text := _mistake(key, value, wake_words))]
    if mistakes:
        raise ControlError("; ".join(mistakes))
    names = {key.removeprefix(THRESHOLD): float(settings[key]) for key in settings if key.startswith(THRESHOLD)}
    return Changes(
        volume=int(settings["volume"]) if "volume" in settings else None,
        muted=_SWITCHES[settings["mute"]] if "mute" in settings else None,
        sensitivity=settings.get("sensitivity"),
        thresholds=MappingProxyType(names),
        trust_anew="trust" in settings,
        alarm_off="alarm" in settings,
        listen="listen" in settings,
    )


def _mistake(key: str, value: str, wake_words: Collection[str]) -> str:
    if key.startswith(THRESHOLD):
        return _threshold_mistake(key.removeprefix(THRESHOLD), value, wake_words)
    if key == "volume":
        fits = re.fullmatch(r"[0-9]{1,3}", value, re.ASCII) and int(value) <= 100
        return "" if fits else f'volume = "{value}": must be a whole number from 0 to 100'
    if key == "mute":
        return "" if value in _SWITCHES else f'mute = "{value}": must be on or off'
    if key == "sensitivity":
        return "" if value in _SENSITIVITIES else f'sensitivity = "{value}": must be high, normal or low'
    if key == "alarm":
        return "" if value == "off" else f'alarm = "{value}": must be off'
    if key == "listen":
        return "" if value == "now" else f'listen = "{value}": must be now'
    if key == "trust":
        return "" if value == "anew" else f'trust = "{value}": must be anew'
    known = ["volume", "mute", "sensitivity", "trust", "alarm", "listen", *(THRESHOLD + name for name in wake_words)]
    return f'"{key}" cannot be set{did_you_mean(key, known)}; what can be set: {_KNOWN}'


def _threshold_mistake(name: str, value: str, wake_words: Collection[str]) -> str:
    if name not in wake_words:
        hint = did_you_mean(name, wake_words) or f"; there are {', '.join(sorted(wake_words))}"
        return f'no wake word "{name}"{hint}'
    try:
        fits = 0.01 <= float(value) <= 1
    except ValueError:
        fits = False
    return "" if fits else f'{THRESHOLD}{name} = "{value}": must be a number from 0.01 to 1'
