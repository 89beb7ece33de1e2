"""The demonstration's lines."""

from __future__ import annotations

from satellite.core import effects as fx
from satellite.core import events as ev
from satellite.core import messages as msg
from satellite.diagnostics.timeline import Timeline


def told(*story: tuple[float, ev.Event | fx.Effect]) -> list[str]:
    lines: list[str] = []
    timeline = Timeline(lines.append, 100.0)
    for now_s, what in story:
        timeline.write(100.0 + now_s, what)
    return lines


def test_a_turn_reads_as_it_went() -> None:
    lines = told(
        (2.0, ev.WakeDetected("hey_jarvis", "Hey Jarvis", 0.991, 32_000, -60)),
        (2.0, fx.StartStream(1, -60)),
        (2.001, fx.TellServer(msg.MicAudio(bytes(32_000)))),
        (2.1, fx.TellServer(msg.MicAudio(bytes(32_000)))),
        (2.5, ev.SpeechStarted(1, 40_000)),
        (4.0, ev.SpeechEnded(1, 64_000, ev.EndReason.SILENCE)),
        (4.0, fx.TellServer(msg.MicStop())),
        (4.1, fx.PlayStart(1, 16_000, 1, 2)),
        (4.1, fx.PlayAudio(1, b"\0\0")),
        (4.2, fx.PlayAudio(1, b"\0\0")),
        (6.0, ev.PlaybackFinished(1)),
    )
    assert lines == [
        "   2.00 s   wake word 'Hey Jarvis', score 0.99, 2.00 s into the sound",
        "   2.00 s   stream begins, with 0.8 s of quiet",
        "   2.00 s   first sound of the command sent, 1 ms after the wake word was heard",
        "   2.50 s   speech begins, 0.50 s after the wake word",
        "   4.00 s   speech is over, 2.00 s after the wake word: silence after speech",
        "   4.00 s   command complete: 2.00 s of sound sent",
        "   4.10 s   first sound of the answer",
        "   6.00 s   answer heard to its end, 4.00 s after the wake word",
    ]


def test_every_reason_of_an_end_has_words() -> None:
    for reason in ev.EndReason:
        assert told((0.0, ev.SpeechEnded(1, 0, reason)))
