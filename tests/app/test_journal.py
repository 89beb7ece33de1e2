"""The log tells of the conversation, and nobody can fill it."""

from __future__ import annotations

import logging

import pytest

from satellite.app.journal import OFTEN, Journal
from satellite.core import effects as fx
from satellite.core import events as ev
from satellite.core import messages as msg


def test_it_tells_what_a_person_wants_to_know(caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal()
    caplog.set_level(logging.INFO)
    journal.write(0.0, ev.WakeDetected("hey_jarvis", "Hey Jarvis", 0.987, 0, -60))
    journal.write(0.0, ev.ServerLost(1, "closed"))
    assert [record.message for record in caplog.records] == [
        "heard 'Hey Jarvis' (hey_jarvis, score 0.99)",
        "Home Assistant is gone: closed",
    ]


def test_an_overrun_is_told_with_its_length_and_its_cause(caplog: pytest.LogCaptureFixture) -> None:
    Journal().write(0.0, ev.AudioLost(16_000, 320, "overrun"))
    (record,) = caplog.records
    assert (record.levelname, record.message) == ("WARNING", "about 320 samples lost: overrun")


def test_sound_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal()
    caplog.set_level(logging.DEBUG)
    journal.write(0.0, ev.SpeechAudio(1, 0, b"\0\0"))
    journal.write(0.0, fx.TellServer(msg.Played()))
    assert not caplog.records


def test_long_texts_of_a_peer_are_cut(caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal()
    caplog.set_level(logging.INFO)
    journal.write(0.0, ev.TranscriptReceived("x" * 100_000))
    assert len(caplog.records[0].message) < 300


@pytest.mark.parametrize(
    "event",
    [
        ev.TimerChanged("started", "\x1b[2J\nERROR nothing happened"),
        ev.TranscriptReceived("\x1b[2J\nERROR nothing happened"),
        ev.AnswerText("\x1b[2J\nERROR nothing happened"),
    ],
)
def test_a_peer_cannot_write_lines_of_its_own(event: ev.Event, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Journal().write(0.0, event)
    assert caplog.records[0].message.isprintable()


def test_what_comes_too_often_is_counted_until_the_minute_is_over(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    journal = Journal()
    for number in range(1_000):
        journal.write(100.0 + number / 1_000, ev.TranscriptReceived("again"))
    journal.write(101.0, ev.ServerPaused())
    assert len(caplog.records) == OFTEN + 1
    journal.write(161.0, ev.TranscriptReceived("later"))
    assert [record.message for record in caplog.records][-2:] == [
        f"{1_000 - OFTEN} more lines like: understood: 'later'",
        "understood: 'later'",
    ]
