"""Record so many seconds into a file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import BinaryIO, Self

from satellite.codec.wav import wav_header
from satellite.core.audio import AudioFormat
from satellite.core.errors import SettingOutOfRange
from satellite.library.async_microphone import AsyncMicrophone
from satellite.library.microphone import Microphone

_LONGEST_S = 24 * 3600.0


def record_to_file(
    path: str | Path,
    duration_seconds: float,
    sample_rate: int = 16_000,
    channels: int = 1,
    device: int | str | None = None,
) -> int:
    """Record into a 16-bit WAV file, which is replaced. It is a whole file also when something fails on the way.

    Args:
        duration_seconds: more than 0, at most a day; the file is as long to the frame.
        sample_rate, channels, device: those of Microphone.

    Returns:
        Frames recorded: fewer than asked for only when the device was a file and ended.

    Raises:
        ArgumentError: something is out of range.
        DeviceError: the microphone does not open, or is lost on the way.
        OSError: the file cannot be written.
    """
    frames = _frames(duration_seconds, sample_rate)
    with (
        Microphone(sample_rate=sample_rate, channels=channels, device=device) as microphone,
        WavFile(path, AudioFormat(sample_rate, channels, 2), frames) as file,
    ):
        while file.wants and (chunk := microphone.read()) is not None:
            file.write(bytes(chunk))
    return file.frames


async def async_record_to_file(
    path: str | Path,
    duration_seconds: float,
    sample_rate: int = 16_000,
    channels: int = 1,
    device: int | str | None = None,
) -> int:
    """record_to_file() for asyncio. Cancelled, it leaves a file with what was recorded so far."""
    frames = _frames(duration_seconds, sample_rate)
    async with await AsyncMicrophone.open(sample_rate=sample_rate, channels=channels, device=device) as microphone:
        file = await asyncio.to_thread(WavFile, path, AudioFormat(sample_rate, channels, 2), frames)
        with file:
            while file.wants and (chunk := await microphone.read()) is not None:
                await asyncio.to_thread(file.write, bytes(chunk))
    return file.frames


class WavFile:
    """A 16-bit WAV file that is written piece by piece; its header is right once it is closed.

    Args:
        most_frames: what comes beyond is dropped.

    Raises:
        OSError: it cannot be written; so do all calls.
    """

    def __init__(self, path: str | Path, form: AudioFormat, most_frames: int) -> None:
        self._form = form
        self._most_frames = most_frames
        self._file: BinaryIO = Path(path).open("wb")  # noqa: SIM115 - closed by __exit__
        self._file.write(wav_header(form, 0))
        self.frames = 0

    @property
    def wants(self) -> bool:
        """There is room for more."""
        return self.frames < self._most_frames

    def write(self, pcm: bytes) -> None:
        """Add whole frames."""
        kept = pcm[: (self._most_frames - self.frames) * self._form.frame_bytes]
        self._file.write(kept)
        self.frames += len(kept) // self._form.frame_bytes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._file:
            size = self.frames * self._form.frame_bytes
            self._file.write(bytes(size % 2))
            self._file.seek(0)
            self._file.write(wav_header(self._form, size))


def _frames(duration_seconds: float, sample_rate: int) -> int:
    if not 0 < duration_seconds <= _LONGEST_S:
        raise SettingOutOfRange(f"duration_seconds={duration_seconds!r}: more than 0 and at most {_LONGEST_S:g}")
    return max(1, round(duration_seconds * sample_rate))
