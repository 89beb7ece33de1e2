"""What Wyoming events mean to us, and what ours look like to the reference implementation."""

from __future__ import annotations

import io
from typing import Any

import pytest
from network.wire import INFO
from wyoming.audio import AudioChunk, AudioStop
from wyoming.event import Event, read_event
from wyoming.info import Info
from wyoming.ping import Ping, Pong
from wyoming.pipeline import PipelineStage, RunPipeline
from wyoming.snd import Played
from wyoming.wake import Detection

from satellite.core import events as ev
from satellite.core import messages as msg
from satellite.core.errors import ProtocolError
from satellite.network import protocol
from satellite.network.frame import Frame
from satellite.network.protocol import SatelliteInfo, decode, encode, encode_info


def as_reference(encoded: bytes) -> Event:
    """What the reference implementation makes of our bytes, all of which it must use."""
    stream = io.BytesIO(encoded)
    event = read_event(stream)
    assert event is not None
    assert not stream.read()
    return event


@pytest.mark.parametrize(
    ("kind", "data", "meaning"),
    [
        ("describe", {}, protocol.Describe()),
        ("ping", {"text": "x"}, protocol.Ping("x")),
        ("ping", {"text": None}, protocol.Ping(None)),
        ("ping", {"text": 5}, protocol.Ping(None)),
        ("ping", {}, protocol.Ping(None)),
        ("pong", {"text": None}, protocol.Pong()),
        ("run-satellite", {}, protocol.RunSatellite()),
        ("pause-satellite", {}, protocol.PauseSatellite()),
        ("transcribe", {"language": "en"}, ev.Transcribing()),
        ("voice-started", {"timestamp": 1050}, ev.VoiceStarted()),
        ("voice-stopped", {"timestamp": None}, ev.VoiceStopped()),
        ("transcript", {"text": "Licht an"}, ev.TranscriptReceived("Licht an")),
        ("transcript", {}, ev.TranscriptReceived("")),
        ("synthesize", {"text": "Done", "voice": {"language": "en"}}, ev.AnswerText("Done")),
        ("synthesize", {"text": None}, ev.AnswerText("")),
        ("audio-start", {"rate": 22050, "width": 2, "channels": 1, "timestamp": 0}, ev.AnswerStarted(22050, 1, 2)),
        ("audio-start", {"rate": 48000.0, "width": 4, "channels": 2}, ev.AnswerStarted(48000, 2, 4)),
        ("audio-start", {}, ev.AnswerStarted(22050, 1, 2)),
        ("audio-start", {"rate": None}, ev.AnswerStarted(22050, 1, 2)),
        ("audio-stop", {"timestamp": 1.4407709750566895}, ev.AnswerEnded()),
        ("audio-stop", {"timestamp": None}, ev.AnswerEnded()),
        ("error", {"text": "bad\nluck", "code": "intent-failed"}, ev.PipelineFailed("intent-failed", "bad?luck")),
        ("error", {}, ev.PipelineFailed("", "")),
        ("timer-started", {"id": "7", "total_seconds": 5}, ev.TimerChanged("started", "7")),
        ("timer-updated", {"id": "7", "is_active": False}, ev.TimerChanged("updated", "7")),
        ("timer-cancelled", {"id": "7"}, ev.TimerChanged("cancelled", "7")),
        ("timer-finished", {}, ev.TimerChanged("finished", "")),
        ("audio-chunk", {"rate": 22050}, protocol.Ignored("audio-chunk")),
        ("detect", {"names": None}, ev.RemoteListening()),
        ("detection", {"name": "okay_nabu", "timestamp": 120}, ev.RemoteWake("okay_nabu", 120)),
        ("detection", {"name": None, "timestamp": None}, ev.RemoteWake("", None)),
        ("detection", {"timestamp": -1}, ev.RemoteWake("", None)),
        ("run-pipeline", {"start_stage": "asr", "end_stage": "tts"}, protocol.RunPipeline()),
        ("info", {"wake": [{"models": [{"name": "alexa"}, {}, 7]}, 8]}, protocol.WakeWords(("alexa", ""))),
        ("info", {"wake": "none"}, protocol.WakeWords(())),
        ("brand-new\nthing", {}, protocol.Ignored("brand-new?thing")),
    ],
)
def test_what_an_event_means(kind: str, data: dict[str, Any], meaning: protocol.Received) -> None:
    assert decode(Frame(kind, data)) == meaning
    assert decode(Frame(kind, {**data, "a field of tomorrow": [1, 2]})) == meaning


