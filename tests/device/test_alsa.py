"""The ALSA door, on a card that gives a kernel card's return codes."""

from __future__ import annotations

import errno
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes_device import wait_until
from satcard.satcard import VirtualCards, bare_config

from satellite.config import MicrophoneConfig, SpeakerConfig
from satellite.core.audio import AudioFormat
from satellite.core.errors import (
    DeviceBusy,
    DeviceDenied,
    DeviceError,
    DeviceLost,
    DeviceNotFound,
    DeviceUnsupported,
)
from satellite.device.alsa import AlsaSink, AlsaSource, check, probe

MIC = MicrophoneConfig()
# A buffer that a reader who shares the machine does not miss.
ROOMY = replace(MIC, buffer_ms=5000.0)
SPEAKER = SpeakerConfig()
# Of 440 Hz, in a second.
TURN = 2 * np.pi * 440
MakeCards = Callable[..., VirtualCards]


def counted(count: int) -> np.ndarray:
    """Samples that tell their own position, and none of which is silence."""
    return (np.arange(count) % 30_000 + 1).astype(np.int16)


def read_for(source: AlsaSource, enough: Callable[[bytes, int], bool], timeout_s: float = 20.0) -> tuple[bytes, int]:
    """Read until `enough(pcm, overruns)`."""
    pcm, overruns = bytearray(), 0

    def is_enough() -> bool:
        nonlocal overruns
        captured = source.read()
        pcm.extend(captured.pcm)
        overruns += captured.overrun
        return enough(bytes(pcm), overruns)

    wait_until(is_enough, timeout_s)
    return bytes(pcm), overruns


def heard_run(cards: VirtualCards, sink: AlsaSink, sound: np.ndarray) -> bool:
    """Whether the speaker has played `sound` without a gap; the card's clock runs when it is asked for its position."""
    sink.queued_frames()
    heard = cards.heard()
    start = np.flatnonzero(heard == sound[0])
    return len(start) > 0 and np.array_equal(heard[start[0] : start[0] + len(sound)], sound)


# Reading


def test_what_is_said_arrives_bit_by_bit(cards: VirtualCards) -> None:
    cards.speed("mic", 4)
    expect_all_that_is_said(cards)


def expect_all_that_is_said(cards: VirtualCards) -> None:
    """Of more than a second of sound every sample is read, and none is lost."""
    cards.say(counted(20_000))
    source = AlsaSource("satmic", ROOMY)
    pcm, overruns = read_for(source, lambda pcm, _: len(pcm) >= 41_000)
    samples = np.frombuffer(pcm, "<i2")
    assert overruns == 0
    np.testing.assert_array_equal(samples[samples != 0][:20_000], counted(20_000))
    source.close()


def test_a_read_never_waits(cards: VirtualCards) -> None:
    source = AlsaSource("satmic", MIC)
    source.read()
    cards.stall("mic")
    began_s = time.monotonic()
    for _ in range(1000):
        source.read()
    assert time.monotonic() - began_s < 1000 * source.period_s / 2
    source.close()


def test_an_overrun_is_told_once_and_reading_goes_on(cards: VirtualCards) -> None:
    source = AlsaSource("satmic", MIC)
    read_for(source, lambda pcm, _: len(pcm) > 0)
    cards.xrun("mic")
    _, overruns = read_for(source, lambda _, overruns: overruns == 1)
    _, more = read_for(source, lambda pcm, _: len(pcm) > 2000)
    assert (overruns, more) == (1, 0)
    source.close()


def test_a_late_reader_gets_an_overrun(cards: VirtualCards) -> None:
    cards.speed("mic", 4)
    source = AlsaSource("satmic", replace(MIC, buffer_ms=64.0))
    source.read()
    began_s = time.monotonic()
    wait_until(lambda: time.monotonic() - began_s > 0.05)
    read_for(source, lambda _, overruns: overruns == 1)
    source.close()


