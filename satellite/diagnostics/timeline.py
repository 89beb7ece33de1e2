"""A turn, told as it happens, a line for each thing a person would notice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from satellite.core import effects as fx
from satellite.core import events as ev
from satellite.core import messages as msg
from satellite.core.audio import WIRE_FORMAT, seconds
from satellite.core.events import EndReason
from satellite.listen.leadin import LEAD_IN_S

WHY = {
    EndReason.SILENCE: "silence after speech",
    EndReason.TOO_LONG: "it is long enough",
    EndReason.NO_SPEECH: "nobody spoke",
    EndReason.STALLED: "the sender could not keep up",
    EndReason.FLUSHED: "the sound is over",
}


class Timeline:
    """Turns events and effects into lines.

    Args:
        say: takes a finished line.
        start_s: the time, on the clock of `write`, that is shown as zero.
    """

    def __init__(self, say: Callable[[str], None], start_s: float) -> None:
        self._say = say
        self._start_s = self._now_s = self._wake_s = start_s
        self._wake_at = 0
        self._sound_bytes = 0
        self._answer_sounds = False
        self._lines: dict[type, Callable[[Any], str | None]] = {
            ev.ServerConnected: lambda e: f"assistant connected from {e.peer}",
            ev.ServerLost: lambda e: f"assistant gone: {e.reason}",
            ev.WakeDetected: self._woken,
            ev.Transcribing: lambda _: "assistant accepts and listens",
            ev.SpeechStarted: lambda e: f"speech begins, {self._since_wake(e.at)}",
            ev.SpeechEnded: lambda e: f"speech is over, {self._since_wake(e.at)}: {WHY[e.reason]}",
            fx.StartStream: self._stream_begins,
            fx.TellServer: self._told,
            fx.PlayStart: self._answer_begins,
            fx.PlayAudio: self._answer_goes_on,
            ev.PlaybackFinished: self._answered,
            ev.PipelineFailed: lambda e: f"assistant reports: {e.text} ({e.code})",
            ev.DeviceFailed: lambda e: e.text,
            ev.DeviceReady: lambda e: f"{e.device}: {e.text}",
            ev.MicrophoneEnded: lambda _: "the clip is over",
        }

    def write(self, now_s: float, what: ev.Event | fx.Effect) -> None:
        """Show one event or effect, if a person would notice it."""
        self._now_s = now_s
        tell = self._lines.get(type(what))
        if tell and (line := tell(what)):
            self._say(f"{now_s - self._start_s:7.2f} s   {line}")

    def _woken(self, event: ev.WakeDetected) -> str:
        self._wake_s, self._wake_at = self._now_s, event.at
        return f"wake word {event.phrase!r}, score {event.score:.2f}, {seconds(event.at):.2f} s into the sound"

    def _since_wake(self, at: int) -> str:
        return f"{seconds(at - self._wake_at):.2f} s after the wake word"

    def _told(self, effect: fx.TellServer) -> str | None:
        match effect.message:
            case msg.MicAudio(pcm):
                return self._streamed(len(pcm))
            case msg.MicStop():
                return f"command complete: {self._sound_bytes / WIRE_FORMAT.second_bytes:.2f} s of sound sent"
        return None

    def _stream_begins(self, _effect: fx.StartStream) -> str:
        self._sound_bytes = 0
        return f"stream begins, with {LEAD_IN_S} s of quiet"

    def _streamed(self, size_bytes: int) -> str | None:
        first = not self._sound_bytes
        self._sound_bytes += size_bytes
        waited_ms = (self._now_s - self._wake_s) * 1000
        return f"first sound of the command sent, {waited_ms:.0f} ms after the wake word was heard" if first else None

    def _answer_begins(self, _effect: fx.PlayStart) -> None:
        self._answer_sounds = False

    def _answer_goes_on(self, _effect: fx.PlayAudio) -> str | None:
        if self._answer_sounds:
            return None
        self._answer_sounds = True
        return "first sound of the answer"

    def _answered(self, event: ev.PlaybackFinished) -> str:
        if event.failed:
            return "the answer could not be played"
        return f"answer heard to its end, {self._now_s - self._wake_s:.2f} s after the wake word"
