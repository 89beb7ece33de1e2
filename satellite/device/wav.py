"""Files as devices: a WAV file that is heard, and one that what is played is written into."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

from satellite.codec.wav import WavReader, wav_header
from satellite.core.audio import AudioFormat
from satellite.core.errors import AudioFormatError, DeviceDenied, DeviceLost, DeviceNotFound, DeviceUnsupported
from satellite.core.ports import Captured
from satellite.device.pacing import PlayClock

PERIOD_S = 0.016
FIRST_SOUND_S = 5.0
SINK_PERIOD_S = 0.020
SINK_BUFFER_S = 0.1
_BLOCK_BYTES = 16 * 1024
_UNKNOWN_BYTES = 0xFFFF_FFFF


class WavSource:
    """A microphone that hears a file once, and then raises EOFError.

    Args:
        path: any WAV file that codec.wav understands.
        paced: give it in real time; else a period at every read.
        clock: seconds, monotonic; it starts at the first read.

    Raises:
        DeviceError: the file is missing, unreadable, or not understood.
    """

    def __init__(self, path: Path, paced: bool = True, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._paced = paced
        self._clock = clock
        self._began_s: float | None = None
        self._reader = WavReader()
        self._ready = bytearray()
        self._ended = False
        self._given = 0
        self._file = _opened(path, "rb")
        try:
            self._format = self._read_header()
        except AudioFormatError as error:
            self.close()
            raise DeviceUnsupported(f"{path}: {error}") from None

    @property
    def format(self) -> AudioFormat:
        return self._format

    @property
    def first_sound_s(self) -> float:
        return FIRST_SOUND_S

    @property
    def period_s(self) -> float:
        return PERIOD_S

    @property
    def buffer_s(self) -> float:
        return math.inf

    @property
    def description(self) -> str:
        return f"{self._path} ({self._format})"

    def read(self) -> Captured:
        if self._file.closed:
            raise DeviceLost(f"{self._path} is closed")
        wanted = self._due() * self._format.frame_bytes
        while len(self._ready) < wanted and not self._ended:
            self._read_block()
        if self._ended and not self._ready:
            raise EOFError(f"{self._path} is at its end")
        pcm = bytes(self._ready[:wanted])
        del self._ready[:wanted]
        self._given += len(pcm) // self._format.frame_bytes
        return Captured(pcm)

    def close(self) -> None:
        self._file.close()

    def _due(self) -> int:
        period = round(PERIOD_S * self._format.rate_hz)
        if not self._paced:
            return period
        if self._began_s is None:
            self._began_s = self._clock()
        due = int((self._clock() - self._began_s) * self._format.rate_hz) - self._given
        return due - due % period

    def _read_header(self) -> AudioFormat:
        while not (self._ready or self._ended):
            self._read_block()
        return self._reader.finish()

    def _read_block(self) -> None:
        try:
            block = self._file.read(_BLOCK_BYTES)
        except OSError as error:
            raise DeviceLost(f"{self._path} cannot be read: {error.strerror}") from None
        self._ended = not block
        self._ready += self._reader.feed(block)


class WavSink:
    """A speaker that writes what is heard into a file, which is replaced.

    What was dropped before it was heard is not in the file; the time that the speaker rested is not in it either.

    Args:
        paced: as slow as a card, so that "played" comes when it would come from a card; else at once.
        clock: seconds, monotonic.

    Raises:
        DeviceError: the file cannot be written.
    """

    def __init__(
        self, path: Path, form: AudioFormat, paced: bool = True, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._format = form
        self._paced = paced
        self._clock = PlayClock(form.rate_hz, clock)
        self._frames = 0
        self._file = _opened(path, "wb")
        # Until it is closed the length is unknown: so a reader of an unfinished file reads to its end.
        self._file.write(wav_header(form, _UNKNOWN_BYTES))

    @property
    def format(self) -> AudioFormat:
        return self._format

    @property
    def period_frames(self) -> int:
        return round(SINK_PERIOD_S * self._format.rate_hz)

    @property
    def description(self) -> str:
        return f"{self._path} ({self._format})"

    @property
    def may_hang(self) -> bool:
        return True

    def give_up(self) -> None:
        pass

    @property
    def underruns(self) -> int:
        return self._clock.underruns

    def write(self, pcm: bytes) -> None:
        if self._file.closed:
            raise DeviceLost(f"{self._path} is closed")
        frames = len(pcm) // self._format.frame_bytes
        ahead = self.queued_frames() + frames - SINK_BUFFER_S * self._format.rate_hz
        if ahead > 0:
            time.sleep(min(ahead, self.queued_frames()) / self._format.rate_hz)
        try:
            self._file.write(pcm)
            self._file.flush()
        except OSError as error:
            raise DeviceLost(f"{self._path} cannot be written: {error.strerror}") from None
        self._frames += frames
        if self._paced:
            self._clock.wrote(frames)

    def queued_frames(self) -> int:
        return self._clock.queued

    def drop(self) -> None:
        self._frames -= self._clock.rest()
        self._file.seek(self._end_bytes())
        self._file.truncate()

    def drain(self) -> None:
        time.sleep(self._clock.queued / self._format.rate_hz)
        self._clock.rest()

    def close(self) -> None:
        if not self._file.closed:
            data_bytes = self._frames * self._format.frame_bytes
            self._file.write(bytes(data_bytes % 2))
            self._file.seek(0)
            self._file.write(wav_header(self._format, data_bytes))
            self._file.close()

    def _end_bytes(self) -> int:
        return len(wav_header(self._format, 0)) + self._frames * self._format.frame_bytes


def _opened(path: Path, mode: str) -> BinaryIO:
    try:
        return cast("BinaryIO", path.open(mode))
    except PermissionError as error:
        raise DeviceDenied(f"{path}: {error.strerror}") from None
    except OSError as error:
        raise DeviceNotFound(f"{path}: {error.strerror}") from None
