"""A room between the two virtual cards: what the speaker plays is heard by the microphone, later and softer."""

from __future__ import annotations

import threading
from typing import Self

import numpy as np
import numpy.typing as npt
import soxr
from satcard.satcard import VirtualCards

RATE_HZ = 16_000
_LOOK_S = 0.01


class Room:
    """Carries sound from the speaker to the microphone while a test runs; a context manager.

    The microphone's file is filled with the room's noise first, for `seconds`. What the speaker has played is added to
    it at the place that the microphone will have reached `delay_s` after the sample was played; both cards' logs
    tell when they started. `delay_s` must be longer than this thread may be held up.

    Args:
        cards: not started yet, one channel each; the microphone has RATE_HZ, the speaker any rate.
        delay_s: from the speaker to the microphone.
        gain: of the way.
        response: of the room and the speaker, float64, (n,), at RATE_HZ; None: the sound comes as it is.
        noise: standard deviation of the room's noise, in steps of 16 bits.
        seconds: how long the room lasts.
    """

    def __init__(
        self,
        cards: VirtualCards,
        *,
        delay_s: float = 0.4,
        gain: float = 0.3,
        response: npt.NDArray[np.float64] | None = None,
        noise: float = 10,
        seconds: float = 60,
    ) -> None:
        self._cards = cards
        self._delay_s = delay_s
        self._response = gain * (np.ones(1) if response is None else response)
        self._air = np.random.default_rng(3).normal(0, noise, round(seconds * RATE_HZ))
        self._file = cards.directory / "mic" / "in"
        self._thread = threading.Thread(target=self._run, name="room", daemon=True)
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._carried = 0
        self._resampler = soxr.ResampleStream(cards.speaker[0], RATE_HZ, 1, "float64")

    def __enter__(self) -> Self:
        self._file.write_bytes(_pcm(self._air))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def say(self, sound: npt.NDArray[np.int16], soon_s: float = 0.4) -> None:
        """Somebody else speaks in this room: the microphone begins to hear it after `soon_s`. At RATE_HZ."""
        position = len(self._air) - self._cards.unheard() // 2
        self._add(position + round(soon_s * RATE_HZ), sound.astype(np.float64))

    def _run(self) -> None:
        at = None
        while not self._over.wait(_LOOK_S):
            heard = self._cards.heard(2 * self._carried)
            self._carried += len(heard)
            if at is None and len(heard):
                at = round((self._started_s("speaker") - self._started_s("mic") + self._delay_s) * RATE_HZ)
            if at is not None:
                sound = self._resampler.resample_chunk(heard.astype(np.float64))
                self._add(at, np.convolve(sound, self._response) if len(sound) else sound)
                at += len(sound)

    def _started_s(self, card: str) -> float:
        return float(self._cards.wait_for(card, "start")[0][0])

    def _add(self, at: int, sound: npt.NDArray[np.float64]) -> None:
        """Put it into the future."""
        with self._lock, self._file.open("r+b") as file:
            self._air[at : at + len(sound)] += sound
            file.seek(2 * at)
            file.write(_pcm(self._air[at : at + len(sound)]))


def _pcm(sound: npt.NDArray[np.float64]) -> bytes:
    return np.clip(np.rint(sound), -32_768, 32_767).astype("<i2").tobytes()
