"""Record so many seconds into a file."""

from __future__ import annotations

import asyncio
from pathlib import Path

from satellite.core.audio import AudioFormat
from satellite.core.errors import SettingOutOfRange
from satellite.library.async_microphone import AsyncMicrophone
from satellite.library.microphone import Microphone
from satellite.library.wav_file import WavFile

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


def _frames(duration_seconds: object, sample_rate: int) -> int:
    if not isinstance(duration_seconds, int | float) or not 0 < duration_seconds <= _LONGEST_S:
        raise SettingOutOfRange(f"duration_seconds={duration_seconds!r}: more than 0 and at most {_LONGEST_S:g}")
    return max(1, round(duration_seconds * sample_rate))
