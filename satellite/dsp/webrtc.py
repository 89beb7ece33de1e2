"""WebRTC's noise suppression, automatic gain and echo canceller, an extra. The only place that loads pywebrtc-audio."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

from satellite.core.audio import RATE_HZ, Float32, Int16
from satellite.core.errors import EchoFailed, EngineMissing

PACKAGE = "pywebrtc_audio"
# Given another rate its gain ends the process. The noise suppression's filters delay by so many samples.
DELAYS = {16_000: 96, 32_000: 196, 48_000: 335}
# What the echo canceller leaves of a voice comes so many samples late at 16 kHz.
_ECHO_DELAY = 127
LEVELS = {"low": 0, "medium": 1, "high": 2, "highest": 3}


def missing(package: str = PACKAGE) -> str:
    """Why it cannot be used, and what to do; empty: it can. Loads nothing."""
    if importlib.util.find_spec(package):
        return ""
    return "needs the extra [webrtc]; run scripts/setup webrtc, or pip install 'satellite[webrtc]'"


def _package(setting: str) -> Any:
    if why := missing():
        raise EngineMissing(f"{setting}: {why}")
    try:
        import pywebrtc_audio
    except ImportError as error:
        raise EngineMissing(f"{setting}: pywebrtc-audio cannot run here: {error}") from error
    return pywebrtc_audio


class _Stage:
    delay = 0

    def __init__(self, setting: str, kind: str, rate_hz: int, channels: int, **options: Any) -> None:
        if rate_hz not in DELAYS:
            raise EngineMissing(f"{setting}: WebRTC runs at 16000, 32000 or 48000 Hz only, not at {rate_hz}")
        self._stage: Any = getattr(_package(setting), kind)(rate_hz, channels, **options)

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


class EchoCanceller:
    """AEC3: takes more of the echo away than SpeexDSP does, and the voice of who speaks over it with it.

    At 16 kHz. What comes out is one block late.

    Raises:
        EngineMissing: the package is not installed.
    """

    def __init__(self) -> None:
        self.block = RATE_HZ // 100
        self._canceller: Any = _package("microphone.aec").EchoCanceller(RATE_HZ, 1)
        self._late: Int16 = np.zeros(self.block - _ECHO_DELAY, np.int16)

    def process(self, near: Int16, far: Int16) -> Int16:
        """The block before, without its echo.

        Args:
            near: what the microphone heard, shape (block,): 10 ms.
            far: what was played, 10 to 40 ms before its echo in `near`; shape (block,).

        Raises:
            EchoFailed: the package did not do it.
            ValueError: a block has another size.
        """
        if near.shape != (self.block,) or far.shape != (self.block,):
            raise ValueError(f"blocks of {near.shape} and {far.shape} instead of ({self.block},)")
        try:
            passed = self._canceller.process(np.ascontiguousarray(near), np.ascontiguousarray(far))
        except (RuntimeError, TypeError, ValueError) as error:
            raise EchoFailed(f"WebRTC: {error}") from error
        passed = np.concatenate((self._late, passed))
        self._late = passed[self.block :]
        whole: Int16 = passed[: self.block]
        return whole

    def reset(self) -> None:
        """Forget the room."""
        self._canceller.reset()
