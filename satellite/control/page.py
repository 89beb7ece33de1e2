"""The status as a page to read: aligned, nested parts indented, units from the ends of the names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

INDENT = "  "

# What these hold is keyed by names that the owner types, and that stay as they are.
_OF_NAMES = ("threshold",)


def status_page(status: Mapping[str, Any]) -> str:
    """The page for what `--status` was answered: names from the keys, their units said in words ("3 min 20 s")."""
    shown = {key: value for key, value in status.items() if key != "last_turns"}
    if turns := status.get("last_turns"):
        # All of them are for programs.
        shown["last_turn"] = turns[-1]
    return "\n".join(_lines(shown)) + "\n"


def _lines(status: Mapping[str, Any], indent: str = "", of_names: bool = False) -> list[str]:
    labels = {key: key if of_names else _words(key) for key in status}
    width = max((len(labels[key]) for key, value in status.items() if not _is_nested(value)), default=0)
    lines: list[str] = []
    for key, value in status.items():
        if not _is_nested(value):
            lines.append(f"{indent}{labels[key]:{width}}  {_text('' if of_names else key, value)}")
            continue
        for header, part in _parts(labels[key], value):
            lines.append(f"{indent}{header}")
            lines += _lines(part, indent + INDENT, key in _OF_NAMES)
    return lines


def _parts(header: str, value: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """A nested value under its header; of several, each under its own."""
    if isinstance(value, Mapping):
        yield header, value
    else:
        yield from ((f"{header} {number}" if len(value) > 1 else header, part) for number, part in enumerate(value, 1))


def _is_nested(value: Any) -> bool:
    return bool(value) and (
        isinstance(value, Mapping) or (isinstance(value, list) and all(isinstance(part, Mapping) for part in value))
    )


def duration(seconds: float) -> str:
    """Seconds as a person says them: 250 ms, 12 s, 3 min 20 s, 5 h 2 min, 12 d 3 h."""
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if 0 < seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 10:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    for unit_s, unit, part_s, part in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= unit_s:
            return f"{whole // unit_s} {unit} {whole % unit_s // part_s} {part}"
    return f"{whole} s"


def size(count_bytes: float) -> str:
    """Bytes as a person says them: 512 B, 31 KiB, 2.5 MiB."""
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if count_bytes >= unit:
            return f"{count_bytes / unit:.3g} {name}"
    return f"{count_bytes:g} B"


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


# The end of a name, and how its number is said.
_UNITS: dict[str, Callable[[float], str]] = {
    "_s": duration,
    "_bytes": size,
    "_ms": lambda value: f"{value:.3g} ms",
    "_hz": lambda value: f"{value} Hz",
    "_db": lambda value: f"{value:.1f} dB",
    "_dbfs": lambda value: f"{value:.1f} dBFS",
    "_ppm": lambda value: f"{value:.3g} ppm",
    "_percent": lambda value: f"{value:g} %",
}


def _unit(key: str) -> str:
    return next((end for end in _UNITS if key.endswith(end)), "")


def _words(key: str) -> str:
    return key.removesuffix(_unit(key)).replace("_", " ")


def _text(key: str, value: Any) -> str:
    match value:
        case None | "":
            return "-"
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return _UNITS.get(_unit(key), _number)(value)
        case list():
            return ", ".join(_text(key, part) for part in value) or "none"
        case Mapping():
            return "none"
        case _:
            return str(value)
