"""Work that is given up when the board is too slow."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from fakes_device import FakeSource, Mailbox, wait_until
from listen.scripted import ALEXA, JARVIS, LoudIsSpeech, ScriptedWords
from speech import clip, model

from satellite.config import CommandConfig, ListeningConfig, MicrophoneConfig, ProcessingConfig
from satellite.core.audio import RATE_HZ, AudioFormat, Frame, Int16
from satellite.core.effects import ListenSettings
from satellite.core.events import Event, WorkResumed, WorkShed
from satellite.detect.engines import Together
from satellite.detect.microwakeword import MicroModel, MicroWakeWords, missing
from satellite.detect.wakeword import Confirmation, Scores, WakeModel, WakeWords
from satellite.device.capture import Capture
from satellite.listen.listener import Listener
from satellite.listen.overload import LONGEST_EASE_HOPS, Overload, Piece

HOP = 1_280


def watched() -> tuple[Overload, list[str]]:
    given_up: list[str] = []
    pieces = [Piece(name, partial(given_up.append, name), partial(given_up.remove, name)) for name in ("one", "two")]
    return Overload(pieces), given_up


def test_nothing_is_given_up_at_60_percent_or_for_less_than_10_s() -> None:
    overload, given_up = watched()
    for ms, hops in ((48.0, 1_000), (49.0, 100), (20.0, 50), (70.0, 100), (1.0, 50)):
        for _ in range(hops):
            assert overload.took(HOP, ms) == []
    assert given_up == []


def test_after_10_s_above_it_one_piece_is_given_up_then_the_next_and_then_no_more() -> None:
    overload, given_up = watched()
    events = [(hop, event) for hop in range(1_000) for event in overload.took(HOP, 60.0)]
    assert [event for _, event in events] == [WorkShed("one", 60.0), WorkShed("two", 60.0)]
    first, second = (hop for hop, _ in events)
    # The percentile needs 2 s of its own.
    assert (first, second - first) == (24 + 124, 125)
    assert given_up == ["one", "two"]
    assert overload.shed == ("one", "two")


def hours(overload: Overload, ms_alone: float, ms_of_two: float, hops: int) -> list[tuple[int, Event]]:
    """What happens on a board where `two` costs so much and the rest so much."""
    return [
        (hop, event)
        for hop in range(hops)
        for event in overload.took(HOP, ms_alone + (0.0 if "two" in overload.shed else ms_of_two))
    ]


def test_what_was_given_up_comes_back_after_a_minute_of_room_the_last_first() -> None:
    overload, given_up = watched()
    for _ in range(2 * 125 + 24):
        overload.took(HOP, 60.0)
    assert given_up == ["one", "two"]
    # 25 hops until nothing slow is remembered.
    back = [(hop, event) for hop in range(1_600) for event in overload.took(HOP, 24.0)]
    assert back == [(750 + 22, WorkResumed("two")), (2 * 750 + 22, WorkResumed("one"))]
    assert (given_up, overload.shed) == ([], ())


def test_without_room_nothing_comes_back() -> None:
    overload, given_up = watched()
    for ms, hops in ((60.0, 149), (24.1, 2_000), (20.0, 700), (25.0, 100), (20.0, 700)):
        for _ in range(hops):
            overload.took(HOP, ms)
    assert given_up == ["one"]


def test_on_a_board_that_is_too_slow_for_it_a_piece_is_tried_ever_more_seldom() -> None:
    overload, given_up = watched()
    for _ in range(149):
        overload.took(HOP, 60.0)
    events = hours(overload, 5.0, 60.0, 60_000)
    given = [hop for hop, event in events if isinstance(event, WorkShed)]
    taken = [hop for hop, event in events if isinstance(event, WorkResumed)]
    minutes = [(back - gone) * 0.08 / 60 for gone, back in zip(given, taken, strict=False)]
    assert minutes == pytest.approx([1, 2, 4, 8, 16, 32], rel=0.05)
    assert given_up == ["one", "two"], "what is less important waits behind it"


def test_but_every_six_hours_it_is() -> None:
    piece = Piece("slow", lambda: None, lambda: None, ease_hops=LONGEST_EASE_HOPS - 1)
    overload = Overload([piece])
    for ms, hops in ((60.0, 149), (1.0, LONGEST_EASE_HOPS + 30)):
        for _ in range(hops):
            overload.took(HOP, ms)
    assert (overload.shed, piece.ease_hops * 0.08 / 3600) == ((), 6.0)


def test_one_slow_hop_in_25_is_not_too_much_and_two_are() -> None:
    for slow, shed in ((1, 0), (2, 1)):
        overload, given_up = watched()
        for hop in range(160):
            overload.took(HOP, 79.0 if hop % 25 < slow else 10.0)
        assert len(given_up) == shed


@pytest.mark.parametrize("piece", [1, 256, 480, 4_000])
def test_it_does_not_matter_in_which_pieces_the_sound_came(piece: int) -> None:
    overload, given_up = watched()
    for _ in range(0, 200 * HOP, piece):
        overload.took(piece, 60.0 * piece / HOP)
    assert given_up == ["one"]
    assert overload.p95_ms == pytest.approx(60.0)


def full_listener(words: ScriptedWords) -> Listener:
    return Listener(
        CommandConfig(),
        words,  # type: ignore[arg-type]
        LoudIsSpeech(),  # type: ignore[arg-type]
        listening=ListeningConfig(gate=False),
        processing=ProcessingConfig(agc="slow"),
    )


def test_the_order_is_processing_second_look_further_words_silero() -> None:
    words = ScriptedWords({}, (replace(ALEXA, confirmation=Confirmation(speech=0.5)), JARVIS))
    listener = full_listener(words)
    shed = [event.what for _ in range(1_000) for event in listener.took(HOP, 70.0) if isinstance(event, WorkShed)]
    assert shed == [
        "noise suppression and automatic gain",
        "the second look at wake words",
        "wake words but Alexa",
        "Silero: speech is told by its level",
    ]
    assert words.kept == "alexa"
    statistics = listener.statistics()
    assert (statistics.shed, statistics.speech, statistics.hop_p95_ms) == (tuple(shed), "energy", 70.0)
    back = [event.what for _ in range(4_000) for event in listener.took(HOP, 10.0) if isinstance(event, WorkResumed)]
    assert back == shed[::-1]
    statistics = listener.statistics()
    assert (words.kept, statistics.shed, statistics.speech) == ("", (), "Silero")


class SlowWords(ScriptedWords):
    """Two words that need 30 ms each for a hop, by a clock of their own."""

    def __init__(self) -> None:
        super().__init__({})
        self.now_s = 0.0
        self.word_s = 0.03

    def process(self, samples: Int16) -> list[Scores]:
        scores = super().process(samples)
        self.now_s += len(scores) * self.word_s * (1 if self.kept else 2)
        return scores


def test_a_board_that_is_too_slow_for_a_while_loses_its_second_word_keeps_up_and_has_it_back() -> None:
    words, mailbox, source = SlowWords(), Mailbox(), FakeSource(AudioFormat(RATE_HZ, 1, 2))
    listener = Listener(CommandConfig(), words, None, listening=ListeningConfig(gate=False))  # type: ignore[arg-type]
    capture = Capture(
        lambda: source, MicrophoneConfig(), listener, mailbox.post, lambda: False, clock=lambda: words.now_s
    )
    capture.start()
    try:
        for _ in range(400):
            source.put(bytes(2 * HOP))
        (shed,) = mailbox.wait_for(WorkShed)
        assert shed == WorkShed("wake words but Alexa", 60.0)
        wait_until(lambda: capture.statistics().samples == 400 * HOP)
        assert listener.statistics().shed == ("wake words but Alexa",)
        assert listener.statistics().hop_p95_ms == pytest.approx(30.0)
        # What else ran on the board is over.
        words.word_s = 0.01
        for _ in range(900):
            source.put(bytes(2 * HOP))
        assert mailbox.wait_for(WorkResumed) == [WorkResumed("wake words but Alexa")]
        wait_until(lambda: capture.statistics().samples == 1_300 * HOP)
        assert (listener.statistics().shed, words.kept) == ((), "")
        assert listener.statistics().hop_p95_ms == pytest.approx(20.0)
    finally:
        capture.stop()


def test_the_word_that_is_kept_is_heard_as_before_and_the_other_scores_nothing() -> None:
    names = ("hey_jarvis", "alexa")
    words = [WakeModel(name, model(name), name) for name in names]
    sound = np.concatenate(
        [np.zeros(2 * RATE_HZ, np.int16), clip("hey_jarvis"), clip("alexa"), np.zeros(8_000, np.int16)]
    )
    both, one = (WakeWords(words, model("melspectrogram"), model("embedding")) for _ in range(2))
    one.keep_only("hey_jarvis")
    whole, kept = both.process(sound), one.process(sound)
    assert [scores.by_name["hey_jarvis"] for scores in kept] == [scores.by_name["hey_jarvis"] for scores in whole]
    assert {scores.by_name["alexa"] for scores in kept} == {0.0}
    assert max(scores.by_name["alexa"] for scores in whole) > 0.5


def test_a_word_that_was_left_out_for_a_while_is_heard_again_as_before() -> None:
    words = [WakeModel(name, model(name), name) for name in ("hey_jarvis", "alexa")]
    always, gone = (WakeWords(words, model("melspectrogram"), model("embedding")) for _ in range(2))
    sound = np.concatenate([np.zeros(25 * HOP, np.int16), clip("alexa")])
    sound = sound[: len(sound) // HOP * HOP]
    for engine in (always, gone):
        engine.process(sound)
    gone.keep_only("hey_jarvis")
    for engine in (always, gone):
        engine.process(sound)
    gone.keep_all()
    assert gone.process(sound) == always.process(sound)


@pytest.mark.skipif(bool(missing()), reason=missing())
@pytest.mark.parametrize("kept", ["alexa", "okay_nabu"])
def test_an_engine_without_words_computes_none_and_is_warm_16_hops_after_its_words_are_back(kept: str) -> None:
    open_word = WakeWords([WakeModel("alexa", model("alexa"), "Alexa")], model("melspectrogram"), model("embedding"))
    micro_word = MicroWakeWords([MicroModel("okay_nabu", model("okay_nabu"), "Okay Nabu", 0.85, 2.0, 5)])
    both = Together([open_word, micro_word])
    other = {"alexa": "okay_nabu", "okay_nabu": "alexa"}[kept]
    quiet, said = np.zeros(30 * HOP, np.int16), {name: clip(name) for name in ("alexa", "okay_nabu")}
    both.process(np.concatenate([quiet, said[other]]))
    both.keep_only(kept)
    heard = both.process(np.concatenate([quiet, said[other], quiet, said[kept], quiet]))
    assert max(scores.by_name[kept] for scores in heard) > 0.5
    assert max(scores.by_name[other] for scores in heard) == 0
    both.keep_all()
    again = both.process(np.concatenate([quiet, said[other], quiet[: 5 * HOP]]))
    assert not any(scores.by_name[other] for scores in again[:15])
    assert max(scores.by_name[other] for scores in again) > 0.5
    assert [after.at - before.at for before, after in pairwise([*heard, *again])] == [HOP] * (len([*heard, *again]) - 1)


def test_a_frame_that_is_heard_tells_nothing_without_its_time() -> None:
    listener = full_listener(ScriptedWords({}))
    listener.feed(Frame(np.zeros(400 * HOP, np.int16), 0), ListenSettings(), playing=False)
    assert listener.statistics().shed == ()
