"""Real speech to check models with: the demonstration's clip."""

from __future__ import annotations

import wave
from importlib.resources import files

from satellite.core.audio import Int16, samples_of

_SPEECH = "data/demo.wav"


def bundled_speech(longest_s: float = 60.0) -> Int16:
    """The beginning of it, int16 at 16 kHz, shape (n,)."""
    with (files("satellite") / _SPEECH).open("rb") as file, wave.open(file) as clip:
        return samples_of(clip.readframes(round(longest_s * clip.getframerate())))
