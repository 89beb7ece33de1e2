"""What leaves the device when somebody else listens for the wake word."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from listen.scripted import LoudIsSpeech
from signals import noise, silence, tone

from satellite.config import CommandConfig, ListeningConfig
from satellite.core.audio import RATE_HZ, Frame, Int16
from satellite.core.effects import Command, ListenSettings
from satellite.core.events import Event, RoomAudio, SpeechAudio, SpeechEnded, VoiceBegan, VoiceOver
from satellite.detect.engines import NoWords
from satellite.listen.listener import Listener

WAITING = ListenSettings()
HOP = 1_280


def ears(mode: str, **config: float) -> Listener:
    listening = ListeningConfig(mode=mode, **config)  # type: ignore[arg-type]
    return Listener(CommandConfig(), NoWords(), LoudIsSpeech(), listening=listening)  # type: ignore[arg-type]


def quiet(seconds: float) -> Int16:
    hiss = np.random.default_rng(round(seconds * 1_000)).normal(0, 20, round(seconds * RATE_HZ))
    return hiss.astype(np.int16)


def voice(seconds: float) -> Int16:
    return quiet(seconds) + tone(700, seconds)


def hear(listener: Listener, sound: Int16, piece: int = 256, settings: ListenSettings = WAITING) -> list[Event]:
    events: list[Event] = []
    begin = listener.statistics().samples
    for at in range(0, len(sound), piece):
        events += listener.feed(Frame(sound[at : at + piece], begin + at), settings, playing=False)
    return events


def sent(events: list[Event]) -> Int16:
    """The sound that was given; it must be without a gap within each voice."""
    parts = [event for event in events if isinstance(event, RoomAudio)]
    return np.frombuffer(b"".join(part.pcm for part in parts), np.int16)


def shown(events: list[Event]) -> list[object]:
    return [(event.start, event.pcm) if isinstance(event, RoomAudio) else event for event in events]


def test_listening_itself_nothing_of_the_room_leaves() -> None:
    assert not hear(ears("local"), np.concatenate([quiet(1), voice(1), quiet(1)]))


@pytest.mark.parametrize("mode", ["stream", "service"])
def test_every_sample_of_the_room_is_given_once_and_in_order(mode: str) -> None:
    sound = np.concatenate([quiet(1), voice(1), quiet(1)])
    events = hear(ears(mode), sound)
    whole = len(sound) // HOP * HOP
    np.testing.assert_array_equal(sent(events), sound[:whole])
    ends = [event.end for event in events if isinstance(event, RoomAudio)]
    assert ends == list(range(HOP, whole + 1, HOP))


def test_of_a_voice_250_ms_before_it_to_1_3_s_after_it_are_given() -> None:
    sound = np.concatenate([quiet(2.048), voice(1.024), quiet(4)])
    events = hear(ears("stream-voice"), sound)
    (began,) = [event for event in events if isinstance(event, VoiceBegan)]
    (over,) = [event for event in events if isinstance(event, VoiceOver)]
    first = next(event for event in events if isinstance(event, RoomAudio))
    assert abs(began.at - 2.048 * RATE_HZ) <= 512
    assert first.start == began.at - RATE_HZ // 4
    assert 1.3 <= over.at / RATE_HZ - 3.072 <= 1.4
    last = [event for event in events if isinstance(event, RoomAudio)][-1]
    assert over.at <= last.end < over.at + HOP
    np.testing.assert_array_equal(sent(events), sound[first.start : last.end])


def test_a_pause_within_the_hold_is_one_voice_and_a_longer_one_two() -> None:
    for pause_s, voices in ((1.0, 1), (2.0, 2)):
        sound = np.concatenate([quiet(2), voice(0.8), quiet(pause_s), voice(0.8), quiet(3)])
        events = hear(ears("stream-voice"), sound)
        assert sum(isinstance(event, VoiceBegan) for event in events) == voices
        starts = [(event.start, event.end) for event in events if isinstance(event, RoomAudio)]
        gaps = sum(after[0] != before[1] for before, after in itertools.pairwise(starts))
        assert gaps == voices - 1


def test_a_short_noise_is_no_voice() -> None:
    assert not hear(ears("stream-voice"), np.concatenate([quiet(2), voice(0.15), quiet(3)]))


def test_a_voice_that_does_not_end_is_cut_after_its_longest_and_no_sample_of_it_is_given_twice() -> None:
    sound = np.concatenate([quiet(2), voice(6), quiet(3)])
    events = hear(ears("stream-voice", voice_max_s=2.0), sound)
    assert sum(isinstance(event, VoiceOver) for event in events) >= 3
    parts = [event for event in events if isinstance(event, RoomAudio)]
    assert all(after.start >= before.end for before, after in itertools.pairwise(parts))
    kinds = [type(event) for event in events if isinstance(event, VoiceBegan | VoiceOver)]
    assert kinds == [VoiceBegan, VoiceOver] * (len(kinds) // 2)


def test_unless_told_otherwise_a_voice_is_cut_after_30_s() -> None:
    events = hear(ears("stream-voice"), np.concatenate([quiet(2), voice(31), quiet(3)]), HOP)
    began, over, *_ = [event for event in events if isinstance(event, VoiceBegan | VoiceOver)]
    assert 30 <= (over.at - began.at) / RATE_HZ <= 30.3


@pytest.mark.parametrize("mode", ["stream-voice", "stream", "service"])
@pytest.mark.parametrize("piece", [97, 480, 5_000, 200_000])
def test_it_does_not_matter_how_the_sound_is_cut(mode: str, piece: int) -> None:
    sound = np.concatenate([quiet(1), voice(0.5), quiet(1.6), noise(0.3), silence(0.2)])
    assert shown(hear(ears(mode), sound, piece)) == shown(hear(ears(mode), sound))


@pytest.mark.parametrize("mode", ["stream-voice", "stream", "service"])
def test_muted_nothing_is_given_and_nothing_of_it_afterwards(mode: str) -> None:
    listener = ears(mode)
    hear(listener, np.concatenate([quiet(2), voice(1)]))
    events = hear(listener, voice(2), settings=ListenSettings(muted=True))
    assert not sent(events).any()
    assert not [event for event in events if isinstance(event, VoiceBegan)]
    events = hear(listener, np.concatenate([quiet(1), voice(1)]))
    assert all(event.start >= 5 * RATE_HZ // HOP * HOP for event in events if isinstance(event, RoomAudio))


def test_the_command_goes_on_where_the_room_ended_and_then_the_room_where_the_command_ended() -> None:
    listener = ears("stream")
    before = hear(listener, np.concatenate([quiet(1), voice(1)]))
    heard_to = [event for event in before if isinstance(event, RoomAudio)][-1].end
    command = ListenSettings(Command(1, heard_to))
    during = hear(listener, np.concatenate([quiet(0.5), voice(1), quiet(2)]), settings=command)
    speech = [event for event in during if isinstance(event, SpeechAudio)]
    assert speech[0].start == heard_to
    assert not sent(during).size
    (ended,) = [event for event in during if isinstance(event, SpeechEnded)]
    assert 3.5 * RATE_HZ < ended.at < 4.5 * RATE_HZ
    after = hear(listener, quiet(1))
    assert len(sent(after)) >= RATE_HZ - 2 * HOP
