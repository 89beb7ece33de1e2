"""What can be asked of a microphone, a speaker or a recording, and the ranges."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from satellite.core.errors import (
    ArgumentError,
    ChannelsOutOfRange,
    ChunkSizeOutOfRange,
    EngineMissing,
    RateOutOfRange,
    SampleTypeUnknown,
    SettingOutOfRange,
    ThresholdOutOfRange,
    VadUnknown,
)
from satellite.core.places import nameable
from satellite.dsp import speex, webrtc
from satellite.dsp.convert import MEAN
from satellite.library.options import AgcMode, NoiseSuppression, SampleType, VadMode

if TYPE_CHECKING:
    from satellite.config import ProcessingConfig

LOWEST_HZ, HIGHEST_HZ = 1_000, 384_000
LOWEST_AEC_HZ, HIGHEST_AEC_HZ = 8_000, 48_000
MOST_CHANNELS = 32
FEWEST_FRAMES, MOST_FRAMES = 64, 65_536
_QUEUE_BYTES = 16 * 1024 * 1024
THRESHOLDS = {"silero": 0.5, "energy": 0.01, "webrtc": 0.5}


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
    channel: int | Sequence[int] | None = None
    aec: bool = False
    aec_tail_ms: float = speex.TAIL_MS
    aec_suppression: bool = True
    highpass_hz: float | None = None
    noise_suppression: NoiseSuppression = False
    gain_db: float = 0.0
    agc: AgcMode = False
    agc_target_dbfs: float = -18.0
    limiter_dbfs: float | None = None
    peak_normalise_dbfs: float | None = None
    queue_chunks: int | None = None

    def __post_init__(self) -> None:
        check_sound(self.sample_rate, self.channels, self.dtype)
        check_device(self.device)
        _whole(ChunkSizeOutOfRange, "frames_per_buffer", self.frames_per_buffer, FEWEST_FRAMES, MOST_FRAMES)
        if self.vad is not False and self.vad not in THRESHOLDS:
            raise VadUnknown(
                f"vad={self.vad!r} names no speech detector: "
                "vad='silero' (a model) or vad='energy' (the level) or vad='webrtc'"
            )
        if self.vad_threshold is not None:
            _number(ThresholdOutOfRange, "vad_threshold", self.vad_threshold, 0, 1)
        _number(SettingOutOfRange, "vad_holdoff_ms", self.vad_holdoff_ms, 0, 60_000)
        self._check_channel()
        self._check_echo()
        self._check_processing()
        if self.queue_chunks is not None:
            _whole(SettingOutOfRange, "queue_chunks", self.queue_chunks, 1, 65_536)

    def _check_channel(self) -> None:
        if self.channel is None:
            return
        several = isinstance(self.channel, Sequence) and not isinstance(self.channel, str | bytes)
        picked: Sequence[object] = tuple(self.channel) if several else (self.channel,)  # type: ignore[arg-type]
        for channel in picked:
            _whole(ChannelsOutOfRange, "channel", channel, 0, MOST_CHANNELS - 1)
        if several and len(picked) != self.channels:
            raise ChannelsOutOfRange(f"channel={self.channel!r}: as many are wanted as channels={self.channels}")

    def _check_echo(self) -> None:
        _number(SettingOutOfRange, "aec_tail_ms", self.aec_tail_ms, 16, 500)
        for name in ("aec", "aec_suppression"):
            if not isinstance(getattr(self, name), bool):
                raise SettingOutOfRange(f"{name}={getattr(self, name)!r}: True or False is wanted")
        if not self.aec:
            return
        if self.channels != 1:
            raise ChannelsOutOfRange(f"aec=True works on channels=1, not {self.channels}")
        if not LOWEST_AEC_HZ <= self.sample_rate <= HIGHEST_AEC_HZ:
            raise RateOutOfRange(f"aec=True needs sample_rate from {LOWEST_AEC_HZ} to {HIGHEST_AEC_HZ}")
        if why := speex.missing():
            raise EngineMissing(f"aec=True: {why}")

    def _check_processing(self) -> None:
        if self.highpass_hz is not None:
            _number(SettingOutOfRange, "highpass_hz", self.highpass_hz, 1, self.sample_rate / 4)
        _number(SettingOutOfRange, "gain_db", self.gain_db, -40, 40)
        _choice("noise_suppression", self.noise_suppression, tuple(webrtc.LEVELS))
        _choice("agc", self.agc, ("slow", "webrtc"))
        _number(SettingOutOfRange, "agc_target_dbfs", self.agc_target_dbfs, -40, -3)
        if self.limiter_dbfs is not None:
            _number(SettingOutOfRange, "limiter_dbfs", self.limiter_dbfs, -3, 0)
        if self.peak_normalise_dbfs is not None:
            _number(SettingOutOfRange, "peak_normalise_dbfs", self.peak_normalise_dbfs, -60, 0)
            if self.agc:
                raise SettingOutOfRange("peak_normalise_dbfs undoes what agc does: one of the two")
        for name, wanted in (("noise_suppression", self.noise_suppression), ("agc", self.agc == "webrtc")):
            if wanted and self.sample_rate not in webrtc.DELAYS:
                raise SettingOutOfRange(f"{name}={getattr(self, name)!r} needs sample_rate 16000, 32000 or 48000")
            if wanted and (why := webrtc.missing()):
                raise EngineMissing(f"{name}={getattr(self, name)!r}: {why}")

    @property
    def processing(self) -> ProcessingConfig:
        """What is done to the sound, as the satellite's own configuration says it."""
        from satellite.config import ProcessingConfig

        as_shipped = ProcessingConfig()
        return ProcessingConfig(
            high_pass_hz=self.highpass_hz or 0.0,
            noise_suppression=self.noise_suppression or "off",
            agc=self.agc or "off",
            target_dbfs=self.agc_target_dbfs,
            limiter=self.limiter_dbfs is not None,
            ceiling_dbfs=as_shipped.ceiling_dbfs if self.limiter_dbfs is None else self.limiter_dbfs,
            peak_normalise=self.peak_normalise_dbfs is not None,
            peak_dbfs=as_shipped.peak_dbfs if self.peak_normalise_dbfs is None else self.peak_normalise_dbfs,
        )

    @property
    def picked(self) -> int | tuple[int, ...]:
        """Which of the device's channels are heard, as a Converter wants it."""
        if self.channel is None:
            return MEAN
        return self.channel if isinstance(self.channel, int) else tuple(self.channel)

    @property
    def channels_asked(self) -> int:
        """How many the device should have."""
        picked = (self.picked,) if isinstance(self.picked, int) else self.picked
        return max(self.channels, 1 + max(picked))

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
    buffer_ms: float = 100

    def __post_init__(self) -> None:
        check_sound(self.sample_rate, self.channels, self.dtype)
        check_device(self.device)
        _number(SettingOutOfRange, "queue_ms", self.queue_ms, 20, 60_000)
        _number(SettingOutOfRange, "buffer_ms", self.buffer_ms, 40, 2_000)


