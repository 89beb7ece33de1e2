"""What may be done to the sound before a person gets it: high-pass, then gain. Each is nothing unless asked for."""

from __future__ import annotations

from satellite.core.audio import Int16
from satellite.dsp.gain import Gain
from satellite.dsp.highpass import HighPass
from satellite.library.settings import InputSettings


class Conditioning:
    """The chain that the settings ask for; speech detection hears the sound before it."""

    def __init__(self, settings: InputSettings) -> None:
        cutoff_hz = settings.highpass_hz
        self._highpass = HighPass(cutoff_hz, settings.sample_rate, settings.channels) if cutoff_hz else None
        self._gain = Gain(settings.gain_db)

    def process(self, frames: Int16) -> Int16:
        """The same number of frames, int16 of shape (n, channels)."""
        return self._gain.process(self._highpass.process(frames) if self._highpass else frames)
