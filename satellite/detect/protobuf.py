"""Protocol Buffers' wire format, as much of it as an ONNX file needs: numbered fields, read and written as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5
_FIXED = {_FIXED_64: 8, _FIXED_32: 4}


class Field(NamedTuple):
    """A field of a message: its number, how it is written, and its value: an int for a varint, else bytes."""

    number: int
    wire: int
    value: int | bytes

    @property
    def content(self) -> bytes:
        """The value of a field that holds bytes, a text or a message."""
        return self.value if isinstance(self.value, bytes) else b""


def fields(message: bytes) -> Iterator[Field]:
    """The fields of a message, in their order.

    Raises:
        ValueError: it is none.
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        wire = key & 7
        value: int | bytes
        if wire == _VARINT:
            value, at = _varint(message, at)
        else:
            size, at = (_FIXED[wire], at) if wire in _FIXED else _length(wire, message, at)
            value, at = message[at : at + size], at + size
        if at > len(message):
            raise ValueError("a message ends within a field")
        yield Field(key >> 3, wire, value)


def integers(message: Iterable[Field], number: int) -> list[int]:
    """All values of a repeated integer field, packed or not."""
    values: list[int] = []
    for field in message:
        if field.number != number:
            continue
        if isinstance(field.value, int):
            values.append(field.value)
            continue
        at = 0
        while at < len(field.value):
            value, at = _varint(field.value, at)
            values.append(value)
    return values


def bytes_in(message: Iterable[Field], number: int) -> list[bytes]:
    """All values of a repeated field of bytes, texts or messages."""
    return [field.content for field in message if field.number == number]


def texts(message: Iterable[Field], number: int) -> list[str]:
    """All values of a repeated text field."""
    return [content.decode() for content in bytes_in(message, number)]


def written(message: Iterable[Field]) -> bytes:
    """The message of these fields."""
    return b"".join(map(_field, message))


def number_of(number: int, value: int) -> Field:
    """An integer field; negative values as ONNX writes them."""
    return Field(number, _VARINT, value % 2**64)


def bytes_of(number: int, value: bytes | str | Iterable[Field]) -> Field:
    """A field of bytes, a text, or a message given by its fields."""
    if isinstance(value, str):
        value = value.encode()
    return Field(number, _BYTES, value if isinstance(value, bytes) else written(value))


def _field(field: Field) -> bytes:
    key = _written_varint(field.number << 3 | field.wire)
    if isinstance(field.value, int):
        return key + _written_varint(field.value)
    return key + (_written_varint(len(field.value)) if field.wire == _BYTES else b"") + field.value


def _length(wire: int, message: bytes, at: int) -> tuple[int, int]:
    if wire != _BYTES:
        raise ValueError(f"a field of the unknown kind {wire}")
    return _varint(message, at)


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 70:
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise ValueError("a number does not end")


def _written_varint(value: int) -> bytes:
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    parts.append(value)
    return bytes(parts)
