"""Sound files of any format."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from satellite.codec.extra import decoded
from satellite.codec.frames import AudioFrame, Conformer, Losses, Sound
from satellite.codec.kinds import ID3_BYTES, SOUND_BYTES, Kind, recognised, tag_bytes
from satellite.codec.wav_stream import WavStream
from satellite.core.errors import AudioFormatError
from satellite.core.places import named

_READ_BYTES = 16 * 1024


def decode_file(
    path: Path, sample_rate: int | None = None, num_channels: int | None = None
) -> Generator[AudioFrame, None, None]:
    """The sound of a file, read and decoded as it is asked for; closing the generator closes the file.

    Args:
        sample_rate, num_channels: of the frames; None keeps the file's.

    Raises:
        OSError: the file cannot be read.
        RateOutOfRange, ChannelsOutOfRange: no such frames can be made.
        CodecMissing: the file needs the extra [codecs].
        AudioFormatError: it cannot be decoded, or not from here on; or it is a pipe or a device.
    """
    conformer = Conformer(sample_rate, num_channels)
    with _opened(path) as file:
        kind = _kind(file)
        for sound in _wav(file) if kind is Kind.WAV else decoded(file, kind, Losses()):
            yield from conformer.frames(sound)
    yield from conformer.flush()


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    # A pipe that nobody writes into would be waited for.
    with open(named(path), "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise AudioFormatError("it is a pipe or a device, not a file")
        yield file


def _kind(file: BinaryIO) -> Kind:
    tag = tag_bytes(file.read(ID3_BYTES))
    file.seek(tag)
    kind = recognised(file.read(SOUND_BYTES), None, tag > 0)
    file.seek(0)
    return kind


def _wav(file: BinaryIO) -> Iterator[Sound]:
    stream = WavStream()
    while data := file.read(_READ_BYTES):
        yield from stream.feed(data)
    yield from stream.finish()