@pytest.mark.parametrize("timestamp", [None, 0, 1.5, "soon"])
def test_sound_is_its_payload_whatever_its_time_stamp(timestamp: object) -> None:
    event = decode(Frame("audio-chunk", {"timestamp": timestamp}, b"abcd"))
    assert isinstance(event, ev.AnswerAudio)
    assert event.pcm == b"abcd"


def test_the_number_of_a_timer_is_kept_and_so_it_is_bounded() -> None:
    event = decode(Frame("timer-started", {"id": "7" * 10_000, "total_seconds": 5}))
    assert isinstance(event, ev.TimerChanged)
    assert event.id == "7" * 200


def test_a_timer_keeps_all_that_was_said_of_it() -> None:
    event = decode(Frame("timer-started", {"id": "7", "total_seconds": 5, "name": "eggs"}))
    assert isinstance(event, ev.TimerChanged)
    assert event.data["name"] == "eggs"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ({"rate": 999}, "audio-start with rate 999; 1000 to 384000 can be played"),
        ({"rate": 384_001}, "rate 384001"),
        ({"rate": 22050.5}, "rate 22050.5"),
        ({"rate": float("inf")}, "rate inf"),
        ({"rate": True}, "rate True"),
        ({"rate": "22050"}, "rate 22050"),
        ({"channels": 0}, "channels 0; 1 to 32"),
        ({"channels": 33}, "channels 33"),
        ({"width": 5}, "width 5; 1 to 4"),
        ({"width": [2]}, "width [2]"),
    ],
)
def test_sound_that_cannot_be_is_an_error(data: dict[str, Any], error: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode(Frame("audio-start", data))
    assert error in str(caught.value)


def test_half_a_surrogate_pair_does_not_reach_the_conversation() -> None:
    assert decode(Frame("transcript", {"text": "a\ud800b"})) == ev.TranscriptReceived("a?b")


def test_half_a_surrogate_pair_in_a_ping_comes_back_as_it_was() -> None:
    assert as_reference(protocol.encode_pong("\ud800")).data == {"text": "\ud800"}


def test_home_assistant_starts_a_pipeline_from_asr_to_tts_once() -> None:
    run = RunPipeline.from_event(as_reference(encode(msg.RunPipeline())))
    assert (run.start_stage, run.end_stage, run.restart_on_end) == (PipelineStage.ASR, PipelineStage.TTS, False)


def test_home_assistant_reads_our_microphone() -> None:
    for pcm in (b"\1\2" * 256, b"\3\4" * 256, b"\5\6"):
        chunk = AudioChunk.from_event(as_reference(encode(msg.MicAudio(pcm))))
        assert (chunk.rate, chunk.width, chunk.channels, chunk.audio) == (16_000, 2, 1, pcm)


def test_the_other_messages_are_those_of_the_reference() -> None:
    assert Detection.from_event(as_reference(encode(msg.Detection("hey_jarvis")))).name == "hey_jarvis"
    assert AudioStop.is_type(as_reference(encode(msg.MicStop())).type)
    assert Played.is_type(as_reference(encode(msg.Played())).type)
    assert Pong.from_event(as_reference(protocol.encode_pong("x"))).text == "x"
    assert Ping.is_type(as_reference(protocol.encode_ping()).type)


def test_our_info_is_one_that_home_assistant_takes_for_a_satellite() -> None:
    info = Info.from_event(as_reference(encode_info(INFO)))
    assert info.satellite is not None
    assert info.satellite.installed
    assert (info.satellite.name, info.satellite.area, info.satellite.version) == ("Kitchen", "Küche", "1.2.3")
    assert info.satellite.active_wake_words == ["hey_jarvis", "alexa"]
    assert [(model.name, model.phrase) for model in info.wake[0].models] == [
        ("hey_jarvis", "Hey Jarvis"),
        ("alexa", "Alexa"),
    ]
    assert all(model.installed for model in info.wake[0].models)
    microphone, speaker = info.mic[0].mic_format, info.snd[0].snd_format
    assert (microphone.rate, microphone.width, microphone.channels) == (16_000, 2, 1)
    assert (speaker.rate, speaker.width, speaker.channels) == (48_000, 2, 2)


def test_no_area_no_wake_word_and_no_speaker_are_left_out() -> None:
    info = Info.from_event(as_reference(encode_info(SatelliteInfo("Hall", "1"))))
    assert info.satellite is not None
    assert info.satellite.area is None
    assert (info.wake, info.snd) == ([], [])
