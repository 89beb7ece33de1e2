"""Made recordings for the microphone test, with one fault each."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from signals import noise, tone
from speech import clip

from satellite.control.tap import Batch
from satellite.core.audio import AudioFormat, Int16
from satellite.diagnostics.recording import Phase, Recording, Stream, record

PLACE = "card USB"
WHOLE = (Phase("all", 60.0),)


def room(seconds: float, dbfs: float = -70.0, seed: int = 0) -> Int16:
    """A quiet room."""
    return noise(seconds, dbfs, seed)


def spoken(db: float = 0.0, noise_dbfs: float = -70.0) -> Int16:
    """A second of room, "hey jarvis", a command, a second of room; louder or quieter by some dB."""
    parts = [room(1.0, -100), clip("hey_jarvis"), room(0.4, -100), clip("kitchen_light"), room(1.0, -100)]
    said = np.concatenate(parts).astype(np.float64) * 10 ** (db / 20)
    return mixed(said, room(len(said) / 16_000, noise_dbfs)[: len(said)])


def mixed(*sounds: np.ndarray) -> Int16:
    """All at once, cut off at full scale."""
    total = np.sum([sound.astype(np.float64) for sound in sounds], axis=0)
    return np.clip(np.rint(total), -32768, 32767).astype(np.int16)


def hum(seconds: float, dbfs: float) -> Int16:
    """50 Hz and some of its multiples, each with this level."""
    return mixed(*(tone(50 * number, seconds, dbfs) for number in (1, 2, 3, 5)))


def stream(batches: Iterable[Batch], channels: int = 1, rate_hz: int = 16_000, live: bool = False) -> Stream:
    return Stream(AudioFormat(rate_hz, channels, 2), "made sound", PLACE, live, iter(batches))


def recording(*channels: Int16, rate_hz: int = 16_000) -> Recording:
    """A recording of these channels."""
    pcm = np.stack(channels, axis=1).astype("<i2").tobytes()
    batches = [Batch(pcm, None, 0, 0, False)]
    return record(stream(batches, len(channels), rate_hz), WHOLE, lambda _phase, _left_s, _pcm: None)
