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
    tell when they started, the speaker's also when it started anew. `delay_s` must be longer than this thread may be
    held up.

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
        self._start, self._at = -1, 0
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
        while not self._over.wait(_LOOK_S):
            heard = self._cards.heard(2 * self._carried)
            if len(heard):
                self._carry(heard)

    def _carry(self, heard: npt.NDArray[np.int16]) -> None:
        """What was played, from its place to the next start of the speaker, which may come after a pause."""
        starts = self._starts()
        here = max(index for index, (first, _) in enumerate(starts) if first <= self._carried)
        if here + 1 < len(starts):
            heard = heard[: starts[here + 1][0] - self._carried]
        if here != self._start:
            self._start, self._at = here, round((starts[here][1] - self._mic_s() + self._delay_s) * RATE_HZ)
            self._resampler = soxr.ResampleStream(self._cards.speaker[0], RATE_HZ, 1, "float64")
        self._carried += len(heard)
        sound = self._resampler.resample_chunk(heard.astype(np.float64))
        if len(sound):
            self._add(self._at, np.convolve(sound, self._response))
            self._at += len(sound)

    def _mic_s(self) -> float:
        return float(self._cards.wait_for("mic", "start")[0][0])

    def _starts(self) -> list[tuple[int, float]]:
        """The speaker's: which of its samples came first, and when."""
        starts, played = [], 0
        for at_s, _, _, what, *counts in self._cards.events("speaker"):
            if what == "start":
                starts.append((played, float(at_s)))
            elif counts and counts[0].startswith("hw="):
                played += min(int(count.partition("=")[2]) for count in counts)
        return starts

    def _add(self, at: int, sound: npt.NDArray[np.float64]) -> None:
        """Put it into the future."""
        with self._lock, self._file.open("r+b") as file:
            self._air[at : at + len(sound)] += sound
            file.seek(2 * at)
            file.write(_pcm(self._air[at : at + len(sound)]))


def _pcm(sound: npt.NDArray[np.float64]) -> bytes:
    return np.clip(np.rint(sound), -32_768, 32_767).astype("<i2").tobytes()
