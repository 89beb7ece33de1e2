"""WebRTC's small speech detector, an extra: no model file, some kilobytes. The only place that loads webrtcvad."""

from __future__ import annotations

import importlib.util
from typing import Any

from satellite.core.audio import RATE_HZ, Int16
from satellite.core.errors import EngineMissing

PACKAGE = "webrtcvad"
# 30 ms.
WINDOW_SAMPLES = 480
# From "hears speech easily" to "only where it is certain".
AGGRESSIVENESS = (0, 1, 2, 3)
# As long as it knows no room, everything is speech to it: 150 ms.
_SETTLING_WINDOWS = 5


def missing(package: str = PACKAGE) -> str:
    """Why it cannot be used, and what to do; empty: it can. Loads nothing."""
    if importlib.util.find_spec(package):
        return ""
    return "needs the extra [webrtc]; run scripts/setup webrtc, or pip install 'satellite[webrtc]'"


class SmallVad:
    """Which of four detectors, each harder to convince than the one before, take the next window for speech.

    Gaussian mixtures over six bands of the spectrum, with a hang-over; they follow the noise.

    Raises:
        EngineMissing: the package is not installed, or cannot run here.
    """

    def __init__(self) -> None:
        if why := missing():
            raise EngineMissing(f"vad='webrtc': {why}")
        try:
            import webrtcvad
        except ImportError as error:
            raise EngineMissing(f"vad='webrtc': webrtcvad cannot run here: {error}") from error
        self._new = webrtcvad.Vad
        self.reset()

    def process(self, window: Int16) -> float:
        """How many of the four hear speech in the next 480 samples at 16 kHz: 0, 0.25, 0.5, 0.75 or 1."""
        pcm = window.astype("<i2", copy=False).tobytes()
        convinced = sum(vad.is_speech(pcm, RATE_HZ) for vad in self._vads)
        self._heard += 1
        return convinced / len(self._vads) if self._heard > _SETTLING_WINDOWS else 0.0

    def reset(self) -> None:
        """A new stream begins."""
        self._vads: list[Any] = [self._new(mode) for mode in AGGRESSIVENESS]
        self._heard = 0
