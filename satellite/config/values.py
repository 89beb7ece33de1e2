"""One value: is it of the right type, in range, one of the choices; and what to say when it is not."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import Field
from typing import Any

from satellite.config.toml import toml_value

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_SWITCHES = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
# Control characters, and surrogates: what was not UTF-8 in the environment or on the command line.
_NOT_TEXT = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class Unfit(Exception):
    """The value does not fit; the text says what would."""


def checked(setting: Field[Any], value: object) -> Any:
    """The value in the setting's own type.

    Raises:
        Unfit: it is of another type, out of range, not one of the choices, empty or not plain text.
    """
    fitting = _CONVERTERS[_kind(setting)](value)
    limits = setting.metadata
    if fitting is None or not _within(fitting, limits["low"], limits["high"]):
        raise Unfit(f"must be {expected(setting)}")
    if limits["choices"] and fitting not in limits["choices"]:
        raise Unfit(f"must be {expected(setting)}{did_you_mean(fitting, limits['choices'], toml_value)}")
    if limits["filled"] and not fitting.strip():
        raise Unfit("must not be empty")
    if any(map(_NOT_TEXT.search, _texts(fitting))):
        raise Unfit("must be plain UTF-8 text without control characters")
    return fitting


def from_text(setting: Field[Any], text: str) -> object:
    """What a variable or option means for this setting; the text itself when that cannot be said."""
    match _kind(setting):
        case "bool":
            return _SWITCHES.get(text.strip().lower(), text)
        case "int" if _WHOLE.fullmatch(text.strip()):
            return int(text)
        case "float":
            return _number(text)
        case "tuple[str, ...]":
            return comma_separated(text)
    return text


def comma_separated(text: str) -> list[str]:
    """The parts between the commas, without blanks; empty ones left out."""
    return [part.strip() for part in text.split(",") if part.strip()]


def expected(setting: Field[Any]) -> str:
    """What the setting takes, in words: "a whole number from 0 to 65535"."""
    limits = setting.metadata
    if limits["choices"]:
        return _one_of(limits["choices"])
    words = {"bool": "true or false", "int": "a whole number", "float": "a number", "str": "text in quotes"}
    return words.get(_kind(setting), 'a list of texts, as ["one", "two"]') + _range(limits["low"], limits["high"])


def did_you_mean(given: str, known: Iterable[str], show: Callable[[str], str] = str) -> str:
    """The end of a message: what was probably meant, or nothing."""
    close = difflib.get_close_matches(given, list(known), n=1, cutoff=0.6)
    return f"; did you mean {show(close[0])}?" if close else ""


def _one_of(choices: tuple[str, ...]) -> str:
    *others, last = map(toml_value, choices)
    return f"{', '.join(others)} or {last}"


def _range(low: float | None, high: float | None) -> str:
    return "" if low is None else f" from {low:.15g} to {high:.15g}"


def _kind(setting: Field[Any]) -> str:
    return str(setting.type)


def _within(value: Any, low: float | None, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def _texts(value: object) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else (value,) if isinstance(value, str) else ()


def _number(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text


def _as_float(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _as_int(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _as_texts(value: object) -> tuple[str, ...] | None:
    return tuple(value) if isinstance(value, list) and all(isinstance(item, str) for item in value) else None


_CONVERTERS: dict[str, Callable[[object], Any]] = {
    "bool": lambda value: value if isinstance(value, bool) else None,
    "int": _as_int,
    "float": _as_float,
    "str": lambda value: value if isinstance(value, str) else None,
    "tuple[str, ...]": _as_texts,
}
