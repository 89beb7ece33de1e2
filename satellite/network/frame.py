"""One Wyoming event as bytes: a JSON line, more JSON, a payload. What a peer announces is checked before it is read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from satellite.core.errors import ProtocolError

HEADER_BYTES = 64 * 1024
DATA_BYTES = 256 * 1024
PAYLOAD_BYTES = 1024 * 1024
CUT_SHORT = "the connection ended in the middle of an event"


@dataclass(frozen=True, slots=True)
class Frame:
    """An event as it travels: its type, its JSON data, its payload (sound, or nothing)."""

    type: str
    data: Mapping[str, Any] = field(default_factory=dict)
    payload: bytes = b""


async def read_frame(reader: asyncio.StreamReader) -> Frame | None:
    """The next event, or None when the peer closed the connection between two events.

    Args:
        reader: made with limit=HEADER_BYTES, which bounds the line.

    Raises:
        ProtocolError: the bytes are not an event, or announce more than is allowed; nothing after them can be trusted.
        OSError: the connection failed.
    """
    line = await _read_line(reader)
    if line is None:
        return None
    header = _parse_object(line, "header")
    kind = header.get("type")
    if not isinstance(kind, str):
        raise ProtocolError("an event without a type")
    data = _object_or_nothing(header.get("data"))
    data_bytes = _length(header, "data_length", DATA_BYTES)
    payload_bytes = _length(header, "payload_length", PAYLOAD_BYTES)
    if data_bytes:
        data |= _parse_object(await _read_exactly(reader, data_bytes), "data")
    payload = await _read_exactly(reader, payload_bytes) if payload_bytes else b""
    return Frame(kind, data, payload)


def write_frame(frame: Frame, version: str = "") -> bytes:
    """The bytes of an event, as the reference implementation lays them out. `version` is for people who read along."""
    data = json.dumps(dict(frame.data)).encode() if frame.data else b""
    header: dict[str, Any] = {"type": frame.type}
    if version:
        header["version"] = version
    if data:
        header["data_length"] = len(data)
    if frame.payload:
        header["payload_length"] = len(frame.payload)
    return b"".join((json.dumps(header).encode(), b"\n", data, frame.payload))


def one_line(text: str, limit: int = 200) -> str:
    """A peer's text made fit for a log: printable, one line, at most `limit` characters."""
    short = text if len(text) <= limit else text[: limit - 3] + "..."
    return "".join(character if character.isprintable() else "?" for character in short)


async def _read_line(reader: asyncio.StreamReader) -> bytes | None:
    try:
        return await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            return None
        raise ProtocolError(CUT_SHORT) from error
    except asyncio.LimitOverrunError as error:
        raise ProtocolError(f"a header longer than {HEADER_BYTES} bytes") from error


async def _read_exactly(reader: asyncio.StreamReader, count: int) -> bytes:
    try:
        return await reader.readexactly(count)
    except asyncio.IncompleteReadError as error:
        raise ProtocolError(CUT_SHORT) from error


def _parse_object(raw: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(raw.decode(), parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ProtocolError(f"{what} is nested too deeply") from error
    except ValueError as error:
        raise ProtocolError(f"{what} is not JSON: {one_line(str(error), 100)}") from error
    if not isinstance(value, dict):
        raise ProtocolError(f"{what} is not a JSON object")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _object_or_nothing(value: object) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ProtocolError("data is not a JSON object")
    return value


def _length(header: Mapping[str, Any], key: str, limit: int) -> int:
    value = header.get(key)
    if value is None:
        return 0
    if type(value) is not int or value < 0:
        raise ProtocolError(f"{key} is not a length: {one_line(str(value), 40)}")
    if value > limit:
        raise ProtocolError(f"{key} {one_line(str(value), 40)} is more than {limit} bytes")
    return value
