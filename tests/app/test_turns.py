"""Where the time of a turn went."""

from __future__ import annotations

import logging

import pytest

from satellite.app.turns import KEPT, Turns
from satellite.core import effects as fx
from satellite.core import events as ev
from satellite.core import messages as msg

WAKE = ev.WakeDetected("hey_jarvis", "Hey Jarvis", 0.876, 0, -60, captured_s=9.98)
ASKED = fx.TellServer(msg.RunPipeline())


def told(*story: tuple[float, ev.Event | fx.Effect]) -> Turns:
    turns = Turns()
    for now_s, what in story:
        turns.write(now_s, what)
    return turns


def test_a_turn_is_told_in_milliseconds_since_the_wake_word(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    turns = told(
        (10.0, WAKE),
        (10.0, fx.TellServer(msg.Detection("hey_jarvis"))),
        (10.001, ASKED),
        (10.002, fx.StartStream(3, -60)),
        (10.005, ev.Transcribing()),
        (10.01, fx.TellServer(msg.MicAudio(b"\0\0"))),
        (10.5, fx.TellServer(msg.MicAudio(b"\0\0"))),
        (12.0, ev.SpeechEnded(3, 0, ev.EndReason.SILENCE)),
        (12.0, fx.TellServer(msg.MicStop())),
        (12.4, ev.TranscriptReceived("x")),
        (12.5, fx.PlayStart(1, 22_050, 1, 2)),
        (12.5, fx.PlayAudio(1, b"\0\0")),
        (12.53, ev.PlaybackStarted(1, 12.52)),
        (14.0, fx.TellServer(msg.Played())),
        (15.0, fx.TellServer(msg.Played())),
    )
    (turn,) = turns.last()
    assert turn == {
        "turn": 3,
        "outcome": "answered",
        "wake_word": "hey_jarvis",
        "score": 0.876,
        "wake_ms": 20.0,
        "run_pipeline_ms": 21.0,
        "accepted_ms": 25.0,
        "first_sound_sent_ms": 30.0,
        "speech_ended_ms": 2020.0,
        "audio_stop_ms": 2020.0,
        "transcript_ms": 2420.0,
        "first_answer_sound_ms": 2520.0,
        "first_sound_written_ms": 2540.0,
        "played_ms": 4020.0,
    }
    (line,) = [record.message for record in caplog.records]
    assert line.startswith("turn 3 answered: hey_jarvis 0.88, ms: wake=20 run_pipeline=21 accepted=25 ")


def test_without_a_wake_word_time_counts_from_the_run(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    turns = told(
        (1.0, WAKE),  # unheeded: the server was not there yet
        (5.0, ev.ListenRequested()),
        (5.0, ASKED),
        (5.0, fx.StartStream(1, -60)),
        (5.1, ev.Transcribing()),
        (6.0, fx.TellServer(msg.Played())),
    )
    (turn,) = turns.last()
    assert (turn["wake_word"], turn["run_pipeline_ms"], turn["accepted_ms"]) == ("", 0.0, 100.0)
    assert "wake_ms" not in turn
    assert caplog.messages[-1].startswith("turn 1 answered: no wake word, ms: run_pipeline=0 ")


def test_only_the_turns_own_sound_counts_as_written() -> None:
    turns = told(
        (11.0, WAKE),
        (11.0, ASKED),
        (11.0, fx.StartStream(1, -60)),
        (11.2, ev.PlaybackStarted(6, 11.2)),
        (12.0, fx.PlayStart(7, 22_050, 1, 2)),
        (12.1, fx.PlayStart(8, 22_050, 1, 2)),
        (12.1, ev.PlaybackStarted(7, 12.1)),
        (13.0, fx.TellServer(msg.Played())),
    )
    assert turns.last()[0]["first_sound_written_ms"] == pytest.approx((12.1 - 9.98) * 1000)


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        (ev.PipelineFailed("stt-no-text-recognized", ""), "failed (stt-no-text-recognized)"),
        (fx.PlayCue("away"), "lost"),
        (fx.StartStream(2, -60), "unanswered"),
    ],
)
def test_a_turn_may_end_otherwise(end: ev.Event | fx.Effect, outcome: str) -> None:
    assert told((0.0, WAKE), (0.0, fx.StartStream(1, -60)), (1.0, end)).last()[0]["outcome"] == outcome


def test_what_happens_outside_of_a_turn_is_nobodys() -> None:
    assert told((0.0, ev.TranscriptReceived("x")), (0.0, fx.TellServer(msg.Played()))).last() == []


def test_only_the_last_ones_are_kept() -> None:
    turns = told(*((float(n), fx.StartStream(n, -60)) for n in range(KEPT + 6)))
    assert [turn["turn"] for turn in turns.last()] == list(range(5, KEPT + 5))
