"""Is this speech? Silero's voice activity detector."""

from __future__ import annotations

import os
import threading
from functools import lru_cache
from pathlib import Path

import numpy as np

from satellite import models
from satellite.core.audio import Float32, Int16
from satellite.core.errors import ModelDamaged
from satellite.detect.clip import bundled_speech
from satellite.detect.onnx import ANY, Session, Shape, open_session

WINDOW_SAMPLES = 512
# A window is heard together with the end of the one before. Without it the graph does not fail: it answers about 0.
_CONTEXT_SAMPLES = 64
_STATE: Shape = (2, 1, 128)
_SPEECH_S = 1.2
# Of several threads that want the same graph the first one loads it.
_LOADING = threading.Lock()


def _session(path: Path) -> Session:
    """The graph of this file: loaded once, for it keeps nothing between two runs; again when the file changes."""
    models.beginning(path)
    with _LOADING:
        return _loaded(path, path.stat().st_mtime_ns, os.getpid())


# A forked child may not use its parent's session.
@lru_cache(maxsize=4)
def _loaded(path: Path, _changed_ns: int, _process: int) -> Session:
    return open_session(path, {"input": (ANY, ANY), "state": (2, ANY, 128), "sr": ()})


class Silero:
    """Silero VAD for 16 kHz, version 5 or 6; both are run alike, version 4 is refused.

    Args:
        path: the .onnx file.

    Raises:
        ModelNotFound: no such file.
        ModelDamaged: not such a graph.
    """

    def __init__(self, path: Path) -> None:
        self._session = _session(path)
        self._rate_hz = np.array(16_000, np.int64)
        self._sound = np.zeros((1, _CONTEXT_SAMPLES + WINDOW_SAMPLES), np.float32)
        self._state: Float32 = np.zeros(_STATE, np.float32)

    def process(self, window: Int16 | Float32) -> float:
        """Probability, 0 to 1, that the next 512 samples, int16 or float32 in [-1, 1), hold speech."""
        sound = self._sound
        sound[0, :_CONTEXT_SAMPLES] = sound[0, WINDOW_SAMPLES:]
        if window.dtype == np.int16:
            np.multiply(window, np.float32(1 / 32768), out=sound[0, _CONTEXT_SAMPLES:])
        else:
            sound[0, _CONTEXT_SAMPLES:] = window
        probability, self._state = self._session.run({"input": sound, "state": self._state, "sr": self._rate_hz})
        return float(probability.item())

    def reset(self) -> None:
        """Forget everything, the context too."""
        self._sound[:] = 0
        self._state = np.zeros(_STATE, np.float32)

    def self_check(self) -> None:
        """See that speech and silence are told apart. Forgets what was heard.

        Raises:
            ModelDamaged: they are not.
        """
        speech = self._highest(bundled_speech(_SPEECH_S))
        silence = self._highest(np.zeros(8 * WINDOW_SAMPLES, np.int16))
        if speech < 0.5 or silence >= 0.5:
            raise ModelDamaged(
                f"model {self._session.path} takes speech for {speech:.2f} and silence for {silence:.2f}; "
                "run: satellite --fetch-models"
            )

    def _highest(self, samples: Int16) -> float:
        self.reset()
        begins = range(0, len(samples) - WINDOW_SAMPLES + 1, WINDOW_SAMPLES)
        highest = max(self.process(samples[begin : begin + WINDOW_SAMPLES]) for begin in begins)
        self.reset()
        return highest