def test_unplugging_gives_a_short_block_then_device_lost_for_ever_and_replugging_opens_again(
    cards: VirtualCards,
) -> None:
    source = AlsaSource("satmic", MIC)
    read_for(source, lambda pcm, _: len(pcm) > 0)
    cards.unplug("mic")
    with pytest.raises(DeviceLost, match=r"microphone satmic failed: No such device"):
        read_for(source, lambda *_: False)
    with pytest.raises(DeviceLost):
        source.read()
    source.close()
    with pytest.raises(DeviceNotFound, match="unplugged"):
        AlsaSource("satmic", MIC)
    cards.plug("mic")
    again = AlsaSource("satmic", MIC)
    read_for(again, lambda pcm, _: len(pcm) > 0)
    again.close()


@pytest.mark.parametrize(("number", "text"), [(errno.EIO, "Input/output error"), (errno.ESTRPIPE, "Streams pipe")])
def test_other_errors_of_a_read_are_a_loss_that_names_them(cards: VirtualCards, number: int, text: str) -> None:
    source = AlsaSource("satmic", MIC)
    cards.errno("mic", number)
    with pytest.raises(DeviceLost, match=text):
        read_for(source, lambda *_: False)
    source.close()


def test_an_interrupted_read_is_no_loss(cards: VirtualCards) -> None:
    source = AlsaSource("satmic", MIC)
    cards.errno("mic", errno.EINTR)
    read_for(source, lambda pcm, _: len(pcm) >= 1000)
    assert not (cards.directory / "mic" / "errno").exists()
    source.close()


def test_a_closed_source_says_so(cards: VirtualCards) -> None:
    source = AlsaSource("satmic", MIC)
    source.close()
    source.close()
    with pytest.raises(DeviceLost, match="closed"):
        source.read()


def test_a_fast_crystal_loses_nothing(cards: VirtualCards) -> None:
    cards.speed("mic", 1.01)
    expect_all_that_is_said(cards)


# What is granted


def test_16_khz_mono_with_a_period_of_256_and_half_a_second_of_buffer_is_asked_for(cards: VirtualCards) -> None:
    source = AlsaSource("satmic", MIC)
    assert source.format == AudioFormat(16_000, 1, 2)
    assert source.period_s == 0.016
    assert "period 16 ms, buffer 496 ms" in source.description
    params = cards.wait_for("mic", "hw_params")[-1]
    assert params[4:] == ["rate=16000", "channels=1", "format=S16_LE", "period=256", "buffer=7936"]
    source.close()


def test_a_card_with_another_rate_and_channels_says_so_and_keeps_the_period_in_time(make_cards: MakeCards) -> None:
    cards = make_cards(mic_rates=[48_000], mic_channels=[2])
    cards.speed("mic", 4)
    sound = counted(4800)
    cards.say(np.column_stack([sound, -sound]))
    source = AlsaSource("satmic", ROOMY)
    assert source.format == AudioFormat(48_000, 2, 2)
    assert source.period_s == 0.016
    pcm, _ = read_for(source, lambda pcm, _: len(pcm) >= 4800 * 4 + 8000)
    stereo = np.frombuffer(pcm, "<i2").reshape(-1, 2)
    np.testing.assert_array_equal(stereo[stereo[:, 0] != 0][:4800], np.column_stack([sound, -sound]))
    source.close()


def test_alsas_converter_gives_what_was_asked_from_any_card(make_cards: MakeCards) -> None:
    cards = make_cards(mic_rates=[48_000], mic_channels=[2])
    # Its buffer is always full.
    cards.speed("mic", 1_000)
    cards.be_patient()
    cards.say(np.rint(10_000 * np.sin(TURN * np.arange(96_000) / 48_000)).astype(np.int16))
    source = AlsaSource("plugmic", MIC)
    assert source.format == AudioFormat(16_000, 1, 2)
    pcm, overruns = read_for(source, lambda pcm, _: len(pcm) >= 2 * 30_000)
    heard, angle = np.frombuffer(pcm, "<i2")[1_000:29_000].astype(float), TURN * np.arange(28_000) / 16_000
    waves = np.column_stack([np.sin(angle), np.cos(angle)])
    left = heard - waves @ np.linalg.lstsq(waves, heard, rcond=None)[0]
    assert overruns == 0
    assert np.std(left) < np.std(heard) / 50, "nothing is missing, and nothing comes twice"
    source.close()


