"""Does somebody speak? Scores for stretches of sound, and the answer that does not flicker."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from satellite.core.audio import RATE_HZ, Int16
from satellite.core.errors import EngineMissing
from satellite.library.options import VadMode
from satellite.library.settings import InputSettings

_FULL_SCALE = 32768.0


class Scored(NamedTuple):
    """How much a stretch of sound is like speech, 0 to 1, and how long it lasts."""

    score: float
    seconds: float


class Detector(Protocol):
    """Finds speech in a stream."""

    def process(self, frames: Int16) -> list[Scored]:
        """Scores of the stretches that are complete with these frames, int16 of shape (n, channels)."""

    def reset(self) -> None:
        """A new stream begins."""


class Energy:
    """The level: root mean square, 1 is full scale. Every block is a stretch of its own."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz

    def process(self, frames: Int16) -> list[Scored]:
        if not len(frames):
            return []
        loud = frames.astype(np.float32)
        rms = math.sqrt(float(np.mean(loud * loud))) / _FULL_SCALE
        return [Scored(min(1.0, rms), len(frames) / self._rate_hz)]

    def reset(self) -> None:
        pass


class Judge(Protocol):
    """Judges one window after the other."""

    def process(self, window: Int16) -> float:
        """How much the next window, int16 of shape (n,) at 16 kHz, is like speech, 0 to 1."""

    def reset(self) -> None:
        """A new stream begins."""


class Windows:
    """A judge's scores of one window after the other, of the mean of all channels, at any rate."""

    def __init__(self, rate_hz: int, judge: Judge, window: int) -> None:
        from satellite.dsp.resample import Resampler

        self._window = window
        self._judge = judge
        self._new_resampler: Callable[[], Resampler] = lambda: Resampler(rate_hz, RATE_HZ)
        self._resampler = self._new_resampler()
        self._rest = np.zeros(0, np.int16)

    def process(self, frames: Int16) -> list[Scored]:
        mono = frames[:, 0] if frames.shape[1] == 1 else np.rint(frames.mean(axis=1)).astype(np.int16)
        sound = np.concatenate((self._rest, self._resampler.process(mono)))
        whole = len(sound) - len(sound) % self._window
        self._rest = sound[whole:].copy()
        windows = sound[:whole].reshape(-1, self._window)
        return [Scored(self._judge.process(window), self._window / RATE_HZ) for window in windows]

    def reset(self) -> None:
        self._judge.reset()
        self._resampler = self._new_resampler()
        self._rest = self._rest[:0]


def detector(settings: InputSettings) -> Detector | None:
    """What the settings ask for; it may take a third of a second to load.

    Raises:
        ModelError: the model is missing or damaged.
    """
    return judge(settings.vad, settings.sample_rate, settings.model_path) if settings.vad else None


def judge(mode: VadMode, rate_hz: int, model_path: str | Path | None) -> Detector:
    """The detector of this name; as detector()."""
    if mode == "silero":
        # Only who asks for the model pays for ONNX Runtime.
        try:
            from satellite.detect import vad
        except ModuleNotFoundError as error:
            raise EngineMissing(f"vad='silero' needs {error.name}, which is not installed here") from None
        return Windows(rate_hz, vad.Silero(_model(model_path)), vad.WINDOW_SAMPLES)
    if mode == "webrtc":
        from satellite.detect import small_vad

        return Windows(rate_hz, small_vad.SmallVad(), small_vad.WINDOW_SAMPLES)
    return Energy(rate_hz)


def _model(path: str | Path | None) -> Path:
    from satellite import models
    from satellite.core.places import expanded

    return models.find("silero_vad", models.models_directory()) if path is None else expanded(str(path))


class HoldOff:
    """Speaking begins with a score at the threshold, and ends after so much sound below it.

    Args:
        holdoff_s: how long; sound at the threshold within it starts it anew.
    """

    def __init__(self, threshold: float, holdoff_s: float) -> None:
        self._threshold = threshold
        self._holdoff_s = holdoff_s
        self._below_s = math.inf

    def process(self, scored: Scored) -> None:
        """The next stretch."""
        self._below_s = 0.0 if scored.score >= self._threshold else self._below_s + scored.seconds

    @property
    def lasts_s(self) -> float:
        """For how long "speaking" holds from now on if nothing more is heard: for ever while speech lasts.

        Negative: nobody speaks.
        """
        # Rounded, because three times 0.1 s are more than 0.3 s.
        return math.inf if not self._below_s else round(self._holdoff_s - self._below_s, 6)

    def reset(self) -> None:
        """A new stream begins: nobody speaks."""
        self._below_s = math.inf
