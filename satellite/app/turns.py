"""How long each turn took, and where: one log line when it is over, the last 20 in the status."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from satellite.core import effects as fx
from satellite.core import events as ev
from satellite.core import messages as msg

log = logging.getLogger("satellite.turn")

KEPT = 20

# What happened, as the status names it; of each kind the first counts.
MOMENTS: Mapping[type, str] = {
    ev.Transcribing: "accepted",
    ev.SpeechStarted: "speech_started",
    ev.SpeechEnded: "speech_ended",
    ev.TranscriptReceived: "transcript",
    ev.AnswerText: "answer_text",
    fx.PlayAudio: "first_answer_sound",
}
TOLD: Mapping[type, str] = {
    msg.MicAudio: "first_sound_sent",
    msg.MicStop: "audio_stop",
    msg.Played: "played",
}


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn that is over.

    Attributes:
        number: of the turn, as the conversation counts.
        wake_word: the model that fired; "" when it was listened without one.
        score: of that model.
        outcome: "answered", "unanswered", or what went wrong.
        moments_ms: when what happened, since the end of the hop that fired was captured; without a wake word, since
            the run was asked for. What is told to the server counts when it is handed to the connection.
    """

    number: int
    wake_word: str
    score: float
    outcome: str
    moments_ms: Mapping[str, float]

    def __str__(self) -> str:
        moments = " ".join(f"{name}={ms:.0f}" for name, ms in self.moments_ms.items())
        heard = f"{self.wake_word} {self.score:.2f}" if self.wake_word else "no wake word"
        return f"turn {self.number} {self.outcome}: {heard}, ms: {moments}"

    def fields(self) -> dict[str, Any]:
        """All of it as plain values, for the status and for logs in JSON."""
        return {
            "turn": self.number,
            "outcome": self.outcome,
            "wake_word": self.wake_word,
            "score": round(self.score, 3),
            **{f"{name}_ms": round(ms, 1) for name, ms in self.moments_ms.items()},
        }


@dataclass(slots=True)
class _Running:
    number: int
    began_s: float
    wake: ev.WakeDetected | None
    source: int | None = None
    moments_ms: dict[str, float] = field(default_factory=dict)

    def mark(self, name: str, now_s: float) -> None:
        self.moments_ms.setdefault(name, (now_s - self.began_s) * 1000)


class Turns:
    """Watches events and effects; knows the turn under way and the last ones."""

    def __init__(self) -> None:
        self._running: _Running | None = None
        self._wake: tuple[ev.WakeDetected, float] | None = None
        self._asked_s = 0.0
        self._over: deque[Turn] = deque(maxlen=KEPT)

    def last(self) -> list[dict[str, Any]]:
        """The last turns, oldest first, as plain values."""
        return [turn.fields() for turn in self._over]

    def write(self, now_s: float, what: ev.Event | fx.Effect) -> None:
        """Take note of one event or effect, at a time on the monotonic clock."""
        match what:
            case ev.WakeDetected() | ev.RemoteWake() | ev.ListenRequested():
                self._called(what, now_s)
            case fx.StartStream(turn=number):
                self._begin(number)
            case ev.PipelineFailed(code=code):
                self._end(f"failed ({code})")
            case fx.PlayCue(name="away"):
                self._end("lost")
            case fx.TellServer(message=message):
                self._told(message, now_s)
            case fx.PlayStart(source=source) if self._running and self._running.source is None:
                self._running.source = source
            case ev.PlaybackStarted(source=source, written_s=written_s):
                if self._running and self._running.source == source:
                    self._mark("first_sound_written", written_s)
            case _:
                self._mark(MOMENTS.get(type(what)), now_s)

    def _called(self, how: ev.WakeDetected | ev.RemoteWake | ev.ListenRequested, now_s: float) -> None:
        if isinstance(how, ev.RemoteWake):
            how = ev.WakeDetected(how.name, how.name, 0.0, 0, 0.0)
        self._wake = None if isinstance(how, ev.ListenRequested) else (how, now_s)

    def _told(self, message: msg.Message, now_s: float) -> None:
        if isinstance(message, msg.RunPipeline):
            self._asked_s = now_s
        self._mark(TOLD.get(type(message)), now_s)
        if isinstance(message, msg.Played):
            self._end("answered")

    def _begin(self, number: int) -> None:
        self._end("unanswered")
        wake, self._wake = self._wake, None
        if wake is None:
            self._running = _Running(number, self._asked_s, None)
        else:
            event, known_s = wake
            self._running = _Running(number, known_s if event.captured_s is None else event.captured_s, event)
            self._running.mark("wake", known_s)
        self._running.mark("run_pipeline", self._asked_s)

    def _mark(self, name: str | None, now_s: float) -> None:
        if self._running and name:
            self._running.mark(name, now_s)

    def _end(self, outcome: str) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        wake = running.wake
        turn = Turn(
            running.number, wake.model if wake else "", wake.score if wake else 0.0, outcome, running.moments_ms
        )
        self._over.append(turn)
        log.info("%s", turn, extra={"fields": turn.fields()})