def test_a_card_with_32_bit_samples_is_read_and_played_in_16(make_cards: MakeCards) -> None:
    cards = make_cards(mic_formats=["S32_LE"], speaker_formats=["S32_LE"])
    cards.speed("mic", 4)
    cards.say(counted(4000))
    source, sink = AlsaSource("satmic", ROOMY), AlsaSink("satspk", SPEAKER)
    assert source.format == AudioFormat(16_000, 1, 2)
    assert sink.format == AudioFormat(48_000, 1, 2)
    pcm, _ = read_for(source, lambda pcm, _: len(pcm) >= 12_000)
    samples = np.frombuffer(pcm, "<i2")
    np.testing.assert_array_equal(samples[samples != 0], counted(4000))
    sink.write(counted(2000).tobytes())
    wait_until(lambda: heard_run(cards, sink, counted(2000)))
    source.close()
    sink.close()


def test_a_card_whose_samples_cannot_be_converted_is_refused_by_name(make_cards: MakeCards) -> None:
    make_cards(mic_formats=["MU_LAW"])
    with pytest.raises(DeviceUnsupported, match=r"satmic has samples of type MU_LAW.*plughw"):
        AlsaSource("satmic", MIC)


# Opening


def test_a_card_that_is_open_already_is_busy(cards: VirtualCards) -> None:
    source = AlsaSource("satmic", MIC)
    with pytest.raises(DeviceBusy, match="microphone satmic is in use by another program"):
        AlsaSource("satmic", MIC)
    source.close()
    AlsaSource("satmic", MIC).close()


@pytest.mark.parametrize(
    ("number", "kind", "advice"),
    [
        (errno.EBUSY, DeviceBusy, "in use by"),
        (errno.EACCES, DeviceDenied, "usermod -aG audio"),
        (errno.EPERM, DeviceDenied, "usermod -aG audio"),
        (errno.ENOENT, DeviceNotFound, "--list-devices"),
        (errno.ENXIO, DeviceNotFound, "libasound2-plugins"),
        (errno.EINVAL, DeviceUnsupported, "asoundrc"),
        (errno.ECONNREFUSED, DeviceLost, "sound server"),
        (errno.EIO, DeviceLost, "Input/output error"),
    ],
)
def test_each_reason_why_a_card_does_not_open_has_its_error_and_advice(
    cards: VirtualCards, number: int, kind: type[DeviceError], advice: str
) -> None:
    cards.openerr("speaker", number)
    with pytest.raises(kind, match=advice) as caught:
        AlsaSink("satspk", SPEAKER)
    assert type(caught.value) is kind
    assert str(caught.value).startswith("speaker satspk ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["nosuch", "hw:CARD=NoSuch", "plughw:7"])
def test_an_unknown_name_is_not_found(cards: VirtualCards, name: str) -> None:
    with pytest.raises(DeviceNotFound):
        AlsaSource(name, MIC)


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ("pcm.broken { type", DeviceUnsupported),
        ('pcm.broken { type hw card "NoSuch" }', DeviceNotFound),
        ("pcm.broken { type nosuchplugin }", DeviceNotFound),
        ("", DeviceNotFound),
    ],
    ids=["syntax error", "no such card", "plugin not installed", "nothing configured"],
)
def test_mistakes_in_alsas_configuration_are_told_as_what_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: str, kind: type[DeviceError]
) -> None:
    (tmp_path / "asound.conf").write_text(config + "\n")
    monkeypatch.setenv("ALSA_CONFIG_PATH", f"{bare_config(tmp_path) if config else ''}:{tmp_path}/asound.conf")
    with pytest.raises(kind) as caught:
        AlsaSource("broken", MIC)
    assert type(caught.value) is kind


