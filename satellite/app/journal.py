"""What a person reading the log wants to know of the conversation."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

from satellite.core import effects as fx
from satellite.core import events as ev

log = logging.getLogger("satellite.conversation")

# A peer's texts are cut: nobody may fill the log.
TEXT = 200
# So many lines of a kind in a minute: more than any conversation has, and no harm to a memory card.
OFTEN = 30
MINUTE_S = 60.0

LINES: dict[type, tuple[int, Callable[[Any], str]]] = {
    ev.WakeDetected: (logging.INFO, lambda e: f"heard {e.phrase!r} ({e.model}, score {e.score:.2f})"),
    ev.RemoteWake: (logging.INFO, lambda e: f"Home Assistant heard {e.name!r}"),
    ev.SpeechEnded: (logging.INFO, lambda e: f"command over: {e.reason}"),
    ev.TranscriptReceived: (logging.INFO, lambda e: f"understood: {e.text[:TEXT]!r}"),
    ev.AnswerText: (logging.INFO, lambda e: f"answer: {e.text[:TEXT]!r}"),
    ev.PipelineFailed: (logging.WARNING, lambda e: f"Home Assistant reports: {e.text[:TEXT]} ({e.code})"),
    ev.ServerConnected: (logging.INFO, lambda e: f"Home Assistant is connected from {e.peer}"),
    ev.ServerLost: (logging.WARNING, lambda e: f"Home Assistant is gone: {e.reason}"),
    ev.ServerPaused: (logging.INFO, lambda _: "muted by Home Assistant"),
    ev.MuteChanged: (logging.INFO, lambda e: "microphone muted" if e.muted else "microphone unmuted"),
    ev.DeviceFailed: (logging.WARNING, lambda e: e.text if e.text.startswith(e.device) else f"{e.device}: {e.text}"),
    ev.DeviceReady: (logging.INFO, lambda e: f"{e.device}: {e.text}"),
    ev.MicrophoneSilent: (
        logging.WARNING,
        lambda _: (
            "microphone: nothing but digital silence for 30 s: it is dead, or muted by a switch or in its mixer "
            "(alsamixer, F4)"
        ),
    ),
    ev.MicrophoneHeard: (
        logging.INFO,
        lambda e: f"microphone: sound again after {e.silent_s:.0f} s of digital silence",
    ),
    ev.MicrophoneEnded: (logging.INFO, lambda _: "the microphone's file is over"),
    ev.WorkShed: (
        logging.WARNING,
        lambda e: f"too much for this board ({e.p95_ms:.0f} ms for each 80 ms of sound): from now on without {e.what}",
    ),
    ev.WorkResumed: (logging.INFO, lambda e: f"this board has room again, and tries it with {e.what}"),
    ev.AudioLost: (logging.WARNING, lambda e: f"about {e.count} samples lost: {e.cause}"),
    ev.TimerChanged: (logging.INFO, lambda e: f"timer {e.id[:TEXT]!r} {e.kind}"),
    fx.RemoteDeaf: (
        logging.WARNING,
        lambda e: (
            "Home Assistant does not listen for the wake word: does the satellite's pipeline have a wake word engine? "
            f"asked again in {e.retry_s:.0f} s"
        ),
    ),
    fx.DropServer: (logging.WARNING, lambda e: f"hanging up: {e.reason}"),
}


class Journal:
    """The log of one conversation. A kind of line that comes too often is only counted until its minute is over."""

    def __init__(self) -> None:
        self._minute_s: dict[type, float] = {}
        self._lines: Counter[type] = Counter()

    def write(self, now_s: float, what: ev.Event | fx.Effect) -> None:
        """Log one event or effect, if it tells a person something. `now_s`: any clock that only goes forward."""
        kind = type(what)
        if kind not in LINES:
            return
        level, text = LINES[kind]
        if now_s >= self._minute_s.get(kind, 0.0) + MINUTE_S:
            if (more := self._lines[kind] - OFTEN) > 0:
                log.log(level, "%d more lines like: %s", more, text(what))
            self._minute_s[kind], self._lines[kind] = now_s, 0
        self._lines[kind] += 1
        if self._lines[kind] <= OFTEN:
            log.log(level, "%s", text(what))
