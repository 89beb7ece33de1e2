"""Where a command begins and ends."""

from __future__ import annotations

from collections.abc import Callable

from satellite.config import CommandConfig
from satellite.core.audio import RATE_HZ, samples_in
from satellite.core.events import EndReason, SpeechEnded, SpeechStarted
from satellite.detect.vad import WINDOW_SAMPLES

# Once somebody speaks, a window counts as silence only when it is so much less likely to be speech: no end in mid-word.
HYSTERESIS = 0.1
# Who has said little so far is likely to go on: up to 0.4 s of speech the silence must be so much longer, from 0.6 s on
# it is that of the configuration. Measured by benchmarks/endpointing.py.
LITTLE, ENOUGH = samples_in(400), samples_in(600)
AFTER_LITTLE = 1.5
# A noise in the silence that is taken for speech takes so many times its length back, not all.
SETBACK = 2


class VoiceEndpointer:
    """Windows of speech probability in, SpeechStarted and SpeechEnded out, each at most once.

    A window of silence counts for as much as it is certain: where a voice fades into noise, what is hardly heard of it
    is not yet the pause.

    Args:
        turn: the events carry it.
        begin: sample from which time-outs count, and before which no window ends.
        follows_up: the command may be one that an answer asked for.
    """

    def __init__(self, config: CommandConfig, turn: int, begin: int, *, follows_up: bool = False) -> None:
        self._threshold = config.vad_threshold
        self._turn = turn
        self._begin = begin
        self._tail_end: int | None = None
        self.begins_at: int | None = begin
        """Sample before which nothing was the command; None while that is not known."""
        self._said_in_tail: Callable[[int], bool] = lambda _end: False
        self._min_speech = samples_in(config.min_speech_ms)
        self._end_silence = samples_in(config.end_silence_ms)
        self._no_speech_at = begin + round((config.follow_up_s if follows_up else config.no_speech_s) * RATE_HZ)
        self._too_long_at = begin + round(config.max_s * RATE_HZ)
        self._speech = 0
        self._silence = 0.0
        self._first = begin
        self._started = False
        self.ended = False

    def expect_tail(self, end: int, said: Callable[[int], bool] | None = None) -> None:
        """Up to sample `end` a wake word, or what the satellite has just said, may be taken for speech.

        It is not the command: windows count from the first one that is no speech. When there is none up to there, the
        command followed it without a pause, and has begun.

        Args:
            said: asked at the end of that first window whether a command was already said.
        """
        self._tail_end, self.begins_at = end, None
        self._said_in_tail = said or self._said_in_tail

    def process(self, end: int, probability: float) -> SpeechStarted | SpeechEnded | None:
        """Take the probability of the window of 512 samples that ends at sample `end`; what follows from it."""
        if self.ended:
            return None
        if not self._started and self._begins(end, probability):
            self._started = True
            return SpeechStarted(self._turn, self._first)
        reason = self._reason(end, probability)
        return None if reason is None else self.finish(end, reason)

    def finish(self, end: int, reason: EndReason) -> SpeechEnded:
        """The command is over at sample `end`, whatever is said."""
        self.ended = True
        return SpeechEnded(self._turn, end, reason)

    def _begins(self, end: int, probability: float) -> bool:
        if self._tail_end is not None:
            if probability >= self._threshold:
                self._speech = end - self._begin
                self.begins_at = self._begin if end > self._tail_end else None
                return end > self._tail_end
            self._tail_end, self.begins_at = None, max(self._begin, end - WINDOW_SAMPLES)
            if self._speech and self._said_in_tail(end):
                return True
            self._speech = 0
        if probability >= self._threshold:
            if not self._speech:
                self._first = end - WINDOW_SAMPLES
            self._speech += WINDOW_SAMPLES
        elif probability < self._threshold - HYSTERESIS:
            self._speech = 0
        return self._speech >= self._min_speech

    def _reason(self, end: int, probability: float) -> EndReason | None:
        if end >= self._too_long_at:
            return EndReason.TOO_LONG
        if not self._started:
            return EndReason.NO_SPEECH if end >= self._no_speech_at and not self._speech else None
        if probability < self._threshold - HYSTERESIS:
            self._silence += WINDOW_SAMPLES * (1 - probability)
        else:
            self._speech += WINDOW_SAMPLES
            self._silence = max(0.0, self._silence - SETBACK * WINDOW_SAMPLES)
        return EndReason.SILENCE if self._silence >= self._silence_needed() else None

    def _silence_needed(self) -> float:
        """In samples, after as much speech as was heard."""
        little = min(1.0, max(0.0, (ENOUGH - self._speech) / (ENOUGH - LITTLE)))
        return self._end_silence * (1 + little * (AFTER_LITTLE - 1))
