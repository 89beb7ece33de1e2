"""What happens: each moment once, by its name in the configuration, with what is known of it."""

from __future__ import annotations

from dataclasses import fields

import pytest

from satellite.app.happenings import Happening, Happenings
from satellite.config import HooksConfig
from satellite.core import effects as fx
from satellite.core import events as ev

LOST = ev.DeviceFailed(ev.Device.MICROPHONE, "gone")
OURS = ev.DeviceFailed(ev.Device.MICROPHONE, "reopened for the new configuration", wanted=True)
TIMER = ev.TimerChanged("started", "7", {"name": "tea", "total_seconds": 5, "start_hours": None})
MOMENTS: list[tuple[Happening, list[ev.Event | fx.Effect]]] = [
    (
        ("wake", {"wake_word": "hey_jarvis", "text": "Hey Jarvis", "score": 0.988}),
        [ev.WakeDetected("hey_jarvis", "Hey Jarvis", 0.98765, 0, -60.0)],
    ),
    (("wake", {"wake_word": "okay_nabu"}), [ev.RemoteWake("okay_nabu")]),
    (("streaming_start", {}), [fx.StartStream(1, -60.0)]),
    (("transcript", {"text": "light on"}), [ev.TranscriptReceived("light on")]),
    (("answer", {"text": "Done"}), [ev.AnswerText("Done")]),
    (("playing", {}), [ev.PlaybackStarted(1, 0.0)]),
    (("played", {}), [ev.PlaybackFinished(1)]),
    (("played", {}), [fx.StopPlayback()]),
    (("error", {"code": "intent-failed", "text": "what?"}), [ev.PipelineFailed("intent-failed", "what?")]),
    (("error", {"code": "away", "text": "Home Assistant is away"}), [fx.PlayCue("away")]),
    (("connected", {"text": "127.0.0.1:5"}), [ev.ServerConnected(1, "127.0.0.1:5")]),
    (("disconnected", {"text": "silent"}), [ev.ServerLost(1, "silent")]),
    (("timer", {"code": "started", "id": "7", "name": "tea", "total_seconds": 5}), [TIMER]),
    (("alarm", {}), [fx.PlayCue("timer"), fx.PlayCue("timer")]),
    (("muted", {}), [fx.ListenFor(None, muted=True), fx.ListenFor(None, muted=True)]),
    (("device_lost", {"device": ev.Device.MICROPHONE, "text": "gone"}), [LOST]),
    (
        ("device_ready", {"device": ev.Device.SPEAKER, "text": "48000 Hz"}),
        [ev.DeviceReady(ev.Device.SPEAKER, "48000 Hz")],
    ),
]


def told(*what: ev.Event | fx.Effect) -> list[Happening]:
    happenings = Happenings(muted=False)
    return [happening for one in what for happening in happenings.of(one)]


@pytest.mark.parametrize(("happening", "what"), MOMENTS, ids=lambda value: value[0] if type(value) is tuple else "")
def test_each_moment_is_told_once_with_what_is_known(happening: Happening, what: list[ev.Event | fx.Effect]) -> None:
    assert told(*what) == [happening]


def test_a_stream_ends_when_no_command_is_listened_to_and_not_before() -> None:
    command = fx.ListenFor(fx.Command(1, None), muted=False)
    nothing = fx.ListenFor(None, muted=False)
    names = [name for name, _ in told(nothing, fx.StartStream(1, -60.0), command, nothing, nothing)]
    assert names == ["streaming_start", "streaming_stop"]


def test_muted_within_a_command_two_things_happen_and_one_when_it_is_over() -> None:
    names = [name for name, _ in told(fx.StartStream(1, -60.0), fx.ListenFor(None, True), fx.ListenFor(None, False))]
    assert names == ["streaming_start", "streaming_stop", "muted", "unmuted"]


def test_an_alarm_that_was_stopped_may_ring_again() -> None:
    names = [name for name, _ in told(fx.PlayCue("timer"), fx.StopCue("timer"), fx.PlayCue("timer"))]
    assert names == ["alarm", "alarm"]


def test_of_all_else_nothing_is_told() -> None:
    assert told(fx.ListenFor(None, muted=False), OURS, fx.PlayCue("done"), fx.StopCue("timer"), ev.Tick()) == []


def test_every_moment_of_the_configuration_can_happen() -> None:
    also = {"ready", "streaming_stop", "unmuted"}
    assert {name for (name, _), _ in MOMENTS} | also == {field.name for field in fields(HooksConfig)}
