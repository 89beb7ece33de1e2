"""What the owner's commands can be told of: a name, as in [hooks], and what is known about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from satellite.core import effects as fx
from satellite.core import events as ev

Happening: TypeAlias = tuple[str, Mapping[str, object]]

_PLAIN: Mapping[type, Callable[[Any], Happening]] = {
    ev.WakeDetected: lambda e: ("wake", {"wake_word": e.model, "text": e.phrase, "score": round(e.score, 3)}),
    ev.RemoteWake: lambda e: ("wake", {"wake_word": e.name}),
    ev.TranscriptReceived: lambda e: ("transcript", {"text": e.text}),
    ev.AnswerText: lambda e: ("answer", {"text": e.text}),
    ev.PlaybackStarted: lambda _: ("playing", {}),
    ev.PlaybackFinished: lambda _: ("played", {}),
    fx.StopPlayback: lambda _: ("played", {}),
    ev.PipelineFailed: lambda e: ("error", {"code": e.code, "text": e.text}),
    ev.ServerConnected: lambda e: ("connected", {"text": e.peer}),
    ev.ServerLost: lambda e: ("disconnected", {"text": e.reason}),
    ev.TimerChanged: lambda e: ("timer", {"code": e.kind, "id": e.id, **_known(e.data, "name", "total_seconds")}),
    ev.DeviceFailed: lambda e: ("device_lost", {"device": e.device, "text": e.text}),
    ev.DeviceReady: lambda e: ("device_ready", {"device": e.device, "text": e.text}),
}


class Happenings:
    """Tells the moments from the events and effects of the conversation, in their order; used on the loop."""

    def __init__(self, *, muted: bool) -> None:
        self._muted = muted
        self._streaming = self._ringing = False

    def of(self, what: ev.Event | fx.Effect) -> Iterator[Happening]:
        """What happens with one event or effect: nothing, one thing, or two."""
        match what:
            case fx.StartStream():
                self._streaming = True
                yield "streaming_start", {}
            case fx.ListenFor(command=command, muted=muted):
                if self._streaming and command is None:
                    self._streaming = False
                    yield "streaming_stop", {}
                if self._muted != muted:
                    self._muted = muted
                    yield "muted" if muted else "unmuted", {}
            case fx.PlayCue(name="away"):
                yield "error", {"code": "away", "text": "Home Assistant is away"}
            case fx.PlayCue(name="timer") if not self._ringing:
                # It sounds again and again.
                self._ringing = True
                yield "alarm", {}
            case fx.StopCue(name="timer"):
                self._ringing = False
            case ev.DeviceFailed(wanted=True):
                pass
            case _ if type(what) in _PLAIN:
                yield _PLAIN[type(what)](what)


def _known(data: Mapping[str, object], *keys: str) -> dict[str, object]:
    return {key: data[key] for key in keys if data.get(key) is not None}
