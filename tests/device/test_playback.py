"""The playback thread: every sound whole, its end told when it was heard, silence at once, nothing unbounded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from echo_room import for_speaker, voice
from fakes_device import FakeSink, Mailbox, wait_until
from satcard.satcard import VirtualCards

from satellite.codec.wav import read_wav
from satellite.config import SpeakerConfig
from satellite.core.audio import RATE_HZ, AudioFormat
from satellite.core.errors import DeviceLost, DeviceNotFound
from satellite.core.events import Device, DeviceFailed, DeviceReady, PlaybackFinished, PlaybackStarted
from satellite.core.ports import Sink
from satellite.device.alsa import AlsaSink
from satellite.device.playback import Playback
from satellite.device.priority import Priority
from satellite.device.voices import HELD_BYTES
from satellite.device.wav import WavSink
from satellite.dsp.delay import find_delay
from satellite.dsp.reference import Reference

CARD = AudioFormat(48_000, 1, 2)
TTS = AudioFormat(22_050, 1, 2)
SPEAKER = SpeakerConfig(idle_s=0.05)
SOUND = (np.arange(4_800) % 7_919 + 1).astype(np.int16)
StartPlayback = Callable[..., Playback]
# A card that a playback thread which shares the machine keeps up with.
SLOW = 0.2
# What has to be quick is so at least once: what other programs add to it is not ours.
TRIES = 20


@pytest.fixture
def mailbox() -> Mailbox:
    """Where the events go."""
    return Mailbox()


@pytest.fixture
def sink() -> FakeSink:
    """A 48 kHz mono speaker."""
    return FakeSink(CARD)


@pytest.fixture
def start(mailbox: Mailbox) -> Iterator[StartPlayback]:
    """Starts a playback thread, which is stopped at the end, within a second."""
    running: list[Playback] = []

    def start(
        open_sink: Callable[[], Sink | None], config: SpeakerConfig = SPEAKER, reference: Reference | None = None
    ) -> Playback:
        running.append(Playback(open_sink, config, mailbox.post, reference))
        running[-1].start()
        return running[-1]

    yield start
    for playback in running:
        playback.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "playback"]


def play(playback: Playback, source: int, samples: np.ndarray, form: AudioFormat = CARD) -> None:
    playback.begin(source, form)
    playback.feed(source, samples.astype("<i2").tobytes())
    playback.end(source)


def heard_sound(heard: np.ndarray) -> np.ndarray:
    """What was heard without the silence before and after."""
    audible = np.flatnonzero(heard.any(axis=1) if heard.ndim == 2 else heard)
    return heard[audible[0] : audible[-1] + 1] if len(audible) else heard[:0]


# Sound


def test_a_sound_in_the_cards_own_format_is_heard_sample_by_sample(start: StartPlayback, mailbox: Mailbox) -> None:
    sink = FakeSink(CARD, SLOW)
    playback = start(lambda: sink)
    play(playback, 7, SOUND)
    assert mailbox.wait_for(PlaybackFinished) == [PlaybackFinished(7)]
    np.testing.assert_array_equal(heard_sound(sink.heard())[:, 0], SOUND)
    statistics = playback.statistics()
    assert (statistics.finished, statistics.failed, statistics.underruns, statistics.starved) == (1, 0, 0, 0)


def test_what_is_played_is_kept_with_its_time_as_loud_as_it_is_heard(start: StartPlayback, mailbox: Mailbox) -> None:
    sink, reference = FakeSink(CARD, buffer_ms=500), Reference()
    playback = start(lambda: sink, reference=reference)
    playback.set_volume(50)
    off: list[float] = []
    # A busy machine writes a time down late; of two turns at least, one is dated to 10 ms.
    while len(off) < 2 or (min(off) >= 160 and len(off) < TRIES):
        turn, writes = len(off) + 1, len(sink.writes_s)
        play(playback, turn, for_speaker(voice(1, seed=turn)))
        mailbox.wait_for(PlaybackFinished, turn)
        begin = reference.sample_at(sink.writes_s[writes])
        assert begin is not None
        kept = reference.read(round(begin), RATE_HZ)
        found = find_delay(kept, voice(1, seed=turn), -4_800, 4_800)
        assert found.clear > 20
        off.append(abs(found.samples))
        assert np.std(kept) == pytest.approx(np.std(voice(1, seed=turn)) / 4, rel=0.1)
        # The card stands still, and starts anew.
        wait_until(lambda: playback.statistics().state == "resting")
    assert reference.breaks >= 2
    assert min(off) < 160, off


def test_the_first_write_of_a_sound_is_told_with_its_time(start: StartPlayback, mailbox: Mailbox) -> None:
    sink = FakeSink(CARD)
    playback = start(lambda: sink)
    playback.cue("awake", SOUND.tobytes(), CARD)
    wait_until(lambda: len(sink.writes_s) > 1)
    before_s = time.monotonic()
    play(playback, 4, np.tile(SOUND, 3))
    mailbox.wait_for(PlaybackFinished)
    (started,) = mailbox.of(PlaybackStarted)
    assert isinstance(started, PlaybackStarted)
    assert started.source == 4
    assert before_s < started.written_s < sink.writes_s[-1]


def test_played_is_told_when_the_last_sample_was_heard_not_before(start: StartPlayback, mailbox: Mailbox) -> None:
    sink = FakeSink(CARD, SLOW)
    playback = start(lambda: sink)
    began_s = time.monotonic()
    play(playback, 1, np.tile(SOUND, 3))
    mailbox.wait_for(PlaybackFinished)
    took_s = time.monotonic() - began_s
    assert len(heard_sound(sink.heard())) == 3 * len(SOUND)
    assert 0.3 <= took_s * SLOW < 0.45


@pytest.mark.parametrize(
    "form",
    [
        TTS,
        AudioFormat(22_050, 2, 2),
        AudioFormat(8_000, 1, 1),
        AudioFormat(96_000, 2, 3),
        AudioFormat(16_000, 1, 4),
        AudioFormat(44_100, 6, 2),
    ],
    ids=str,
)
def test_any_rate_width_and_channel_count_is_heard_in_full_length_and_clean(
    start: StartPlayback, mailbox: Mailbox, sink: FakeSink, form: AudioFormat
) -> None:
    seconds = 0.3
    time_s = np.arange(int(seconds * form.rate_hz)) / form.rate_hz
    tone = np.sin(2 * np.pi * 1000 * time_s) * 0.5 * 2 ** (8 * form.width_bytes - 1)
    wide = np.rint(tone).astype("<i4")
    narrow = wide.view(np.uint8).reshape(-1, 4)[:, : form.width_bytes]
    pcm = np.repeat(narrow[:, None, :], form.channels, axis=1).tobytes()
    playback = start(lambda: sink)
    playback.begin(1, form)
    for start_byte in range(0, len(pcm), 2_049):
        playback.feed(1, pcm[start_byte : start_byte + 2_049])
    playback.end(1)
    mailbox.wait_for(PlaybackFinished)
    heard = sink.heard()[:, 0].astype(float)
    audible = np.flatnonzero(np.abs(heard) > 200)
    assert abs((audible[-1] - audible[0]) - seconds * 48_000) < 48
    middle = heard[audible[0] + 2_000 : audible[-1] - 2_000]
    basis = 2 * np.pi * 1000 * np.arange(len(middle)) / 48_000
    design = np.column_stack([np.sin(basis), np.cos(basis)])
    weights = np.linalg.lstsq(design, middle, rcond=None)[0]
    error = middle - design @ weights
    floor_db = 45 if form.width_bytes == 1 else 80
    assert abs(float(np.hypot(*weights)) - 16_384) < 200
    assert 10 * np.log10(np.mean((design @ weights) ** 2) / np.mean(error**2)) > floor_db


def test_mono_is_heard_on_both_channels_of_a_stereo_card(start: StartPlayback, mailbox: Mailbox) -> None:
    sink = FakeSink(AudioFormat(48_000, 2, 2))
    play(start(lambda: sink), 1, SOUND)
    mailbox.wait_for(PlaybackFinished)
    np.testing.assert_array_equal(heard_sound(sink.heard()), np.column_stack([SOUND, SOUND]))


def test_two_sounds_of_the_server_are_heard_one_after_the_other(
    start: StartPlayback, mailbox: Mailbox, sink: FakeSink
) -> None:
    playback = start(lambda: sink)
    play(playback, 1, np.full(9_600, 100))
    play(playback, 2, np.full(4_800, 30))
    mailbox.wait_for(PlaybackFinished, 2)
    assert mailbox.of(PlaybackFinished) == [PlaybackFinished(1), PlaybackFinished(2)]
    heard = heard_sound(sink.heard())[:, 0]
    np.testing.assert_array_equal(heard[heard != 0], np.repeat([100, 30], [9_600, 4_800]))


def test_a_cue_is_mixed_over_an_answer_and_nobody_is_told(
    start: StartPlayback, mailbox: Mailbox, sink: FakeSink
) -> None:
    playback = start(lambda: sink)
    play(playback, 1, np.full(48_000, 100))
    playback.cue("awake", np.full(960, 7, "<i2").tobytes(), CARD)
    mailbox.wait_for(PlaybackFinished)
    heard = sink.heard()[:, 0]
    assert np.count_nonzero(heard == 107) == 960
    assert mailbox.of(PlaybackFinished) == [PlaybackFinished(1)]


def test_the_volume_applies_to_what_is_playing(start: StartPlayback, mailbox: Mailbox, sink: FakeSink) -> None:
    playback = start(lambda: sink, replace(SPEAKER, volume=50))
    playback.begin(1, CARD)
    playback.feed(1, np.full(9_600, 1000, "<i2").tobytes())
    wait_until(lambda: bool((sink.heard() == 250).any()))
    playback.set_volume(100)
    playback.feed(1, np.full(9_600, 1000, "<i2").tobytes())
    playback.end(1)
    mailbox.wait_for(PlaybackFinished)
    heard = heard_sound(sink.heard())[:, 0]
    assert heard[0] == 250
    assert heard[-1] == 1000


def test_the_first_sound_reaches_the_speaker_within_a_period_although_no_more_has_come(
    start: StartPlayback, sink: FakeSink, mailbox: Mailbox
) -> None:
    playback = start(lambda: sink)
    mailbox.wait_for(DeviceReady)
    delays_s: list[float] = []
    while min(delays_s, default=1.0) >= 0.05 and len(delays_s) < TRIES:
        wait_until(lambda: playback.statistics().state == "resting")
        source, writes = len(delays_s), len(sink.writes_s)
        playback.begin(source, CARD)
        fed_s = time.monotonic()
        playback.feed(source, SOUND[: sink.period_frames].tobytes())
        wait_until(lambda writes=writes: len(sink.writes_s) > writes)
        delays_s.append(sink.writes_s[writes] - fed_s)
        playback.end(source)
    assert min(delays_s) < 0.05, delays_s


def test_a_sound_that_comes_as_slowly_as_it_plays_has_no_gap(start: StartPlayback, mailbox: Mailbox) -> None:
    sink = FakeSink(CARD, SLOW)
    playback = start(lambda: sink)
    mailbox.wait_for(DeviceReady)
    sound = np.tile(SOUND, 6)
    playback.begin(1, CARD)
    began_s = time.monotonic()
    for number, block in enumerate(np.split(sound, 30)):
        wait_until(lambda due_s=began_s + (number - 2) * 0.02 / SLOW: time.monotonic() >= due_s)
        playback.feed(1, block.tobytes())
    playback.end(1)
    mailbox.wait_for(PlaybackFinished)
    np.testing.assert_array_equal(heard_sound(sink.heard())[:, 0], sound)
    assert playback.statistics().starved == 0


def test_a_starved_sound_goes_on_after_silence_and_nothing_of_it_is_lost(
    start: StartPlayback, mailbox: Mailbox
) -> None:
    sink = FakeSink(CARD, SLOW)
    playback = start(lambda: sink)
    playback.begin(1, CARD)
    playback.feed(1, SOUND.tobytes())
    wait_until(lambda: playback.statistics().starved > 3)
    assert playback.playing
    playback.feed(1, SOUND.tobytes())
    playback.end(1)
    mailbox.wait_for(PlaybackFinished)
    heard = sink.heard()[:, 0]
    np.testing.assert_array_equal(heard[heard != 0], np.tile(SOUND, 2))
    assert sink.underruns == 0


def test_a_sound_begins_when_a_whole_period_of_it_is_there(start: StartPlayback, mailbox: Mailbox) -> None:
    """Else the first crumb would be followed by a gap."""
    sink = FakeSink(CARD, SLOW)
    playback = start(lambda: sink)
    playback.begin(1, CARD)
    playback.feed(1, SOUND[:100].tobytes())
    playback.cue("awake", np.full(960, -1, "<i2").tobytes(), CARD)
    wait_until(lambda: np.count_nonzero(sink.heard()) == 960)
    assert not (sink.heard() > 0).any()
    playback.feed(1, SOUND[100:].tobytes())
    playback.end(1)
    mailbox.wait_for(PlaybackFinished)
    np.testing.assert_array_equal(heard_sound(np.maximum(sink.heard()[:, 0], 0)), SOUND)
    assert playback.statistics().starved == 0


def test_an_empty_sound_is_played_at_once(start: StartPlayback, mailbox: Mailbox, sink: FakeSink) -> None:
    playback = start(lambda: sink)
    playback.begin(5, TTS)
    playback.end(5)
    assert mailbox.wait_for(PlaybackFinished) == [PlaybackFinished(5)]
    assert sink.writes_s == []


@pytest.mark.parametrize("size", [1, 3])
def test_a_sound_of_less_than_a_frame_ends_too(
    start: StartPlayback, mailbox: Mailbox, sink: FakeSink, size: int
) -> None:
    playback = start(lambda: sink)
    playback.begin(5, AudioFormat(22_050, 2, 2))
    playback.feed(5, b"x" * size)
    playback.end(5)
    assert mailbox.wait_for(PlaybackFinished) == [PlaybackFinished(5)]


def test_playing_is_true_from_the_first_byte_to_the_last_sample(
    start: StartPlayback, mailbox: Mailbox, sink: FakeSink
) -> None:
    playback = start(lambda: sink)
    playback.begin(1, CARD)
    assert not playback.playing
    playback.feed(1, SOUND.tobytes())
    assert playback.playing
    playback.end(1)
    assert playback.playing
    mailbox.wait_for(PlaybackFinished)
    assert not playback.playing


# Silence and rest


def test_silence_cuts_everything_at_once_and_nobody_is_told(
    start: StartPlayback, mailbox: Mailbox, sink: FakeSink
) -> None:
    playback = start(lambda: sink)
    play(playback, 1, np.full(96_000, 100))
    playback.begin(2, CARD)
    playback.feed(2, np.full(96_000, 10, "<i2").tobytes())
    wait_until(lambda: bool((sink.heard() == 100).any()))
    playback.silence()
    assert not playback.playing
    wait_until(lambda: sink.drops == 1)
    playback.feed(2, SOUND.tobytes())
    playback.end(2)
    play(playback, 3, SOUND)
    assert mailbox.wait_for(PlaybackFinished) == [PlaybackFinished(3)]
    heard = heard_sound(sink.heard())[:, 0]
    np.testing.assert_array_equal(heard[-len(SOUND) :], SOUND)
    assert playback.statistics().held_bytes == 0


def test_silence_while_nothing_plays_does_not_touch_the_speaker(
    start: StartPlayback, mailbox: Mailbox, sink: FakeSink
) -> None:
    playback = start(lambda: sink)
    mailbox.wait_for(DeviceReady)
    playback.silence()
    play(playback, 1, SOUND)
    mailbox.wait_for(PlaybackFinished)
    assert sink.drops == 0


def test_the_speaker_rests_after_enough_silence_and_plays_again(start: StartPlayback, mailbox: Mailbox) -> None:
    sink = FakeSink(CARD, SLOW)
    playback = start(lambda: sink)
    play(playback, 1, SOUND)
    wait_until(lambda: sink.drains == 1)
    wait_until(lambda: playback.statistics().state == "resting")
    writes = len(sink.writes_s)
    play(playback, 2, SOUND)
    mailbox.wait_for(PlaybackFinished, 2)
    assert len(sink.writes_s) > writes
    assert sink.underruns == 0
    heard = sink.heard()[:, 0]
    np.testing.assert_array_equal(heard[heard != 0], np.tile(SOUND, 2))


def test_a_speaker_that_shall_be_released_is_closed_when_it_rests_and_opened_for_the_next_sound(
    start: StartPlayback, mailbox: Mailbox
) -> None:
    sinks = [FakeSink(CARD) for _ in range(3)]
    unused = list(sinks)
    playback = start(lambda: unused.pop(0), replace(SPEAKER, release=True))
    wait_until(lambda: bool(sinks[0].closed_in))
    play(playback, 1, SOUND)
    mailbox.wait_for(PlaybackFinished)
    wait_until(lambda: bool(sinks[1].closed_in))
    assert playback.statistics().state == "resting"
    play(playback, 2, SOUND)
    mailbox.wait_for(PlaybackFinished, 2)
    np.testing.assert_array_equal(heard_sound(sinks[2].heard())[:, 0], SOUND)
    assert len(mailbox.of(DeviceReady)) == 1
    assert mailbox.of(DeviceFailed) == []


# Without a speaker


def test_without_a_speaker_every_sound_fails_as_soon_as_it_ends(start: StartPlayback, mailbox: Mailbox) -> None:
    def open_sink() -> Sink:
        raise DeviceNotFound("speaker x does not exist")

    playback = start(open_sink)
    assert mailbox.wait_for(DeviceFailed) == [DeviceFailed(Device.SPEAKER, "speaker x does not exist")]
    play(playback, 1, SOUND)
    assert mailbox.wait_for(PlaybackFinished) == [PlaybackFinished(1, failed=True)]
    assert not playback.playing
    assert playback.statistics().held_bytes == 0


def test_sounds_that_wait_for_the_first_open_fail_when_it_fails(start: StartPlayback, mailbox: Mailbox) -> None:
    may_fail = threading.Event()

    def open_sink() -> Sink:
        may_fail.wait(5)
        raise DeviceNotFound("no")

    playback = start(open_sink)
    play(playback, 1, SOUND)
    may_fail.set()
    assert mailbox.wait_for(PlaybackFinished) == [PlaybackFinished(1, failed=True)]
    assert isinstance(mailbox.events[0], DeviceFailed)


def test_when_no_speaker_is_wanted_sounds_fail_without_a_complaint(start: StartPlayback, mailbox: Mailbox) -> None:
    playback = start(lambda: None)
    wait_until(lambda: playback.statistics().state == "none")
    play(playback, 1, SOUND)
    playback.cue("awake", SOUND.tobytes(), CARD)
    assert mailbox.wait_for(PlaybackFinished) == [PlaybackFinished(1, failed=True)]
    assert mailbox.of(DeviceFailed) == []
    assert not playback.playing


def test_a_lost_speaker_fails_what_plays_and_comes_back(start: StartPlayback, mailbox: Mailbox) -> None:
    first, second = FakeSink(CARD), FakeSink(CARD)
    outcomes: list[Sink | Exception] = [first, DeviceNotFound("gone"), second]

    def open_sink() -> Sink:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    playback = start(open_sink)
    play(playback, 1, np.full(48_000, 100))
    playback.begin(2, CARD)
    playback.feed(2, SOUND.tobytes())
    wait_until(lambda: len(sink_sound(first)) > 0)
    first.fail(DeviceLost("unplugged"))
    mailbox.wait_for(DeviceReady, 2)
    playback.end(2)
    play(playback, 3, SOUND)
    mailbox.wait_for(PlaybackFinished, 3)
    assert mailbox.of(DeviceFailed) == [DeviceFailed(Device.SPEAKER, "unplugged")]
    assert mailbox.of(PlaybackFinished) == [
        PlaybackFinished(1, failed=True),
        PlaybackFinished(2, failed=True),
        PlaybackFinished(3),
    ]
    np.testing.assert_array_equal(sink_sound(second), SOUND)
    statistics = playback.statistics()
    assert (statistics.reopens, statistics.finished, statistics.failed) == (1, 1, 2)
    assert first.closed_in == [playback._thread]


def sink_sound(sink: FakeSink) -> np.ndarray:
    return heard_sound(sink.heard())[:, 0]


def test_a_format_that_makes_no_sense_fails_alone(
    start: StartPlayback, mailbox: Mailbox, sink: FakeSink, caplog: pytest.LogCaptureFixture
) -> None:
    playback = start(lambda: sink)
    play(playback, 1, SOUND, AudioFormat(1, 1, 2))
    playback.cue("awake", SOUND.tobytes(), AudioFormat(48_000, 1, 7))
    play(playback, 2, SOUND)
    mailbox.wait_for(PlaybackFinished, 2)
    assert mailbox.of(PlaybackFinished) == [PlaybackFinished(1, failed=True), PlaybackFinished(2)]
    assert "cannot be played" in caplog.text


def test_a_bug_is_told_and_not_hidden(mailbox: Mailbox, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(FakeSink):
        def write(self, pcm: bytes) -> None:
            raise ZeroDivisionError

    sink = Broken(CARD)
    playback = Playback(lambda: sink, SPEAKER, mailbox.post)
    playback.start()
    play(playback, 1, SOUND)
    assert mailbox.wait_for(PlaybackFinished) == [PlaybackFinished(1, failed=True)]
    assert "ZeroDivisionError" in str(mailbox.of(DeviceFailed)[0])
    playback.stop()
    assert sink.closed_in


# Bounds and the end


def test_32_mib_are_held_and_the_rest_is_dropped_and_counted(
    start: StartPlayback, sink: FakeSink, caplog: pytest.LogCaptureFixture
) -> None:
    playback = start(lambda: sink)
    sink.hang()
    playback.begin(1, CARD)
    mebibyte = bytes(1024 * 1024)
    began_s = time.monotonic()
    for _ in range(40):
        playback.feed(1, mebibyte)
    assert time.monotonic() - began_s < 5.0, "and not for as long as the write hangs"
    statistics = playback.statistics()
    assert HELD_BYTES - 100_000 < statistics.held_bytes <= HELD_BYTES
    assert 7 * 1024**2 < statistics.dropped_bytes <= 8 * 1024**2
    assert caplog.text.count("dropped") == 1
    playback.silence()
    assert playback.statistics().held_bytes == 0
    sink.go()


def test_a_write_that_hangs_is_noticed_from_outside(start: StartPlayback, sink: FakeSink) -> None:
    playback = start(lambda: sink)
    assert playback.hung_s() == 0
    sink.hang()
    play(playback, 1, SOUND)
    wait_until(lambda: playback.hung_s() > 0.05)
    assert playback.statistics().hung_s > 0
    sink.go()
    wait_until(lambda: playback.hung_s() < 0.05)


@pytest.mark.parametrize("doing", ["nothing", "playing", "starving", "no speaker"])
def test_it_stops_within_a_second_in_every_state(mailbox: Mailbox, sink: FakeSink, doing: str) -> None:
    def open_sink() -> Sink:
        if doing == "no speaker":
            raise DeviceNotFound("none")
        return sink

    playback = Playback(open_sink, SPEAKER, mailbox.post)
    playback.start()
    wait_until(lambda: bool(mailbox.events))
    if doing in ("playing", "starving"):
        playback.begin(1, CARD)
        playback.feed(1, np.tile(SOUND, 100 if doing == "playing" else 1).tobytes())
        wait_until(lambda: bool(sink.writes_s) and (doing == "playing" or playback.statistics().starved > 0))
    # It waits for no longer than that.
    playback.stop()
    playback.stop()
    assert playback.statistics().state == "stopped"
    assert doing == "no speaker" or sink.closed_in == [playback._thread]
    assert mailbox.of(PlaybackFinished) == []


def test_a_second_start_is_refused_and_the_first_plays_on(
    start: StartPlayback, mailbox: Mailbox, sink: FakeSink
) -> None:
    playback = start(lambda: sink)
    with pytest.raises(RuntimeError, match="once"):
        playback.start()
    play(playback, 1, SOUND)
    assert mailbox.wait_for(PlaybackFinished) == [PlaybackFinished(1)]


def test_it_can_be_stopped_before_it_was_started(mailbox: Mailbox, sink: FakeSink) -> None:
    Playback(lambda: sink, SPEAKER, mailbox.post).stop()


def test_a_speaker_that_opens_too_late_is_closed_and_not_told_of_and_is_no_bug(
    mailbox: Mailbox, sink: FakeSink, caplog: pytest.LogCaptureFixture
) -> None:
    asked, may_open = threading.Event(), threading.Event()

    caplog.set_level("INFO")

    def open_slowly() -> Sink:
        asked.set()
        may_open.wait()
        return sink

    playback = Playback(open_slowly, SPEAKER, mailbox.post)
    playback.start()
    asked.wait()
    playback.stop()
    assert [record.levelname for record in caplog.records if "speaker" in record.message] == ["INFO"]
    may_open.set()
    wait_until(lambda: playback.statistics().state == "stopped")
    assert len(sink.closed_in) == 1
    assert mailbox.of(DeviceReady) == []


def test_a_thread_that_does_not_stop_is_logged_as_a_bug(
    mailbox: Mailbox, sink: FakeSink, caplog: pytest.LogCaptureFixture
) -> None:
    playback = Playback(lambda: sink, SPEAKER, mailbox.post)
    playback.start()
    sink.hang()
    play(playback, 1, SOUND)
    wait_until(lambda: playback.hung_s() > 0)
    playback.stop()
    assert "did not stop" in caplog.text
    sink.go()
    wait_until(lambda: bool(sink.closed_in))


# On a file, and on the card


def test_what_was_played_is_in_the_file(start: StartPlayback, mailbox: Mailbox, tmp_path: Path) -> None:
    playback = start(lambda: WavSink(tmp_path / "heard.wav", CARD))
    play(playback, 1, SOUND)
    mailbox.wait_for(PlaybackFinished)
    playback.stop()
    form, pcm = read_wav(tmp_path / "heard.wav")
    assert form == CARD
    np.testing.assert_array_equal(heard_sound(np.frombuffer(pcm, "<i2")), SOUND)


def alsa(config: SpeakerConfig = SPEAKER) -> Callable[[], Sink]:
    return partial(AlsaSink, "satspk", config)


def test_played_on_the_card_sample_by_sample_and_told_when_it_is_out(
    start: StartPlayback, mailbox: Mailbox, cards: VirtualCards
) -> None:
    cards.speed("speaker", SLOW)
    playback = start(alsa())
    sound = np.tile(SOUND, 5)
    play(playback, 1, sound)
    mailbox.wait_for(PlaybackFinished)
    np.testing.assert_array_equal(heard_sound(cards.heard()), sound)
    assert playback.statistics().underruns == 0


def test_the_card_has_played_silence_before_the_first_sound_when_its_amplifier_needs_that(
    start: StartPlayback, mailbox: Mailbox, cards: VirtualCards
) -> None:
    cards.speed("speaker", SLOW)
    playback = start(alsa(replace(SPEAKER, warm_up_s=0.3)), replace(SPEAKER, warm_up_s=0.3))
    play(playback, 1, SOUND)
    mailbox.wait_for(PlaybackFinished)
    heard = cards.heard()
    assert np.flatnonzero(heard)[0] >= 0.3 * CARD.rate_hz
    np.testing.assert_array_equal(heard_sound(heard), SOUND)
    assert playback.statistics().underruns == 0


def test_silence_on_the_card_within_50_ms(start: StartPlayback, mailbox: Mailbox, cards: VirtualCards) -> None:
    playback = start(alsa())

    def begin(number: int) -> None:
        play(playback, number, np.full(96_000, 5))

    late_s = lateness(cards, begin, playback.silence)
    assert min(late_s) < 0.05, late_s
    play(playback, 99, SOUND)
    assert mailbox.wait_for(PlaybackFinished) == [PlaybackFinished(99)]
    np.testing.assert_array_equal(heard_sound(cards.heard())[-len(SOUND) :], SOUND)


def test_an_alarm_is_gone_from_the_card_within_50_ms(
    start: StartPlayback, mailbox: Mailbox, cards: VirtualCards
) -> None:
    playback = start(alsa())
    alarm = np.full(96_000, 5, "<i2").tobytes()
    late_s = lateness(
        cards,
        lambda _number: playback.cue("timer", alarm, CARD, Priority.ALARM),
        lambda: playback.remove("timer"),
    )
    assert min(late_s) < 0.05, late_s
    play(playback, 99, SOUND)
    assert mailbox.wait_for(PlaybackFinished) == [PlaybackFinished(99)]
    np.testing.assert_array_equal(heard_sound(cards.heard())[-len(SOUND) :], SOUND)


@pytest.mark.parametrize("name", ["timer", 0])
def test_one_of_two_sounds_is_gone_from_the_card_within_50_ms_and_the_other_goes_on_without_a_gap(
    start: StartPlayback, cards: VirtualCards, name: str | int
) -> None:
    late_s: list[float] = []
    while min(late_s, default=1.0) >= 0.05 and len(late_s) < TRIES // 2:
        # Anew each time: one that has run dry writes farther ahead from then on.
        playback = start(alsa())
        playback.begin(0, CARD)
        playback.feed(0, np.full(4 * 48_000, 10_000, "<i2").tobytes())
        wait_until(lambda: cards.heard()[-100:].max(initial=0) == 10_000)
        # Beside speech the alarm is heard as 300, alone as 3,000.
        playback.cue("timer", np.full(4 * 48_000, 3_000, "<i2").tobytes(), CARD, Priority.ALARM)
        wait_until(lambda: cards.heard()[-100:].max(initial=0) == 10_300)
        at = len(cards.heard())
        playback.remove(name)
        wait_until(lambda at=at: len(cards.heard()) > at + 9_600)
        heard = cards.heard()[at : at + 9_600]
        still = np.flatnonzero(heard > (10_000 if name else 5_000))
        late_s.append((still[-1] + 1) / 48_000 if heard.all() and len(still) else 1.0)
        playback.stop()
        cards.forget_heard()
    assert min(late_s) < 0.05, late_s


def test_of_16_sounds_at_once_each_is_gone_within_50_ms_and_the_others_go_on_without_a_gap(
    start: StartPlayback, cards: VirtualCards
) -> None:
    late_s: list[float] = []
    while min(late_s, default=1.0) >= 0.05 and len(late_s) < TRIES:
        # Anew each time: one that has run dry writes farther ahead from then on.
        playback = start(alsa())
        for source in range(16):
            playback.begin(source, TTS, Priority.MEDIA)
            playback.feed(source, np.full(10 * 22_050, 1_000, "<i2").tobytes())
        wait_until(lambda: abs(int(cards.heard()[-100:].max(initial=0)) - 16_000) < 16)
        for left in range(15, 11, -1):
            at = len(cards.heard())
            playback.remove(left)
            wait_until(lambda left=left: cards.heard()[-4_800:].max(initial=0) < left * 1_000 + 500)
            heard = cards.heard()[at:]
            still = np.flatnonzero(heard > left * 1_000 + 500)
            assert heard.all() or playback.statistics().underruns, "a gap"
            late_s.append((still[-1] + 1) / 48_000 if heard.all() and len(still) else 1.0)
        playback.stop()
        cards.forget_heard()
    assert min(late_s) < 0.05, late_s


def lateness(cards: VirtualCards, begin: Callable[[int], None], end: Callable[[], None]) -> list[float]:
    """How long the card took to be silent, or how much was still heard, until it was quick or for TRIES times."""
    late_s: list[float] = []
    while min(late_s, default=1.0) >= 0.05 and len(late_s) < TRIES:
        before = np.count_nonzero(cards.heard())
        begin(len(late_s))
        wait_until(lambda before=before: np.count_nonzero(cards.heard()) > before + 2_000)
        before, asked_s = np.count_nonzero(cards.heard()), time.monotonic()
        end()
        stopped = cards.wait_for("speaker", "stop", len(late_s) + 1)[-1]
        heard_s = (np.count_nonzero(cards.heard()) - before) / 48_000
        late_s.append(max(float(stopped[0]) - asked_s, heard_s))
    return late_s


def test_an_underrun_of_the_card_is_counted_and_the_sound_is_heard_to_its_end(
    start: StartPlayback, mailbox: Mailbox, cards: VirtualCards
) -> None:
    cards.speed("speaker", SLOW)
    playback = start(alsa())
    play(playback, 1, np.tile(SOUND, 4))
    wait_until(lambda: len(heard_sound(cards.heard())) > 2_000)
    cards.xrun("speaker")
    assert mailbox.wait_for(PlaybackFinished) == [PlaybackFinished(1)]
    assert playback.statistics().underruns == 1
    np.testing.assert_array_equal(heard_sound(cards.heard())[-len(SOUND) :], SOUND)


def test_the_card_is_unplugged_while_it_plays_and_plugged_in_again(
    start: StartPlayback, mailbox: Mailbox, cards: VirtualCards
) -> None:
    playback = start(alsa())
    play(playback, 1, np.full(480_000, 5))
    wait_until(lambda: len(heard_sound(cards.heard())) > 2_000)
    cards.unplug("speaker")
    assert mailbox.wait_for(PlaybackFinished) == [PlaybackFinished(1, failed=True)]
    assert mailbox.of(DeviceFailed) == [DeviceFailed(Device.SPEAKER, "speaker satspk failed: No such device")]
    cards.plug("speaker")
    mailbox.wait_for(DeviceReady, 2)
    play(playback, 2, SOUND)
    mailbox.wait_for(PlaybackFinished, 2)
    np.testing.assert_array_equal(heard_sound(cards.heard())[-len(SOUND) :], SOUND)


def test_a_sound_whose_tail_is_in_the_card_when_it_is_unplugged_was_not_heard(
    start: StartPlayback, mailbox: Mailbox, cards: VirtualCards
) -> None:
    """Unplugged with more in it than is ever written ahead: its position stands still, and only a write finds out."""
    cards.speed("speaker", 0.2)
    playback = start(alsa())
    play(playback, 1, SOUND)
    wait_until(lambda: playback.statistics().frames > len(SOUND))
    cards.unplug("speaker")
    assert mailbox.wait_for(PlaybackFinished) == [PlaybackFinished(1, failed=True)]


def test_a_card_that_hangs_is_noticed_from_outside_and_may_go_on(
    start: StartPlayback, mailbox: Mailbox, cards: VirtualCards
) -> None:
    playback = start(alsa())
    play(playback, 1, np.tile(SOUND, 5))
    wait_until(lambda: len(heard_sound(cards.heard())) > 2_000)
    cards.stall("speaker")
    wait_until(lambda: playback.hung_s() > 0.2)
    cards.go("speaker")
    mailbox.wait_for(PlaybackFinished)
    np.testing.assert_array_equal(heard_sound(cards.heard()), np.tile(SOUND, 5))


def test_a_44_khz_stereo_card_is_played_on(
    start: StartPlayback, mailbox: Mailbox, make_cards: Callable[..., VirtualCards]
) -> None:
    cards = make_cards(speaker_rates=[44_100], speaker_channels=[2])
    playback = start(alsa())
    play(playback, 1, np.full(11_025, 1000), TTS)
    mailbox.wait_for(PlaybackFinished)
    heard = cards.heard()
    np.testing.assert_array_equal(heard[:, 0], heard[:, 1])
    assert abs(np.count_nonzero(np.abs(heard[:, 0]) > 100) - 22_050) < 50
