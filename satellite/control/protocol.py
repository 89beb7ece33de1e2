"""One line of JSON each way.

Asked: {"verb": "status"} or {"verb": "set", "settings": {"volume": "60"}}. Answered: {"ok": {...}} or {"error": "..."}.

Asked {"verb": "listen", "seconds": 10}, the answer {"ok": {"format": ..., "description": ...}} is followed by the
microphone's sound: a line {"bytes": n, ...} and n bytes of PCM, again and again, and {"end": true}.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

from satellite.core.errors import ControlError

REQUEST_LIMIT_BYTES = 64 << 10
ANSWER_LIMIT_BYTES = 1 << 20


def encode(message: Mapping[str, Any]) -> bytes:
    """The message as a line. Dataclasses become objects; numbers that JSON has no word for become null."""
    return json.dumps(plain(message), allow_nan=False, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """The message in a line.

    Raises:
        ControlError: it is not one JSON object.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise ControlError("not JSON") from None
    if not isinstance(message, dict):
        raise ControlError("not a JSON object")
    return message


def plain(value: Any) -> Any:
    """The value made of what JSON knows: objects, lists, texts, numbers, true, false, null."""
    match value:
        case None | bool() | int():
            return value
        case str():
            return str(value)
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(item) for item in value]
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {entry.name: plain(getattr(value, entry.name)) for entry in dataclasses.fields(value)}
        case _:
            return str(value)
