"""The capture thread: every sample once, every loss counted, new settings at once, and always stoppable."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from fakes_device import FakeSource, Mailbox, Notebook, wait_until
from satcard.satcard import VirtualCards

from satellite.codec.wav import write_wav
from satellite.config import MicrophoneConfig
from satellite.core.audio import RATE_HZ, AudioFormat, Frame
from satellite.core.effects import Command, ListenSettings
from satellite.core.errors import DeviceBusy, DeviceLost, DeviceNotFound
from satellite.core.events import AudioLost, Device, DeviceFailed, DeviceReady, Event, MicrophoneEnded, WakeDetected
from satellite.core.ports import Captured, Source
from satellite.device.alsa import AlsaSource
from satellite.device.capture import Capture, Patience, pause_s
from satellite.device.wav import WavSource
from satellite.dsp import speex
from satellite.dsp.cue_echo import CueCanceller
from satellite.dsp.echo import EchoCanceller
from satellite.dsp.reference import Reference

MONO = AudioFormat(RATE_HZ, 1, 2)
MIC = MicrophoneConfig()
# A buffer that a capture thread which shares the machine does not miss.
ROOMY = replace(MIC, buffer_ms=5000.0)
PATIENCE = Patience()
SOUND = (np.arange(16_000) % 7_919 + 1).astype(np.int16)
StartCapture = Callable[..., Capture]


@pytest.fixture
def notebook() -> Notebook:
    """The listener."""
    return Notebook()


@pytest.fixture
def mailbox() -> Mailbox:
    """Where the events go."""
    return Mailbox()


@pytest.fixture
def start(notebook: Notebook, mailbox: Mailbox) -> Iterator[StartCapture]:
    """Starts a capture thread, which is stopped at the end, within a second."""
    running: list[Capture] = []

    def start(
        open_source: Callable[[], Source],
        config: MicrophoneConfig = MIC,
        playing: Callable[[], bool] = lambda: False,
        patience: Patience = PATIENCE,
        ears: Notebook = notebook,
        *,
        echo: EchoCanceller | None = None,
        cues: CueCanceller | None = None,
    ) -> Capture:
        running.append(
            Capture(open_source, config, ears, mailbox.post, playing, echo=echo, cues=cues, patience=patience)
        )
        running[-1].start()
        return running[-1]

    yield start
    for capture in running:
        capture.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "capture"]


def put(source: FakeSource, samples: np.ndarray) -> None:
    source.put(samples.astype("<i2").tobytes())


# Sound


def test_every_sample_reaches_the_listener_once_and_in_order(start: StartCapture, notebook: Notebook) -> None:
    source = FakeSource(MONO)
    for block in np.array_split(SOUND, 77):
        put(source, block)
    capture = start(lambda: source)
    wait_until(lambda: notebook.count == len(SOUND))
    np.testing.assert_array_equal(notebook.samples, SOUND)
    statistics = capture.statistics()
    assert (statistics.state, statistics.samples, statistics.lost_samples) == ("open", len(SOUND), 0)
    assert statistics.frames == len([frame for frame in notebook.frames if len(frame.samples)])


@pytest.mark.skipif(bool(speex.missing()), reason="libspeexdsp1 is not installed")
def test_behind_an_echo_canceller_every_sample_has_its_place_and_gaps_are_where_they_were(
    start: StartCapture, notebook: Notebook
) -> None:
    source, reference = FakeSource(MONO), Reference()
    # It plays all the time, so that the canceller is at work.
    reference.wrote((SOUND // 8).tobytes() * 3, MONO, 3 * len(SOUND), time.monotonic())
    start(lambda: source, echo=EchoCanceller(reference, speex.SpeexCanceller()))
    for block in np.array_split(SOUND[:7_777], 20):
        put(source, block)
    wait_until(lambda: notebook.count >= 7_777 - 2 * speex.BLOCK)
    assert notebook.count < 7_777
    time_s = time.monotonic()
    wait_until(lambda: time.monotonic() > time_s + 0.1)
    source.put(overrun=True)
    put(source, SOUND[:1_000])
    wait_until(lambda: bool(notebook.losses))
    assert notebook.losses[0].at == 7_777
    wait_until(lambda: notebook.count >= 7_777 + notebook.losses[0].count + 1_000 - 2 * speex.BLOCK)
    assert notebook.playing[-1]


@pytest.mark.skipif(bool(speex.missing()), reason="libspeexdsp1 is not installed")
def test_during_a_command_the_cues_are_taken_out_and_no_canceller_begins(
    start: StartCapture, notebook: Notebook
) -> None:
    source, reference = FakeSource(MONO), Reference()
    echo, cues = EchoCanceller(reference, speex.SpeexCanceller()), CueCanceller(reference)
    capture = start(lambda: source, echo=echo, cues=cues)
    capture.apply(ListenSettings(Command(1, None)))
    put(source, SOUND[:160])
    wait_until(lambda: notebook.count == 160)
    reference.wrote((SOUND // 8).tobytes() * 3, MONO, 3 * len(SOUND), time.monotonic())
    for block in np.array_split(SOUND[160:7_777], 20):
        put(source, block)
    wait_until(lambda: notebook.count + cues.held == 7_777)
    assert 0 < cues.held <= 4_800 + 160
    assert not echo.active
    capture.apply(ListenSettings())
    wait_until(lambda: notebook.count == 7_777)
    assert cues.held == 0


@pytest.mark.parametrize("what", ["mute", "overrun", "end"])
def test_what_is_held_back_when_a_command_is_cut_off_comes_before_what_follows_and_muted_as_muted(
    start: StartCapture, notebook: Notebook, what: str
) -> None:
    source, reference = FakeSource(MONO), Reference()
    cues = CueCanceller(reference)
    capture = start(lambda: source, cues=cues)
    capture.apply(ListenSettings(Command(1, None)))
    put(source, SOUND[:160])
    wait_until(lambda: notebook.count == 160)
    reference.wrote((SOUND // 8).tobytes() * 3, MONO, 3 * len(SOUND), time.monotonic())
    # It sounds from 30 ms later on, as far as is known.
    for block in np.array_split(SOUND[160:4_000], 20):
        put(source, block)
    wait_until(lambda: notebook.count + cues.held == 4_000)
    passed = notebook.count
    assert passed < 4_000
    match what:
        case "mute":
            capture.apply(ListenSettings(muted=True))
        case "overrun":
            source.put(overrun=True)
        case "end":
            source.fail(EOFError())
    wait_until(lambda: notebook.count >= 4_000)
    np.testing.assert_array_equal(notebook.samples[:4_000], SOUND[:4_000])
    assert cues.held == 0
    told = zip(notebook.frames, notebook.settings, strict=True)
    late = {settings.muted for frame, settings in told if frame.start >= passed and len(frame.samples)}
    assert late == {what == "mute"}
    wait_until(lambda: what != "end" or notebook.flushed)
    assert all(loss.at == 4_000 for loss in notebook.losses)


class Alarm(Notebook):
    """Hears a wake word in the 400th sample of every frame."""

    def feed(self, frame: Frame, settings: ListenSettings, playing: bool) -> list[Event]:
        super().feed(frame, settings, playing)
        return [WakeDetected("a", "A", 1.0, frame.start + 400, -60.0)] if len(frame.samples) else []


def test_a_wake_word_is_dated_by_the_capture_of_its_sample(start: StartCapture, mailbox: Mailbox) -> None:
    source = FakeSource(MONO)
    put(source, SOUND[:1_600])
    before_s = time.monotonic()
    start(lambda: source, ears=Alarm())
    (wake,) = mailbox.wait_for(WakeDetected)
    assert isinstance(wake, WakeDetected)
    assert wake.captured_s is not None
    assert before_s <= wake.captured_s + 1_200 / RATE_HZ <= time.monotonic()


def test_another_rate_and_two_channels_become_16_khz_mono(start: StartCapture, notebook: Notebook) -> None:
    source = FakeSource(AudioFormat(48_000, 2, 2))
    tone = np.rint(8000 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000))
    for block in np.array_split(np.column_stack([tone, tone]), 50):
        put(source, block)
    start(lambda: source)
    wait_until(lambda: notebook.count > 15_000)
    expected = 8000 * np.sin(2 * np.pi * 440 * np.arange(notebook.count) / RATE_HZ)
    assert np.abs(notebook.samples - expected)[200:-200].max() < 3


def test_one_channel_can_be_chosen(start: StartCapture, notebook: Notebook) -> None:
    source = FakeSource(AudioFormat(RATE_HZ, 2, 2))
    put(source, np.column_stack([-SOUND, SOUND]))
    start(lambda: source, replace(MIC, channel=1))
    wait_until(lambda: notebook.count == len(SOUND))
    np.testing.assert_array_equal(notebook.samples, SOUND)


def test_a_channel_that_the_card_has_not_is_a_failure_that_says_so(start: StartCapture, mailbox: Mailbox) -> None:
    source = FakeSource(MONO)
    start(lambda: source, replace(MIC, channel=1))
    (failed,) = mailbox.wait_for(DeviceFailed)
    assert "microphone.channel: there is no channel 1" in str(failed)
    assert source.closed_in


def test_the_first_sound_announces_the_microphone(start: StartCapture, mailbox: Mailbox) -> None:
    source = FakeSource(MONO)
    capture = start(lambda: source)
    wait_until(lambda: capture.statistics().description == source.description)
    assert mailbox.events == []
    put(source, SOUND[:10])
    assert mailbox.wait_for(DeviceReady) == [DeviceReady(Device.MICROPHONE, source.description)]


def test_events_of_the_listener_are_posted_in_order(start: StartCapture, mailbox: Mailbox) -> None:
    source = FakeSource(MONO)
    source.put(overrun=True)
    put(source, SOUND[:10])
    source.put(overrun=True)
    start(lambda: source)
    mailbox.wait_for(AudioLost)
    positions = [event.at for event in mailbox.of(AudioLost) if isinstance(event, AudioLost)]
    assert positions == sorted(positions)


# Settings


def test_new_settings_reach_the_listener_at_once_even_without_sound(start: StartCapture, notebook: Notebook) -> None:
    source = FakeSource(MONO, period_s=30.0)
    capture = start(lambda: source)
    put(source, SOUND[:100])
    wait_until(lambda: capture.statistics().description != "")
    settings = ListenSettings(command=Command(1, 50))
    began_s = time.monotonic()
    capture.apply(settings)
    wait_until(lambda: settings in notebook.settings, timeout_s=30.0)
    assert time.monotonic() - began_s < source.period_s / 10, "and not when the period is over"
    assert len(notebook.frames[-1].samples) == 0


def test_what_was_told_before_the_start_is_in_force_from_the_first_sample_on(notebook: Notebook) -> None:
    source, muted = FakeSource(MONO), ListenSettings(muted=True)
    put(source, SOUND)
    capture = Capture(lambda: source, MIC, notebook, Mailbox().post, lambda: False)
    capture.apply(muted)
    capture.start()
    wait_until(lambda: notebook.count == len(SOUND))
    capture.stop()
    assert all(settings is muted for settings in notebook.settings)


def test_the_latest_settings_are_with_every_frame(start: StartCapture, notebook: Notebook) -> None:
    source = FakeSource(MONO)
    capture = start(lambda: source)
    muted = ListenSettings(muted=True)
    capture.apply(ListenSettings())
    capture.apply(muted)
    wait_until(lambda: muted in notebook.settings)
    put(source, SOUND[:100])
    wait_until(lambda: notebook.count == 100)
    assert notebook.settings[-1] is muted


def test_settings_reach_the_listener_while_there_is_no_microphone(start: StartCapture, notebook: Notebook) -> None:
    def unplugged() -> Source:
        raise DeviceNotFound("unplugged")

    capture = start(unplugged)
    muted = ListenSettings(muted=True)
    capture.apply(muted)
    wait_until(lambda: muted in notebook.settings)


def test_settings_reach_the_listener_after_the_end_of_a_file(
    start: StartCapture, notebook: Notebook, mailbox: Mailbox
) -> None:
    source = FakeSource(MONO)
    source.fail(EOFError())
    capture = start(lambda: source)
    mailbox.wait_for(MicrophoneEnded)
    muted = ListenSettings(muted=True)
    capture.apply(muted)
    wait_until(lambda: muted in notebook.settings)


def test_whether_the_speaker_plays_is_told_with_every_frame(start: StartCapture, notebook: Notebook) -> None:
    source = FakeSource(MONO)
    playing = False
    start(lambda: source, playing=lambda: playing)
    put(source, SOUND[:10])
    wait_until(lambda: notebook.count == 10)
    playing = True
    put(source, SOUND[:10])
    wait_until(lambda: notebook.count == 20)
    assert (notebook.playing[0], notebook.playing[-1]) == (False, True)


# Losses


def test_an_overrun_is_a_gap_as_long_as_the_clock_says(start: StartCapture, notebook: Notebook) -> None:
    source = FakeSource(MONO)
    capture = start(lambda: source)
    began_s = time.monotonic()
    put(source, SOUND[:1000])
    wait_until(lambda: notebook.count == 1000)
    heard_s = time.monotonic()
    wait_until(lambda: time.monotonic() - heard_s > 0.3)
    source.put(SOUND[1000:2000].tobytes(), overrun=True)
    wait_until(lambda: notebook.count >= 2000)
    waited_s = time.monotonic() - began_s
    (loss,) = notebook.losses
    assert (loss.at, loss.cause) == (1000, "overrun")
    assert 0.25 * RATE_HZ < loss.count <= waited_s * RATE_HZ + 160
    np.testing.assert_array_equal(notebook.samples[1000 + loss.count :], SOUND[1000:2000])
    statistics = capture.statistics()
    assert (statistics.overruns, statistics.lost_samples) == (1, loss.count)
    assert notebook.count == statistics.samples + statistics.lost_samples


def test_a_short_block_before_an_overrun_comes_before_the_gap(start: StartCapture, notebook: Notebook) -> None:
    """As a card gives it after the process was stopped for a while."""
    source = FakeSource(MONO)
    start(lambda: source)
    put(source, SOUND[:1000])
    wait_until(lambda: notebook.count == 1000)
    heard_s = time.monotonic()
    wait_until(lambda: time.monotonic() - heard_s > 0.2)
    put(source, SOUND[1000:1064])
    source.put(overrun=True)
    put(source, SOUND[1064:2000])
    wait_until(lambda: notebook.count - sum(loss.count for loss in notebook.losses) == 2000)
    (loss,) = notebook.losses
    assert loss.at == 1064
    assert loss.count > 0.15 * RATE_HZ


def test_resampled_sound_before_a_gap_is_complete_before_it(start: StartCapture, notebook: Notebook) -> None:
    """The resampler holds sound back; at a gap it must come out first."""
    source = FakeSource(AudioFormat(48_000, 1, 2))
    start(lambda: source)
    put(source, np.full(4800, 1000))
    wait_until(lambda: notebook.count > 0)
    heard_s = time.monotonic()
    wait_until(lambda: time.monotonic() - heard_s > 0.15)
    source.put(overrun=True)
    wait_until(lambda: len(notebook.losses) == 1)
    assert notebook.losses[0].at == 1600


def test_a_lost_device_is_told_once_and_opened_again_with_its_gap(
    start: StartCapture, notebook: Notebook, mailbox: Mailbox
) -> None:
    first, second = FakeSource(MONO), FakeSource(MONO)
    outcomes: list[Source | Exception] = [first, DeviceNotFound("gone"), DeviceBusy("busy"), second]
    opened_s: list[float] = []

    def open_source() -> Source:
        opened_s.append(time.monotonic())
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    capture = start(open_source)
    began_s = time.monotonic()
    put(first, SOUND[:1000])
    wait_until(lambda: notebook.count == 1000)
    lost_s = time.monotonic()
    first.fail(DeviceLost("unplugged"))
    put(second, SOUND[1000:2000])
    mailbox.wait_for(DeviceReady, 2)
    back_s = time.monotonic()
    assert mailbox.of(DeviceFailed) == [DeviceFailed(Device.MICROPHONE, "unplugged")]
    (loss,) = notebook.losses
    assert loss.cause == "reopen"
    # The block that is heard first was captured while the gap was open.
    assert (opened_s[-1] - lost_s) * RATE_HZ - 1000 <= loss.count <= (back_s - began_s) * RATE_HZ
    np.testing.assert_array_equal(notebook.samples[1000 + loss.count :], SOUND[1000:2000])
    assert capture.statistics().reopens == 1
    assert first.closed_in == [capture._thread]


def test_the_last_words_before_a_loss_are_heard(start: StartCapture, notebook: Notebook) -> None:
    source = FakeSource(MONO)
    put(source, SOUND[:28])
    source.fail(DeviceLost("unplugged"))
    start(lambda: source)
    wait_until(lambda: notebook.count >= 28)
    np.testing.assert_array_equal(notebook.samples[:28], SOUND[:28])


def test_a_microphone_that_gives_no_more_is_lost(start: StartCapture, mailbox: Mailbox) -> None:
    source = FakeSource(MONO)
    put(source, SOUND[:10])
    start(lambda: source, patience=Patience(no_frames_s=0.2))
    (failed,) = mailbox.wait_for(DeviceFailed)
    assert "no sound for 0.2 s" in str(failed)


def test_an_overrun_is_a_sign_of_life(start: StartCapture, mailbox: Mailbox) -> None:
    """A board that is too slow for its microphone is not without one."""
    source = FakeSource(MONO)
    put(source, SOUND[:10])
    capture = start(lambda: source, patience=Patience(no_frames_s=1.5))
    for number in range(1, 6):
        threading.Event().wait(0.4)
        source.put(overrun=True)
        wait_until(lambda number=number: capture.statistics().overruns == number)
    assert mailbox.of(DeviceFailed) == []


def test_a_microphone_that_never_gives_anything_is_told_once(start: StartCapture, mailbox: Mailbox) -> None:
    opened: list[FakeSource] = []

    def open_source() -> Source:
        opened.append(FakeSource(MONO))
        opened[-1].first_sound_s = 0.02
        return opened[-1]

    start(open_source)
    wait_until(lambda: len(opened) >= 3)
    assert len(mailbox.of(DeviceFailed)) == 1
    assert mailbox.of(DeviceReady) == []


def test_a_very_long_gap_is_told_as_the_longest(start: StartCapture, notebook: Notebook) -> None:
    first, second = FakeSource(MONO), FakeSource(MONO)
    sources: list[Source] = [first, second]
    start(lambda: sources.pop(0), patience=Patience(longest_gap_s=0.05))
    put(first, SOUND[:100])
    wait_until(lambda: notebook.count == 100)
    first.fail(DeviceLost("unplugged"))
    wait_until(lambda: len(notebook.losses) == 1)
    assert notebook.losses[0].count == 0.05 * RATE_HZ


def test_a_bug_in_the_listener_is_told_and_not_hidden(mailbox: Mailbox, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Notebook):
        def feed(self, *_: object) -> list:
            raise ZeroDivisionError

    source = FakeSource(MONO)
    put(source, SOUND[:10])
    capture = Capture(lambda: source, MIC, Broken(), mailbox.post, lambda: False)
    capture.start()
    (failed,) = mailbox.wait_for(DeviceFailed)
    assert "ZeroDivisionError" in str(failed)
    capture.stop()
    assert source.closed_in
    assert "Traceback" in caplog.text


# The end


def test_the_end_of_a_file_comes_after_its_last_sample(
    start: StartCapture, notebook: Notebook, mailbox: Mailbox, tmp_path: Path
) -> None:
    write_wav(tmp_path / "a.wav", SOUND.tobytes(), MONO)
    capture = start(lambda: WavSource(tmp_path / "a.wav", paced=False))
    assert mailbox.wait_for(MicrophoneEnded) == [MicrophoneEnded(len(SOUND))]
    np.testing.assert_array_equal(notebook.samples, SOUND)
    assert notebook.flushed
    assert capture.statistics().state == "ended"
    assert mailbox.of(DeviceFailed) == []


def test_the_end_of_a_resampled_file_gives_its_tail_too(
    start: StartCapture, notebook: Notebook, mailbox: Mailbox, tmp_path: Path
) -> None:
    write_wav(tmp_path / "a.wav", bytes(2 * 22_050), AudioFormat(22_050, 1, 2))
    start(lambda: WavSource(tmp_path / "a.wav", paced=False))
    (ended,) = mailbox.wait_for(MicrophoneEnded)
    assert abs(notebook.count - RATE_HZ) <= 1
    assert ended == MicrophoneEnded(notebook.count)


def silent() -> Source:
    return FakeSource(MONO, period_s=30.0)


def unplugged() -> Source:
    raise DeviceNotFound("unplugged")


def ended() -> Source:
    source = FakeSource(MONO)
    source.fail(EOFError())
    return source


@pytest.mark.parametrize("open_source", [silent, unplugged, ended])
def test_it_stops_within_a_second_in_every_state(open_source: Callable[[], Source], notebook: Notebook) -> None:
    capture = Capture(open_source, MIC, notebook, Mailbox().post, lambda: False)
    capture.start()
    wait_until(lambda: capture.statistics().state != "opening" or capture.statistics().description != "")
    # It waits for no longer than that.
    capture.stop()
    capture.stop()
    assert not capture._thread.is_alive()
    assert capture.statistics().state == "stopped"


def test_it_can_be_stopped_before_it_was_started(notebook: Notebook) -> None:
    Capture(silent, MIC, notebook, Mailbox().post, lambda: False).stop()


# On the card


def alsa(name: str, config: MicrophoneConfig = MIC) -> Callable[[], Source]:
    return partial(AlsaSource, name, config)


def test_speech_from_the_card_is_bit_exact(start: StartCapture, notebook: Notebook, cards: VirtualCards) -> None:
    cards.speed("mic", 4)
    cards.say(np.tile(SOUND, 3))
    capture = start(alsa("satmic", ROOMY))
    wait_until(lambda: notebook.count > 50_000)
    samples = notebook.samples
    np.testing.assert_array_equal(samples[samples != 0], np.tile(SOUND, 3))
    assert capture.statistics().overruns == 0


def test_a_48_khz_stereo_card_is_heard(
    start: StartCapture, notebook: Notebook, make_cards: Callable[..., VirtualCards]
) -> None:
    cards = make_cards(mic_rates=[48_000], mic_channels=[2])
    tone = np.rint(8000 * np.sin(2 * np.pi * 440 * np.arange(24_000) / 48_000)).astype(np.int16)
    cards.say(tone)
    start(alsa("satmic"))
    wait_until(lambda: notebook.count > 9_000)
    first = int(np.flatnonzero(notebook.samples)[0])
    expected = 8000 * np.sin(2 * np.pi * 440 * np.arange(7_000) / RATE_HZ)
    heard = notebook.samples[first : first + 7_400].astype(float)
    best = max(float(np.corrcoef(heard[lag : lag + 7_000], expected)[0, 1]) for lag in range(200))
    assert best > 0.999


def test_an_overrun_of_the_card_is_counted_and_later_speech_is_whole(
    start: StartCapture, notebook: Notebook, cards: VirtualCards
) -> None:
    began_s = time.monotonic()
    capture = start(alsa("satmic", ROOMY))
    wait_until(lambda: notebook.count > 1000)
    cards.xrun("mic")
    wait_until(lambda: capture.statistics().overruns == 1)
    took_s = time.monotonic() - began_s
    cards.say(SOUND[:4000])
    wait_until(lambda: np.count_nonzero(notebook.samples) >= 4000)
    samples = notebook.samples
    np.testing.assert_array_equal(samples[samples != 0], SOUND[:4000])
    assert notebook.losses[0].count < took_s * RATE_HZ


def test_the_card_is_unplugged_and_plugged_in_again(
    start: StartCapture, notebook: Notebook, mailbox: Mailbox, cards: VirtualCards
) -> None:
    start(alsa("satmic"))
    mailbox.wait_for(DeviceReady)
    cards.unplug("mic")
    (failed,) = mailbox.wait_for(DeviceFailed)
    assert failed == DeviceFailed(Device.MICROPHONE, "microphone satmic failed: No such device")
    cards.plug("mic")
    mailbox.wait_for(DeviceReady, 2)
    cards.say(SOUND[:2000])
    wait_until(lambda: np.count_nonzero(notebook.samples) >= 2000)
    assert [loss.cause for loss in notebook.losses] == ["reopen"]


def test_a_card_that_hangs_is_lost_after_two_seconds_and_found_again(
    start: StartCapture, mailbox: Mailbox, cards: VirtualCards
) -> None:
    start(alsa("satmic"))
    mailbox.wait_for(DeviceReady)
    began_s = time.monotonic()
    cards.stall("mic")
    (failed,) = mailbox.wait_for(DeviceFailed)
    assert time.monotonic() - began_s > 1.9
    assert "no sound for 2 s" in str(failed)
    cards.go("mic")
    mailbox.wait_for(DeviceReady, 2)


def test_an_error_of_the_card_is_a_short_loss(start: StartCapture, mailbox: Mailbox, cards: VirtualCards) -> None:
    start(alsa("satmic"))
    mailbox.wait_for(DeviceReady)
    cards.errno("mic", 5)
    mailbox.wait_for(DeviceReady, 2)
    (failed,) = mailbox.of(DeviceFailed)
    assert "Input/output error" in str(failed), "and not that it is silent"


def test_a_card_1_percent_fast_loses_nothing_and_reports_nothing(
    start: StartCapture, notebook: Notebook, cards: VirtualCards
) -> None:
    cards.speed("mic", 1.01)
    cards.say(SOUND)
    capture = start(alsa("satmic", ROOMY))
    wait_until(lambda: notebook.count > 17_000)
    samples = notebook.samples
    np.testing.assert_array_equal(samples[samples != 0], SOUND)
    assert capture.statistics().lost_samples == 0


def test_a_microphone_that_opens_too_late_is_closed_and_is_no_bug(
    notebook: Notebook, mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    source, asked, may_open = FakeSource(MONO), threading.Event(), threading.Event()
    put(source, SOUND)

    def open_slowly() -> Source:
        asked.set()
        may_open.wait()
        return source

    capture = Capture(open_slowly, MIC, notebook, mailbox.post, lambda: False)
    capture.start()
    asked.wait()
    capture.stop()
    assert [record.levelname for record in caplog.records if "microphone" in record.message] == ["INFO"]
    may_open.set()
    wait_until(lambda: capture.statistics().state == "stopped")
    assert len(source.closed_in) == 1
    assert (notebook.count, mailbox.events) == (0, [])


def test_it_stops_within_a_second_while_the_card_hangs(
    start: StartCapture, mailbox: Mailbox, cards: VirtualCards
) -> None:
    capture = start(alsa("satmic"))
    mailbox.wait_for(DeviceReady)
    cards.stall("mic")
    # It waits for no longer than a second.
    capture.stop()
    assert capture.statistics().state == "stopped"
    AlsaSource("satmic", MIC).close()


# Captures until its input ends, and tells what it has done whenever it gets a line.
CHILD = """
import sys
sys.path[:0] = sys.argv[1:]
from fakes_device import Notebook, wait_until
from satellite.config import MicrophoneConfig
from satellite.device.alsa import AlsaSource
from satellite.device.capture import Capture
config, notebook = MicrophoneConfig(), Notebook()
capture = Capture(lambda: AlsaSource("satmic", config), config, notebook, lambda event: None, lambda: False)
capture.start()
wait_until(lambda: notebook.count > 1000)
for line in sys.stdin:
    statistics = capture.statistics()
    print(statistics.overruns, statistics.lost_samples, notebook.count, flush=True)
