"""What is kept of a command for a server that is away."""

from __future__ import annotations

from satellite.app.utterance import LONGEST_S, Utterance
from satellite.core.messages import Detection, MicAudio, MicStop, Played, RunPipeline

SECOND = MicAudio(bytes(32_000))


def test_it_gives_back_the_command_without_its_wake_word() -> None:
    utterance, run, stop = Utterance(), RunPipeline(), MicStop()
    for message in (Played(), Detection("alexa"), run, SECOND, stop, Played()):
        utterance.record(message)
    assert utterance.again() == [run, SECOND, stop]
    assert utterance.statistics().resent == 1


def test_a_new_run_is_a_new_command() -> None:
    utterance = Utterance()
    for message in (RunPipeline(), SECOND, RunPipeline(), SECOND):
        utterance.record(message)
    assert len(utterance.again()) == 2


def test_it_keeps_30_s_and_counts_the_rest() -> None:
    utterance = Utterance()
    utterance.record(RunPipeline())
    for _ in range(40):
        utterance.record(SECOND)
    utterance.record(MicStop())
    assert len(utterance.again()) == 2 + LONGEST_S
    assert utterance.statistics().dropped_bytes == 10 * 32_000


def test_what_is_forgotten_is_gone_and_nothing_is_added_to_it() -> None:
    utterance = Utterance()
    utterance.record(RunPipeline())
    utterance.record(SECOND)
    utterance.forget()
    utterance.record(SECOND)
    utterance.record(MicStop())
    assert utterance.again() == []
    assert utterance.statistics().held_bytes == 0
