"""What tomllib leaves out: writing values, and telling on which line a setting stands."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

SHOWN_CHARACTERS = 60

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_HEADER = re.compile(r"\s*(\[\[?)([^\[\]]+)\]")
_KEY = re.compile(r"\s*([^=#\[\]{},]+?)\s*=")


def toml_value(value: object) -> str:
    """The value as TOML, on one line; what TOML cannot say (none of our settings) as JSON or Python would."""
    match value:
        case str():
            return _quoted(value)
        case bool():
            return "true" if value else "false"
        case int() if value.bit_length() > 64:
            return hex(value)
        case list() | tuple():
            return "[" + ", ".join(map(toml_value, value)) + "]"
        case Mapping():
            return "{" + ", ".join(f"{toml_key(str(key))} = {toml_value(item)}" for key, item in value.items()) + "}"
        case _:
            return str(value)


def toml_key(key: str) -> str:
    """The key as TOML: bare where that is allowed."""
    return key if _BARE_KEY.fullmatch(key) else shown(key)


def shown(value: object) -> str:
    """The value for an error message: one line, not too long."""
    text = toml_value(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "..."


def _quoted(text: str) -> str:
    return "".join(map(_visible, json.dumps(text, ensure_ascii=False)))


def _visible(character: str) -> str:
    """What a terminal would obey, or show as nothing, is spelt out."""
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"


def line_numbers(text: str) -> dict[str, int]:
    """On which line (from 1) each table and key first stands: "server", "server.port", "wake_word.0.model".

    Good enough for a hint in a message: it knows tables, dotted keys and long strings, not what is in inline tables.
    """
    lines: dict[str, int] = {}
    tables: Counter[str] = Counter()
    table = ""
    for number, line in _outside_long_strings(text.split("\n")):
        if header := _HEADER.match(line):
            table = _bare(header[2])
            if header[1] == "[[":
                tables[table] += 1
                table = f"{table}.{tables[table] - 1}"
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault(f"{table}.{_bare(key[1])}".lstrip("."), number)
    return lines


def _outside_long_strings(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    inside = False
    for number, line in enumerate(lines, start=1):
        if not inside:
            yield number, line
        inside ^= (line.count('"""') + line.count("'''")) % 2 == 1


def _bare(dotted: str) -> str:
    return ".".join(part.strip(" \t\"'") for part in dotted.split("."))
