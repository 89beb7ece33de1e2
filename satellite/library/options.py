"""The names and types of what can be asked for, as keyword arguments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypedDict

import numpy.typing as npt

SampleType: TypeAlias = Literal["int16", "float32"]
VadMode: TypeAlias = Literal[False, "silero", "energy", "webrtc"]
NoiseSuppression: TypeAlias = Literal[False, "low", "medium", "high", "highest"]
AgcMode: TypeAlias = Literal[False, "slow", "webrtc"]
Samples: TypeAlias = bytes | npt.NDArray[Any]


class ProcessingOptions(TypedDict, total=False):
    """What may be done to the sound."""

    highpass_hz: float | None
    noise_suppression: NoiseSuppression
    gain_db: float
    agc: AgcMode
    agc_target_dbfs: float
    limiter_dbfs: float | None
    peak_normalise_dbfs: float | None


class EchoOptions(TypedDict, total=False):
    """How echo is cancelled."""

    aec: bool
    aec_tail_ms: float
    aec_suppression: bool


class PreprocessorOptions(ProcessingOptions, EchoOptions, total=False):
    """The keyword arguments of Preprocessor."""


class VadOptions(TypedDict, total=False):
    """How speech is detected: to be kept together, and given to microphones and files as keyword arguments."""

    vad: VadMode
    vad_threshold: float | None
    vad_holdoff_ms: float
    model_path: str | Path | None


class FileOptions(ProcessingOptions, VadOptions, total=False):
    """The keyword arguments of File."""

    sample_rate: int
    channels: int
    frames_per_buffer: int
    dtype: SampleType
    as_ndarray: bool
    channel: int | Sequence[int] | None


class InputOptions(FileOptions, EchoOptions, total=False):
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
    buffer_ms: float