def settings_of(kind: str, allowed: type, options: Mapping[str, Any], **more: Any) -> InputSettings:
    """The settings that these keyword arguments ask for.

    Args:
        allowed: the typed dictionary that has their names.

    Raises:
        TypeError: `kind` has no such argument.
        ArgumentError: something is out of range.
    """
    for name in options:
        if name not in allowed.__annotations__:
            raise TypeError(f"{kind}() got an unexpected keyword argument {name!r}")
    return InputSettings(**more, **options)


def check_device(device: object) -> None:
    """Raises SettingOutOfRange when nothing can be named so."""
    if device is not None and (isinstance(device, bool) or not isinstance(device, int | str)):
        raise SettingOutOfRange(f"device={device!r}: a number, a name or None is wanted")
    if isinstance(device, str) and not nameable(device):
        raise SettingOutOfRange(f"device={device!r}: no device can have this name")


def check_sound(sample_rate: object, channels: object, dtype: object) -> None:
    """Raises ArgumentError when sound cannot be so."""
    _whole(RateOutOfRange, "sample_rate", sample_rate, LOWEST_HZ, HIGHEST_HZ)
    _whole(ChannelsOutOfRange, "channels", channels, 1, MOST_CHANNELS)
    if dtype not in ("int16", "float32"):
        raise SampleTypeUnknown(f"dtype={dtype!r}: samples are 'int16' or 'float32'")


def _choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value is not False and value not in choices:
        raise SettingOutOfRange(f"{name}={value!r}: False or one of {', '.join(map(repr, choices))} is wanted")


def _whole(error: type[ArgumentError], name: str, value: object, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise error(f"{name}={value!r}: a whole number from {low} to {high} is wanted")


def _number(error: type[ArgumentError], name: str, value: object, low: float, high: float) -> None:
    # NaN is in no range.
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        raise error(f"{name}={value!r}: a number from {low:g} to {high:g} is wanted")