def test_a_device_that_hangs_in_its_open_does_not_hang_this_process(cards: VirtualCards) -> None:
    cards.opendelay("mic", 5000)
    ticks = []
    stop = threading.Event()

    def tick() -> None:
        while not stop.wait(0.01):
            ticks.append(time.monotonic())

    ticker = threading.Thread(target=tick)
    ticker.start()
    with pytest.raises(DeviceLost, match="does not answer"):
        check("satmic", "capture", answer_s=1)
    stop.set()
    ticker.join()
    assert np.diff(ticks).max() < 0.9, "of the second that was waited for"


def test_a_driver_that_crashes_in_its_open_does_not_take_this_process_with_it(cards: VirtualCards) -> None:
    cards.crash("mic")
    with pytest.raises(DeviceLost, match=r"breaks the program that opens it \(exit code -11\)"):
        AlsaSource("satmic", MIC)


def test_what_libasound_prints_is_not_shown(cards: VirtualCards) -> None:
    program = (
        "from satellite.config import MicrophoneConfig\n"
        "from satellite.device.alsa import AlsaSource\n"
        "for name in ('nosuch', 'plughw:7', 'hw:CARD=NoSuch'):\n"
        "    try: AlsaSource(name, MicrophoneConfig())\n"
        "    except Exception as error: print(type(error).__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["DeviceNotFound"] * 3
    assert done.stderr == ""


def test_a_probe_tells_what_a_card_can_do(make_cards: MakeCards) -> None:
    make_cards(mic_rates=[16_000, 44_100, 48_000], mic_channels=[1, 2], mic_formats=["S16_LE", "S32_LE"])
    can = probe("satmic", "capture")
    assert can.formats == ("S16_LE", "S32_LE")
    assert can.rates_hz == (16_000, 44_100, 48_000)
    assert can.channels == (1, 2)
    assert can.card is None


# Playing


def test_what_is_written_is_played_bit_by_bit_and_writing_waits_for_room(cards: VirtualCards) -> None:
    cards.speed("speaker", 4)
    sink = AlsaSink("satspk", SPEAKER)
    assert sink.format == AudioFormat(48_000, 1, 2)
    assert sink.period_frames == 960
    sound = counted(28_800)
    began_s = time.monotonic()
    for start in range(0, len(sound), 960):
        sink.write(sound[start : start + 960].tobytes())
    took_s = time.monotonic() - began_s
    assert took_s > 0.10
    wait_until(lambda: heard_run(cards, sink, sound))
    sink.close()


def test_queued_frames_fall_to_zero_as_they_are_heard(cards: VirtualCards) -> None:
    sink = AlsaSink("satspk", SPEAKER)
    assert sink.queued_frames() == 0
    sink.write(bytes(960 * 2 * 4))
    assert 0 < sink.queued_frames() <= 960 * 4
    wait_until(lambda: sink.queued_frames() == 0)
    sink.close()


def test_an_underrun_is_counted_and_the_block_written_again(cards: VirtualCards) -> None:
    cards.speed("speaker", 0.25)
    sink = AlsaSink("satspk", SPEAKER)
    sink.write(counted(960).tobytes())
    wait_until(lambda: sink.queued_frames() == 0)
    second = -counted(960)
    sink.write(second.tobytes())
    assert sink.underruns == 1
    wait_until(lambda: heard_run(cards, sink, second))
    sink.close()


def test_a_forced_xrun_loses_no_written_block(cards: VirtualCards) -> None:
    cards.speed("speaker", 0.25)
    sink = AlsaSink("satspk", SPEAKER)
    cards.xrun("speaker")
    sink.write(counted(960).tobytes())
    sink.write((-counted(960)).tobytes())
    assert sink.underruns <= 1
    wait_until(lambda: heard_run(cards, sink, -counted(960)))
    sink.close()


def test_unplugging_while_playing_is_a_loss(cards: VirtualCards) -> None:
    sink = AlsaSink("satspk", SPEAKER)
    sink.write(bytes(1920))
    cards.unplug("speaker")
    with pytest.raises(DeviceLost, match="speaker satspk failed: No such device"):
        for _ in range(100):
            sink.write(bytes(1920))
    assert sink.queued_frames() == 0
    sink.close()


def test_a_usb_speaker_fails_with_an_input_output_error_first(cards: VirtualCards) -> None:
    sink = AlsaSink("satspk", SPEAKER)
    cards.errno("speaker", errno.EIO)
    with pytest.raises(DeviceLost, match="Input/output error"):
        sink.write(bytes(1920))
    sink.close()


def test_an_interrupted_write_is_done_again(cards: VirtualCards) -> None:
    sink = AlsaSink("satspk", SPEAKER)
    cards.errno("speaker", errno.EINTR)
    sink.write(counted(960).tobytes())
    wait_until(lambda: heard_run(cards, sink, counted(960)))
    sink.close()


def test_a_write_that_was_cut_short_goes_on_where_it_was(cards: VirtualCards) -> None:
    sink = AlsaSink("satspk", SPEAKER)
    sound = counted(19_200)
    writer = threading.Thread(target=sink.write, args=(sound.tobytes(),))
    writer.start()
    wait_until(lambda: len(cards.heard()) > 0)
    cards.errno("speaker", errno.EINTR)
    writer.join()
    wait_until(lambda: heard_run(cards, sink, sound))
    assert [event for event in cards.events("speaker") if event[3:] == ["errno", "4"]]
    sink.close()


def test_drop_throws_away_what_is_queued_and_the_next_write_plays_at_once(cards: VirtualCards) -> None:
    sink = AlsaSink("satspk", replace(SPEAKER, buffer_ms=1000.0))
    sink.write(counted(29_000).tobytes())
    sink.drop()
    assert sink.queued_frames() == 0
    assert len(cards.heard()) < 9_600
    again = np.full(960, -5, np.int16)
    sink.write(again.tobytes())
    wait_until(lambda: heard_run(cards, sink, again))
    sink.close()


def test_drain_waits_until_all_was_heard(cards: VirtualCards) -> None:
    sink = AlsaSink("satspk", SPEAKER)
    sink.write(counted(4800).tobytes())
    sink.drain()
    assert heard_run(cards, sink, counted(4800))
    sink.write(counted(960).tobytes())
    sink.close()


def test_drain_gives_up_on_a_card_that_stands_still(cards: VirtualCards) -> None:
    sink = AlsaSink("satspk", SPEAKER)
    sink.write(bytes(4800))
    cards.stall("speaker")
    began_s = time.monotonic()
    sink.drain()
    assert time.monotonic() - began_s < 10.0, "and not for ever"
    sink.close()


def test_close_does_not_play_out_what_is_queued(cards: VirtualCards) -> None:
    cards.speed("speaker", 0.05)
    sink = AlsaSink("satspk", replace(SPEAKER, buffer_ms=1000.0))
    sink.write(bytes(2 * 40_000))
    began_s = time.monotonic()
    sink.close()
    sink.close()
    assert time.monotonic() - began_s < 8.0, "of more than 16 s"
    with pytest.raises(DeviceLost, match="closed"):
        sink.write(bytes(1920))


def test_a_speaker_with_another_rate_says_so(make_cards: MakeCards) -> None:
    make_cards(speaker_rates=[44_100], speaker_channels=[2])
    sink = AlsaSink("satspk", SPEAKER)
    assert sink.format == AudioFormat(44_100, 2, 2)
    assert sink.period_frames == 882
    sink.close()
