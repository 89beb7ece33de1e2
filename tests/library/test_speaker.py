"""A speaker for threads, on the virtual card."""

from __future__ import annotations

import inspect
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from fakes_device import wait_until
from satcard.satcard import VirtualCards
from signals import tone

from satellite.codec.wav import read_wav
from satellite.core.errors import DeviceBusy, DeviceLost, DeviceUnsupported, ForkedProcess, NotRunning, SamplesUnfit
from satellite.library.options import OutputOptions
from satellite.library.settings import OutputSettings
from satellite.library.speaker import Speaker

SOUND = (np.arange(24_000) % 7_919 + 1).astype(np.int16)


def trimmed(heard: np.ndarray) -> np.ndarray:
    """Without the silence around."""
    loud = np.flatnonzero(heard)
    return heard[loud[0] : loud[-1] + 1]


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    """Every speaker that a test starts, it stops."""
    yield
    wait_until(lambda: "satellite-speaker" not in [thread.name for thread in threading.enumerate()])


def test_every_sample_is_heard_once_in_order_and_to_the_end(cards: VirtualCards) -> None:
    with Speaker(sample_rate=48_000, device="satspk") as speaker:
        for at in range(0, len(SOUND), 777):
            speaker.write(SOUND[at : at + 777].tobytes())
    assert np.array_equal(trimmed(cards.heard()), SOUND)
    assert cards.events("speaker")[-1][3] == "close"


def test_bytes_and_arrays_may_be_mixed_from_call_to_call(cards: VirtualCards) -> None:
    with Speaker(sample_rate=48_000) as speaker:
        speaker.write(SOUND[:5_000])
        speaker.write(SOUND[5_000:9_000].tobytes())
        speaker.write(SOUND[9_000:, None])
    assert np.array_equal(trimmed(cards.heard()), SOUND)


def test_floats_are_heard_too_clipped_and_without_what_is_no_number(cards: VirtualCards) -> None:
    with Speaker(sample_rate=48_000, dtype="float32") as speaker:
        speaker.write((SOUND / np.float32(32_768)).astype("<f4"))
        speaker.write(np.array([0.5, np.nan, np.inf, 7.0, -7.0, -0.5], "<f4").tobytes())
    heard = trimmed(cards.heard())
    assert np.array_equal(heard[: len(SOUND)], SOUND)
    assert heard[len(SOUND) :].tolist() == [16_384, 0, 0, 32_767, -32_768, -16_384]


def test_stereo_arrays_have_two_columns(make_cards: Callable[..., VirtualCards]) -> None:
    cards = make_cards(speaker_channels=(2,))
    both = np.stack([SOUND, -SOUND], axis=1)
    with Speaker(sample_rate=48_000, channels=2) as speaker:
        speaker.write(both)
    heard = cards.heard()
    begin = np.flatnonzero(heard[:, 0])[0]
    assert np.array_equal(heard[begin : begin + len(both)], both)


@pytest.mark.parametrize("rate_hz", [1_000, 16_000, 22_050, 384_000])
def test_any_rate_of_the_range_is_heard_as_long_as_it_is(cards: VirtualCards, rate_hz: int) -> None:
    sound = tone(200, 0.3, -12, rate_hz)
    with Speaker(sample_rate=rate_hz, device="satspk") as speaker:
        speaker.write(sound)
    heard = cards.heard().astype(float)
    assert 0.28 <= len(trimmed(cards.heard())) / 48_000 <= 0.33
    spectrum = np.abs(np.fft.rfft(heard))
    assert np.argmax(spectrum) * 48_000 / len(heard) == pytest.approx(200, abs=6)


def test_other_types_and_shapes_are_a_type_error_and_nothing_of_them_is_heard(cards: VirtualCards) -> None:
    speaker = Speaker(sample_rate=48_000, channels=2)
    with speaker:
        for wrong in ("text", [1, 2], SOUND, SOUND[:, None], np.zeros((4, 2), np.float32), b"123", None):
            with pytest.raises(TypeError) as raised:
                speaker.write(wrong)  # type: ignore[arg-type]
            assert isinstance(raised.value, SamplesUnfit)
        assert not speaker.is_playing
    assert not cards.heard().any()


def test_playing_is_true_until_all_was_heard_and_drain_waits_for_it(cards: VirtualCards) -> None:
    with Speaker(sample_rate=48_000, device="satspk") as speaker:
        assert not speaker.is_playing
        speaker.write(SOUND)
        assert speaker.is_playing
        speaker.drain()
        assert not speaker.is_playing
        assert np.array_equal(trimmed(cards.heard()), SOUND)
        speaker.drain()


def test_stop_discards_what_was_not_heard_and_another_start_plays_again(cards: VirtualCards) -> None:
    speaker = Speaker(sample_rate=48_000, device="satspk", queue_ms=5_000)
    speaker.start()
    speaker.start()
    speaker.write(np.full(4 * 48_000, -1_000, np.int16))
    wait_until(lambda: len(cards.heard()) > 0)
    speaker.stop()
    speaker.close()
    assert (speaker.is_open, speaker.is_playing) == (False, False)
    assert len(cards.heard()) < 4 * 48_000
    with speaker:
        speaker.write(SOUND)
    heard = cards.heard()
    assert np.array_equal(heard[heard > 0], SOUND)


