"""What can be asked of a microphone, a speaker or a recording, and the ranges."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypedDict

import numpy.typing as npt

from satellite.core.errors import (
    ArgumentError,
    ChannelsOutOfRange,
    ChunkSizeOutOfRange,
    RateOutOfRange,
    SampleTypeUnknown,
    SettingOutOfRange,
    ThresholdOutOfRange,
    VadUnknown,
)

SampleType: TypeAlias = Literal["int16", "float32"]
VadMode: TypeAlias = Literal[False, "silero", "energy"]
Samples: TypeAlias = bytes | npt.NDArray[Any]

LOWEST_HZ, HIGHEST_HZ = 1_000, 384_000
MOST_CHANNELS = 32
FEWEST_FRAMES, MOST_FRAMES = 64, 65_536
_QUEUE_BYTES = 16 * 1024 * 1024
THRESHOLDS = {"silero": 0.5, "energy": 0.01}


class FileOptions(TypedDict, total=False):
    """The keyword arguments of File."""

    sample_rate: int
    channels: int
    frames_per_buffer: int
    dtype: SampleType
    vad: VadMode
    vad_threshold: float | None
    vad_holdoff_ms: float
    model_path: str | Path | None
    as_ndarray: bool
    channel: int | None
    highpass_hz: float | None
    gain_db: float


class InputOptions(FileOptions, total=False):
    """The keyword arguments of Microphone, for those that pass them on."""

    device: int | str | None
    queue_chunks: int | None


class OutputOptions(TypedDict, total=False):
    """The keyword arguments of Speaker, for those that pass them on."""

    sample_rate: int
    channels: int
    dtype: SampleType
    device: int | str | None
    queue_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSettings:
    """What a microphone or a recording gives. `Microphone` says what each one means."""

    sample_rate: int = 16_000
    channels: int = 1
    frames_per_buffer: int = 1_600
    dtype: SampleType = "int16"
    device: int | str | None = None
    vad: VadMode = False
    vad_threshold: float | None = None
    vad_holdoff_ms: float = 300
    model_path: str | Path | None = None
    as_ndarray: bool = False
    channel: int | None = None
    highpass_hz: float | None = None
    gain_db: float = 0.0
    queue_chunks: int | None = None

    def __post_init__(self) -> None:
        check_sound(self.sample_rate, self.channels, self.dtype)
        _whole(ChunkSizeOutOfRange, "frames_per_buffer", self.frames_per_buffer, FEWEST_FRAMES, MOST_FRAMES)
        if self.vad is not False and self.vad not in THRESHOLDS:
            raise VadUnknown(
                f"vad={self.vad!r} names no speech detector: vad='silero' (a model) or vad='energy' (the level)"
            )
        if self.vad_threshold is not None:
            _number(ThresholdOutOfRange, "vad_threshold", self.vad_threshold, 0, 1)
        _number(SettingOutOfRange, "vad_holdoff_ms", self.vad_holdoff_ms, 0, 60_000)
        if self.channel is not None:
            _whole(ChannelsOutOfRange, "channel", self.channel, 0, MOST_CHANNELS - 1)
        if self.highpass_hz is not None:
            _number(SettingOutOfRange, "highpass_hz", self.highpass_hz, 10, self.sample_rate / 4)
        _number(SettingOutOfRange, "gain_db", self.gain_db, -40, 40)
        if self.queue_chunks is not None:
            _whole(SettingOutOfRange, "queue_chunks", self.queue_chunks, 1, 65_536)

    @property
    def threshold(self) -> float:
        """The speech threshold in force."""
        if self.vad_threshold is not None:
            return self.vad_threshold
        return THRESHOLDS[self.vad] if self.vad else 1.0

    @property
    def queued_chunks(self) -> int:
        """How many chunks may wait: as given, else 64, but a second at least, and else at most 16 MiB."""
        if self.queue_chunks is not None:
            return self.queue_chunks
        chunk_bytes = self.frames_per_buffer * self.channels * (2 if self.dtype == "int16" else 4)
        return max(math.ceil(1 / self.chunk_s), min(64, _QUEUE_BYTES // chunk_bytes))

    @property
    def chunk_s(self) -> float:
        """How long a chunk lasts."""
        return self.frames_per_buffer / self.sample_rate


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSettings:
    """What a speaker takes. `Speaker` says what each one means."""

    sample_rate: int = 16_000
    channels: int = 1
    dtype: SampleType = "int16"
    device: int | str | None = None
    queue_ms: float = 1_000

    def __post_init__(self) -> None:
        check_sound(self.sample_rate, self.channels, self.dtype)
        _number(SettingOutOfRange, "queue_ms", self.queue_ms, 20, 60_000)


def check_sound(sample_rate: object, channels: object, dtype: object) -> None:
    """Raises ArgumentError when sound cannot be so."""
    _whole(RateOutOfRange, "sample_rate", sample_rate, LOWEST_HZ, HIGHEST_HZ)
    _whole(ChannelsOutOfRange, "channels", channels, 1, MOST_CHANNELS)
    if dtype not in ("int16", "float32"):
        raise SampleTypeUnknown(f"dtype={dtype!r}: samples are 'int16' or 'float32'")


def _whole(error: type[ArgumentError], name: str, value: object, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise error(f"{name}={value!r}: a whole number from {low} to {high} is wanted")


def _number(error: type[ArgumentError], name: str, value: object, low: float, high: float) -> None:
    # NaN is in no range.
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        raise error(f"{name}={value!r}: a number from {low:g} to {high:g} is wanted")
