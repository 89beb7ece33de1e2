"""Hearing what the running satellite's microphone gives."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from satellite.control.client import TIMEOUT_S, explained, result
from satellite.control.protocol import ANSWER_LIMIT_BYTES, decode, encode
from satellite.control.tap import Batch
from satellite.core.audio import AudioFormat
from satellite.core.errors import ControlError

_STRANGE = "the satellite's answer is not understood; is it another version?"
_END = b'{"end": true}'


@dataclass(frozen=True, slots=True)
class Listening:
    """A microphone that is listened in to.

    Attributes:
        format: of the sound.
        description: of the open microphone.
        batches: the sound, until the time asked for is over or the satellite ends it; raises ControlError.
    """

    format: AudioFormat
    description: str
    batches: Iterator[Batch]


@contextmanager
def listen_in(path: Path, seconds: float) -> Iterator[Listening]:
    """Listen to the microphone of the satellite at `path`.

    Raises:
        ControlError: none is running there, somebody else listens, or its microphone gives no sound.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(TIMEOUT_S)
        with explained(path, TIMEOUT_S):
            connection.connect(str(path))
            connection.sendall(encode({"verb": "listen", "seconds": seconds}))
            stream = connection.makefile("rb")
            answer = result(stream.readline(ANSWER_LIMIT_BYTES))
        with stream:
            yield Listening(_format(answer), str(answer.get("description", "")), _batches(stream, path))


def _format(answer: dict[str, object]) -> AudioFormat:
    match answer.get("format"):
        case {"rate_hz": int(rate_hz), "channels": int(channels), "width_bytes": 2} if rate_hz > 0 and channels > 0:
            return AudioFormat(rate_hz, channels, 2)
    raise ControlError(_STRANGE)


def _batches(stream: BinaryIO, path: Path) -> Iterator[Batch]:
    while True:
        with explained(path, TIMEOUT_S):
            line = stream.readline(ANSWER_LIMIT_BYTES)
            match decode(line or _END):
                case {"end": _}:
                    return
                case {
                    "bytes": int(size_bytes),
                    "drained_at_s": None | float() as drained_at_s,
                    "overruns": int(overruns),
                    "dropped_bytes": int(dropped_bytes),
                    "muted": bool(muted),
                } if 0 <= size_bytes <= ANSWER_LIMIT_BYTES:
                    pcm = stream.read(size_bytes)
                case _:
                    raise ControlError(_STRANGE)
        yield Batch(pcm, drained_at_s, overruns, dropped_bytes, muted)
