"""WebRTC's noise suppression and automatic gain, an extra. The only place that loads pywebrtc-audio."""

from __future__ import annotations

import importlib.util
from typing import Any

from satellite.core.audio import Float32
from satellite.core.errors import EngineMissing

PACKAGE = "pywebrtc_audio"
# Given another rate its gain ends the process. The noise suppression's filters delay by so many samples.
DELAYS = {16_000: 96, 32_000: 196, 48_000: 335}
LEVELS = {"low": 0, "medium": 1, "high": 2, "highest": 3}


def missing(package: str = PACKAGE) -> str:
    """Why it cannot be used, and what to do; empty: it can. Loads nothing."""
    if importlib.util.find_spec(package):
        return ""
    return "needs the extra [webrtc]; run scripts/setup webrtc, or pip install 'satellite[webrtc]'"


class _Stage:
    delay = 0

    def __init__(self, setting: str, kind: str, rate_hz: int, channels: int, **options: Any) -> None:
        if rate_hz not in DELAYS:
            raise EngineMissing(f"{setting}: WebRTC runs at 16000, 32000 or 48000 Hz only, not at {rate_hz}")
        if why := missing():
            raise EngineMissing(f"{setting}: {why}")
        try:
            import pywebrtc_audio
        except ImportError as error:
            raise EngineMissing(f"{setting}: pywebrtc-audio cannot run here: {error}") from error
        self._stage: Any = getattr(pywebrtc_audio, kind)(rate_hz, channels, **options)

    def process(self, block: Float32) -> Float32:
        """The next 10 ms: float32 of shape (n, channels), 1 at full scale."""
        passed: Float32 = self._stage.process(block.reshape(-1)).reshape(block.shape)
        return passed

    def reset(self) -> None:
        """A new stream begins."""
        self._stage.reset()

    def settle(self) -> None:
        """It goes at its own pace."""


class NoiseSuppressor(_Stage):
    """Presses down what is no voice. It needs a second to know the room.

    Args:
        level: of LEVELS: 6, 12, 18 or 21 dB at most.
        rate_hz: of DELAYS.

    Raises:
        EngineMissing: the package is not installed, or does not know this rate.
    """

    def __init__(self, level: str, rate_hz: int, channels: int) -> None:
        super().__init__("noise_suppression", "NoiseSuppressor", rate_hz, channels, level=LEVELS[level])
        self.delay = DELAYS[rate_hz]


class GainController(_Stage):
    """AGC2: its own idea of the right level, about -18 dBFS for voices, and its own limiter.

    Args:
        most_db: no gain above this.

    Raises:
        EngineMissing: as for NoiseSuppressor.
    """

    def __init__(self, most_db: float, rate_hz: int, channels: int) -> None:
        super().__init__("agc", "GainController", rate_hz, channels, max_gain_db=most_db)