capture.stop()
"""


def test_a_process_that_was_stopped_for_a_second_counts_the_second_as_lost(cards: VirtualCards) -> None:
    tests = Path(__file__).parents[1]
    command = [sys.executable, "-c", CHILD, str(tests), str(tests.parent)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin
        assert child.stdout
        ask, answers = child.stdin, child.stdout

        def tell() -> list[int]:
            ask.write("?\n")
            ask.flush()
            return [int(word) for word in answers.readline().split()]

        assert tell()[:2] == [0, 0]
        stopped_s = time.monotonic()
        child.send_signal(signal.SIGSTOP)
        wait_until(lambda: time.monotonic() - stopped_s > 1.0)
        child.send_signal(signal.SIGCONT)
        wait_until(lambda: tell()[0] == 1)
        overruns, lost, _ = tell()
        took_s = time.monotonic() - stopped_s
        ask.close()
        assert child.wait(5) == 0
    assert overruns == 1
    assert 0.9 * RATE_HZ < lost < (took_s + 0.05) * RATE_HZ


# --- when to look -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [0, 1, 255, 700, 1279])
def test_reads_fall_into_step_with_the_hops_that_wake_words_are_decided_on(first: int) -> None:
    """A card that is always drained, read after each pause: soon each hop's last sample is read as it comes, and no
    more reads are needed than periods."""
    card_s, reads_s = first / RATE_HZ, []
    for _ in range(100):
        card_s += pause_s(int(card_s * RATE_HZ), 0.016)
        reads_s.append(card_s)
    ends_s = [hop * 0.08 for hop in range(2, 15)]
    late_s = [min(read_s for read_s in reads_s if read_s >= end_s) - end_s for end_s in ends_s]
    assert max(late_s) < 0.001
    assert sum(ends_s[0] <= read_s < ends_s[-1] for read_s in reads_s) <= 5 * 12


def test_a_pause_is_never_longer_than_it_may_be_nor_than_a_hop() -> None:
    assert max(pause_s(position, 0.016) for position in range(3_000)) == 0.016
    assert max(pause_s(position, 0.2) for position in range(3_000)) < 0.081


class Dripping(FakeSource):
    """Gives 16 ms of sound at every 16 ms, and notes when it is read."""

    def __init__(self, buffer_s: float) -> None:
        super().__init__(MONO, period_s=0.016)
        self.buffer_s = buffer_s
        self.reads_s: list[float] = []
        self._began_s = time.monotonic()
        self._given = 0

    def read(self) -> Captured:
        now_s = time.monotonic()
        periods = int((now_s - self._began_s) / self.period_s) - self._given
        self._given += periods
        if periods:
            self.reads_s.append(now_s - self._began_s)
        return Captured(bytes(512 * periods))


@pytest.mark.parametrize(
    ("buffer_s", "command", "reads"),
    [(0.5, None, (12, 25)), (0.1, None, (32, 70)), (0.5, Command(1, None), (50, 70))],
)
def test_it_looks_for_sound_once_in_a_hop_and_by_the_period_in_a_command_or_where_the_buffer_is_short(
    start: StartCapture, buffer_s: float, command: Command | None, reads: tuple[int, int]
) -> None:
    source = Dripping(buffer_s)
    start(lambda: source).apply(ListenSettings(command))
    wait_until(lambda: bool(source.reads_s) and source.reads_s[-1] > 1.0)
    least, most = reads
    assert len(source.reads_s) <= most
    # A machine that is busy with other things reads later, and less often.
    assert len(source.reads_s) >= least // 2


def test_what_had_come_before_a_command_was_told_is_heard_before_it(start: StartCapture, notebook: Notebook) -> None:
    source = FakeSource(MONO)
    source.buffer_s = 1_000.0
    capture = start(lambda: source)
    put(source, SOUND[:160])
    wait_until(lambda: notebook.count == 160)
    put(source, SOUND[160:320])
    settings = ListenSettings(Command(1, None))
    capture.apply(settings)
    wait_until(lambda: settings in notebook.settings)
    first = notebook.settings.index(settings)
    assert notebook.frames[first].start == 320
    assert len(notebook.frames[first].samples) == 0