def test_an_exception_in_the_with_does_not_wait_for_the_sound(cards: VirtualCards) -> None:
    with pytest.raises(KeyError), Speaker(sample_rate=48_000, queue_ms=60_000) as speaker:
        speaker.write(np.full(30 * 48_000, 1_000, np.int16))
        raise KeyError
    assert len(cards.heard()) < 30 * 48_000


def test_a_write_waits_for_room_and_a_stop_wakes_it(cards: VirtualCards) -> None:
    cards.stall("speaker")
    speaker = Speaker(sample_rate=48_000, queue_ms=20)
    speaker.start()
    ended: list[type[BaseException]] = []

    def write() -> None:
        try:
            speaker.write(np.zeros(480_000, np.int16))
        except NotRunning as error:
            ended.append(type(error))

    writer = threading.Thread(target=write)
    writer.start()
    wait_until(lambda: speaker.is_playing)
    cards.go("speaker")
    speaker.stop()
    writer.join(5)
    assert ended == [NotRunning]


def test_a_pause_between_two_writes_is_silence_and_nothing_is_lost(cards: VirtualCards) -> None:
    with Speaker(sample_rate=48_000, device="satspk") as speaker:
        speaker.write(SOUND[:10_000])
        wait_until(lambda: not speaker.is_playing)
        speaker.write(SOUND[10_000:])
    heard = cards.heard()
    assert np.array_equal(heard[heard != 0], SOUND)


def test_writing_to_what_was_never_started_or_was_stopped_is_refused(cards: VirtualCards) -> None:
    speaker = Speaker()
    speaker.stop()
    for act in (lambda: speaker.write(b""), speaker.drain):
        with pytest.raises(NotRunning):
            act()
    with speaker:
        pass
    with pytest.raises(NotRunning, match="call start"):
        speaker.write(bytes(2))
    speaker.drain()


def test_unplugging_is_told_to_the_next_write_and_drain(cards: VirtualCards) -> None:
    speaker = Speaker(sample_rate=48_000, device="satspk")
    speaker.start()
    speaker.write(SOUND)
    cards.unplug("speaker")
    wait_until(lambda: not speaker.is_open)
    for act in (lambda: speaker.write(SOUND), speaker.drain):
        with pytest.raises(DeviceLost, match="satspk"):
            act()
    cards.plug("speaker")
    with speaker:
        speaker.write(SOUND)


def test_what_does_not_open_says_why(cards: VirtualCards) -> None:
    cards.openerr("speaker", 16)
    speaker = Speaker(device="satspk")
    with pytest.raises(DeviceBusy):
        speaker.start()
    assert not speaker.is_open
    with pytest.raises(DeviceUnsupported, match="plays nothing"), Speaker(device="none"):
        pass


def test_an_underrun_of_the_card_is_counted(cards: VirtualCards) -> None:
    with Speaker(sample_rate=48_000, device="satspk") as speaker:
        speaker.write(SOUND[:9_600])
        wait_until(lambda: len(cards.heard()) > 0)
        cards.xrun("speaker")
        speaker.write(SOUND)
        speaker.drain()
        assert speaker.statistics().underruns >= 1


def test_a_file_as_a_speaker_holds_what_was_played(tmp_path: Path) -> None:
    file = tmp_path / "played.wav"
    with Speaker(sample_rate=16_000, device=f"wav:{file}") as speaker:
        speaker.write(SOUND[:4_000])
    form, pcm = read_wav(file)
    assert form.rate_hz == 16_000
    assert np.array_equal(np.frombuffer(pcm, "<i2")[:4_000], SOUND[:4_000])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_is_told_to_make_its_own(cards: VirtualCards) -> None:
    with Speaker() as speaker:
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            refused = 0
            speaker.stop()
            for act in (lambda: speaker.write(b""), speaker.drain, speaker.start):
                try:
                    act()
                except ForkedProcess as error:
                    refused += "spawn" in str(error)
            os.write(write_end, b"%d%d" % (refused, speaker.is_open))
            os._exit(0)
        os.waitpid(child, 0)
        assert os.read(read_end, 8) == b"30"
    os.close(read_end)
    os.close(write_end)


def test_its_repr_tells_what_was_asked_for_and_whether_it_is_open(cards: VirtualCards) -> None:
    speaker = Speaker(device="satspk")
    assert repr(speaker) == "Speaker(sample_rate=16000, channels=1, dtype='int16', device='satspk', closed)"
    with speaker:
        assert repr(speaker).endswith("open)")


def test_its_arguments_its_settings_and_the_options_are_the_same() -> None:
    arguments = list(inspect.signature(Speaker).parameters.values())
    assert arguments.pop().name == "heard_by"
    assert [argument.name for argument in arguments] == [field.name for field in fields(OutputSettings)]
    assert [argument.default for argument in arguments] == [field.default for field in fields(OutputSettings)]
    assert [argument.name for argument in arguments] == list(OutputOptions.__annotations__)
