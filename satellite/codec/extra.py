"""The extra [codecs]: decoders for all that is not WAV."""

from __future__ import annotations

import io
from collections.abc import Generator
from typing import BinaryIO

from satellite.codec.frames import Losses, Sound
from satellite.codec.kinds import Kind
from satellite.codec.pipe import LIMIT_BYTES, StreamBuffer
from satellite.core.errors import AudioFormatError, CodecMissing

_BOX_BYTES = 16


def decoded(source: StreamBuffer | BinaryIO, kind: Kind, losses: Losses) -> Generator[Sound, None, None]:
    """The sound in `source`, as it can be read. FFmpeg's libraries are loaded at the first call.

    Args:
        losses: what is left out is counted here.

    Raises:
        CodecMissing: the extra is not installed.
        AudioFormatError: it is damaged, holds no sound, or a kind of sound that is not decoded.
    """
    try:
        from satellite.codec.ffmpeg import sound_in
    except ImportError as error:
        # More than "no such module": it is there, and does not fit the system.
        why = "" if isinstance(error, ModuleNotFoundError) else f" ({error})"
        raise CodecMissing(
            f"{kind.value} needs the extra [codecs]; run scripts/setup codecs, or pip install 'satellite[codecs]'{why}"
        ) from None
    if kind is Kind.MP4 and isinstance(source, StreamBuffer) and not _can_be_streamed(source):
        source = _all_of(source)
    yield from sound_in(source, kind, losses)


def _can_be_streamed(source: StreamBuffer) -> bool:
    """Whether an MP4's index comes before its sound."""
    place = 0
    while len(beginning := source.peek(place + _BOX_BYTES)) >= place + 8:
        size, name = int.from_bytes(beginning[place : place + 4], "big"), beginning[place + 4 : place + 8]
        if name in (b"moov", b"mdat"):
            return name == b"moov"
        if size == 1:
            size = int.from_bytes(beginning[place + 8 : place + 16], "big")
        if size < 8:
            return False
        place += size
    return False


def _all_of(source: StreamBuffer) -> BinaryIO:
    source.wait_for_end()
    if source.burst:
        raise AudioFormatError(f"its index is behind more than {LIMIT_BYTES >> 20} MiB of sound: read it as a file")
    return io.BytesIO(source.read())
