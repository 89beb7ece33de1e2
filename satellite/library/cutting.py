"""Where utterances begin and end in a stream. No device, no clock, no thread."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

from satellite.core.audio import Int16, to_int16
from satellite.core.errors import SettingOutOfRange, VadUnknown
from satellite.library.options import Samples, VadMode
from satellite.library.settings import THRESHOLDS, InputSettings
from satellite.library.speaking import Detector, Scored

# Once somebody speaks, sound counts as silence only when it is so much less likely to be speech: no end in mid-word.
_HYSTERESIS = 0.7
Frames = npt.NDArray[Any]


class Ending(StrEnum):
    """Why an utterance is over: silence followed; it was too long, and goes on in the next one; the stream ended."""

    SILENCE = "silence"
    TOO_LONG = "too long"
    STREAM = "stream"


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """Something that was said.

    Attributes:
        data: as the chunks it was cut from: bytes, or an array.
        start_s, end_s: where in the stream: seconds since its beginning.
        ending: why it ends.
    """

    data: Samples = field(repr=False)
    start_s: float
    end_s: float
    ending: Ending


class UtteranceOptions(TypedDict, total=False):
    """The keyword arguments of utterances()."""

    vad: VadMode
    vad_threshold: float | None
    model_path: str | Path | None
    lookback_ms: float
    min_speech_ms: float
    end_silence_ms: float
    max_s: float
    queue_utterances: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceSettings:
    """What an utterance is. `utterances` says what each one means."""

    vad: VadMode = "silero"
    vad_threshold: float | None = None
    model_path: str | Path | None = None
    lookback_ms: float = 300
    min_speech_ms: float = 250
    end_silence_ms: float = 300
    max_s: float = 30.0
    queue_utterances: int = 16

    def __post_init__(self) -> None:
        if self.vad not in THRESHOLDS:
            raise VadUnknown(f"vad={self.vad!r}: utterances are found by vad='silero' or vad='energy' or vad='webrtc'")
        InputSettings(vad=self.vad, vad_threshold=self.vad_threshold)
        for name, low, high in (
            ("lookback_ms", 0, 5_000),
            ("min_speech_ms", 10, 5_000),
            ("end_silence_ms", 50, 10_000),
            ("max_s", 1, 120),
            ("queue_utterances", 1, 1_024),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise SettingOutOfRange(f"{name}={value!r}: {low} to {high} is wanted")


class Tape:
    """The frames of a stream by their number; what is no longer wanted is forgotten."""

    def __init__(self) -> None:
        self._blocks: deque[Frames] = deque()
        self._begin = 0
        self.end = 0

    def add(self, frames: Frames) -> None:
        """Append frames, shape (n, channels)."""
        self._blocks.append(frames)
        self.end += len(frames)

    def forget(self, before: int) -> None:
        """The frames before this one are not wanted any more."""
        while self._blocks and self._begin + len(self._blocks[0]) <= before:
            self._begin += len(self._blocks.popleft())

    def cut(self, begin: int, end: int) -> Frames:
        """A copy of the frames from `begin`, or the oldest that there is, up to `end`."""
        whole = np.concatenate(list(self._blocks))
        return whole[max(0, begin - self._begin) : end - self._begin].copy()

    @property
    def begin(self) -> int:
        """The oldest frame that is still there."""
        return self._begin


class Cutter:
    """Frames in, utterances out. The same sound gives the same utterances, however it is cut into pieces.

    An utterance begins `lookback_ms` before the first of `min_speech_ms` of speech, and ends after `end_silence_ms` of
    silence, which belongs to it. One that is too long comes in pieces without a gap.

    Args:
        source: rate, channels, sample type and kind of what comes in.
        detector: fresh.
    """

    def __init__(self, settings: UtteranceSettings, source: InputSettings, detector: Detector) -> None:
        rate_hz = self._rate_hz = source.sample_rate
        self._source = source
        self._detector = detector
        threshold = settings.vad_threshold
        self._threshold = THRESHOLDS[str(settings.vad)] if threshold is None else threshold
        self._lookback = round(settings.lookback_ms * rate_hz / 1000)
        self._min_speech_s = settings.min_speech_ms / 1000
        self._end_silence_s = settings.end_silence_ms / 1000
        self._longest = round(settings.max_s * rate_hz)
        self._block = max(1, round(0.032 * rate_hz))
        self._rest: Frames = np.zeros((0, source.channels), source.dtype)
        self._tape = Tape()
        self._judged_s = 0.0
        self._speech_s = self._silence_s = 0.0
        self._first = 0
        self._free = 0
        self._start: int | None = None

    def process(self, samples: Samples) -> list[Utterance]:
        """The utterances that are complete with these samples."""
        found = []
        ready = np.concatenate((self._rest, self._frames(samples)))
        while len(ready) >= self._block:
            found += self._hear(ready[: self._block])
            ready = ready[self._block :]
        self._rest = ready
        return found

    def flush(self) -> list[Utterance]:
        """The stream is over: what was being said, if enough of it was."""
        self._tape.add(self._rest)
        self._rest = self._rest[:0]
        return [] if self._start is None else [self._finish(self._tape.end, Ending.STREAM)]

    def _hear(self, block: Frames) -> list[Utterance]:
        self._tape.add(block)
        found = [utterance for scored in self._detector.process(_int16(block)) if (utterance := self._judge(scored))]
        if self._start is not None:
            wanted = self._start
        else:
            judged = round(self._judged_s * self._rate_hz)
            wanted = max(self._free, (self._first if self._speech_s else judged) - self._lookback)
        self._tape.forget(wanted)
        return found

    def _judge(self, scored: Scored) -> Utterance | None:
        begin = round(self._judged_s * self._rate_hz)
        self._judged_s += scored.seconds
        end = min(self._tape.end, round(self._judged_s * self._rate_hz))
        if self._start is None:
            self._wait(scored, begin)
        else:
            is_silent = scored.score < self._threshold * _HYSTERESIS
            self._silence_s = self._silence_s + scored.seconds if is_silent else 0.0
        if self._start is not None and self._silence_s >= self._end_silence_s:
            return self._finish(end, Ending.SILENCE)
        if self._start is not None and end - self._start >= self._longest:
            return self._finish(self._start + self._longest, Ending.TOO_LONG)
        return None

    def _wait(self, scored: Scored, begin: int) -> None:
        if scored.score >= self._threshold:
            self._first = self._first if self._speech_s else begin
            self._speech_s += scored.seconds
        elif scored.score < self._threshold * _HYSTERESIS:
            self._speech_s = 0.0
        # Rounded, because three times 0.1 s are more than 0.3 s.
        if self._speech_s and round(self._speech_s, 6) >= self._min_speech_s:
            self._start = max(self._free, self._tape.begin, self._first - self._lookback)

    def _finish(self, end: int, ending: Ending) -> Utterance:
        start = self._free if self._start is None else self._start
        frames = self._tape.cut(start, end)
        self._free = end
        if ending is Ending.TOO_LONG:
            self._start = end
        else:
            self._start, self._speech_s, self._silence_s = None, 0.0, 0.0
        return Utterance(self._given(frames), start / self._rate_hz, end / self._rate_hz, ending)

    def _frames(self, samples: Samples) -> Frames:
        dtype = np.dtype(self._source.dtype)
        flat = np.frombuffer(samples, dtype.newbyteorder("<")) if isinstance(samples, bytes) else samples
        return flat.reshape(-1, self._source.channels)

    def _given(self, frames: Frames) -> Samples:
        if not self._source.as_ndarray:
            return frames.astype(frames.dtype.newbyteorder("<"), copy=False).tobytes()
        return frames[:, 0] if frames.shape[1] == 1 else frames


def _int16(frames: Frames) -> Int16:
    return frames if frames.dtype == np.int16 else to_int16(frames)
