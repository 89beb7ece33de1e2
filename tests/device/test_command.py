"""Programs as devices: what they say when they fail, and that nothing of them stays behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes_device import wait_until
from programs import DEAF, FAIL, LATE, LISTEN, OVERRUN, SATED, STUBBORN, command
from satcard.satcard import VirtualCards

from satellite.config import MicrophoneConfig, SpeakerConfig
from satellite.core.audio import AudioFormat
from satellite.core.errors import DeviceDenied, DeviceLost, DeviceNotFound, DeviceUnsupported
from satellite.device.command import CommandSink, CommandSource

MIC = MicrophoneConfig()
SPEAKER = SpeakerConfig()


def read_until_lost(source: CommandSource) -> str:
    def never() -> bool:
        source.read()
        return False

    with pytest.raises(DeviceLost) as caught:
        wait_until(never)
    return str(caught.value)


def test_a_program_that_ends_is_lost_with_its_exit_code_and_last_words() -> None:
    with closing(CommandSource(command(FAIL), MIC)) as source:
        assert "ended with exit code 3: main:830: audio open error: Device or resource busy" in read_until_lost(source)


def test_a_program_that_is_killed_is_lost_by_the_signals_name() -> None:
    with closing(CommandSource("sh -c 'kill -9 $$'", MIC)) as source:
        assert read_until_lost(source) == "sh was ended by SIGKILL"


def test_a_program_that_closes_its_pipe_is_lost() -> None:
    with closing(CommandSource("sh -c 'exec >&-; sleep 60'", MIC)) as source:
        assert read_until_lost(source) == "sh closed its pipe"


def test_what_came_before_the_end_is_not_lost(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(range(1, 101)))
    source = CommandSource(f"cat {tmp_path / 'a'}", MIC)
    pcm = bytearray()

    def never() -> bool:
        pcm.extend(source.read().pcm)
        return False

    with closing(source), pytest.raises(DeviceLost, match="cat ended with exit code 0"):
        wait_until(never)
    assert pcm == bytes(range(1, 101))


def test_half_a_frame_waits_for_its_other_half() -> None:
    with closing(
        CommandSource("sh -c 'printf abc; sleep 0.05; printf def; sleep 60'", replace(MIC, channels=2))
    ) as source:
        got: list[bytes] = []

        def is_complete() -> bool:
            got.append(source.read().pcm)
            assert len(got[-1]) % 4 == 0
            return b"".join(got) == b"abcd"

        wait_until(is_complete)


def test_an_overrun_that_the_program_tells_of_is_told_on() -> None:
    with closing(CommandSource(command(OVERRUN), MIC)) as source:
        wait_until(lambda: source.read().overrun)
        assert not any(source.read().overrun for _ in range(10))


def test_rate_and_channels_are_put_into_the_command(tmp_path: Path) -> None:
    config = replace(MIC, rate_hz=48_000, channels=2)
    with closing(CommandSource("sh -c 'printf \"%s\" {rate}/{channels}; sleep 60'", config)) as source:
        assert source.format == AudioFormat(48_000, 2, 2)
        pcm = bytearray()

        def is_complete() -> bool:
            pcm.extend(source.read().pcm)
            return len(pcm) >= 4

        wait_until(is_complete)
        assert pcm == b"48000/2"[:4]


def test_a_program_that_does_not_exist_is_not_found() -> None:
    with pytest.raises(DeviceNotFound, match="there is no program nosuchprogram"):
        CommandSource("nosuchprogram -x", MIC)


def test_a_file_that_is_no_program_is_denied(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    with pytest.raises(DeviceDenied, match="Permission denied"):
        CommandSource(str(tmp_path / "plain"), MIC)


@pytest.mark.parametrize(("text", "kind"), [("", DeviceNotFound), ("cat 'unclosed", DeviceUnsupported)])
def test_a_command_that_is_none_is_refused(text: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        CommandSource(text, MIC)


def test_closing_ends_the_program_and_its_children_even_stubborn_ones(tmp_path: Path) -> None:
    file = tmp_path / "child"
    source = CommandSource(command(STUBBORN, file), MIC)
    wait_until(lambda: file.exists() and file.read_text() != "")
    began_s = time.monotonic()
    source.close()
    assert time.monotonic() - began_s < 5.0, "of the minute that it would go on"
    wait_until(lambda: is_gone(int(file.read_text())))


def is_gone(pid: int) -> bool:
    """No such process, or only its remains, which init has not collected yet."""
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


def test_no_pipe_stays_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        CommandSource("sleep 60", MIC).close()
        CommandSink("sleep 60", SPEAKER).close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_speaker_program_that_ends_is_lost_with_its_last_words() -> None:
    with closing(CommandSink(command(FAIL), SPEAKER)) as sink:

        def never() -> bool:
            sink.write(bytes(1920))
            return False

        with pytest.raises(DeviceLost, match=r"exit code 3: main:830"):
            wait_until(never)


def test_a_speaker_program_that_takes_nothing_is_lost() -> None:
    for program, start_s, refusal_s in ((DEAF, 0.2, 60.0), (SATED, 60.0, 0.2)):
        with closing(CommandSink(command(program), SPEAKER, start_s=start_s, refusal_s=refusal_s)) as sink:

            def never(sink: CommandSink = sink) -> bool:
                sink.write(bytes(9_600))
                return False

            with pytest.raises(DeviceLost, match="takes no sound"):
                wait_until(never)


def test_a_speaker_program_that_starts_slowly_is_waited_for_and_loses_nothing(tmp_path: Path) -> None:
    go, heard = tmp_path / "go", tmp_path / "heard"
    sound = np.arange(1, 24_001, dtype="<i2").tobytes()
    with closing(CommandSink(command(LATE, go, heard), SPEAKER, refusal_s=1.5)) as sink:
        # Longer than it may refuse sound later on: the first write that finds the pipe full has to wait for it.
        late = threading.Timer(2.0, go.touch)
        late.start()
        for at in range(0, len(sound), 1_920):
            sink.write(sound[at : at + 1_920])
        late.join()
        wait_until(lambda: heard.exists() and heard.read_bytes() == sound)
        assert not sink.may_hang


def test_who_waits_for_a_speaker_program_gives_up_when_told_to() -> None:
    with closing(CommandSink(command(DEAF), SPEAKER, start_s=3_600.0)) as sink:
        soon = threading.Timer(0.3, sink.give_up)
        soon.start()
        with pytest.raises(DeviceLost):
            for _ in range(100):
                sink.write(bytes(9_600))
        soon.join()


def test_a_program_may_need_longer_than_a_card_for_its_first_sound() -> None:
    with closing(CommandSource("sleep 60", MIC)) as source:
        assert source.first_sound_s == 20.0


def test_no_more_than_the_buffer_waits_in_the_pipe(tmp_path: Path) -> None:
    file = tmp_path / "heard"
    with closing(CommandSink(command(LISTEN, file), SPEAKER)) as sink:
        for _ in range(20):
            sink.write(bytes(1920))
            assert sink.queued_frames() <= 4800


def test_arecord_and_aplay_do(cards: VirtualCards, tmp_path: Path) -> None:
    """The two programs that the owners of difficult cards use, on the virtual card."""
    cards.be_patient()
    cards.say((np.arange(8_000) % 7_919 + 1).astype(np.int16))
    microphone = CommandSource(
        "arecord -q -D satmic -t raw -f S16_LE -r {rate} -c {channels} --buffer-time=500000", MIC
    )
    pcm = bytearray()

    def is_complete() -> bool:
        pcm.extend(microphone.read().pcm)
        return len(pcm) >= 17_000

    with closing(microphone):
        wait_until(is_complete)
    samples = np.frombuffer(bytes(pcm), "<i2")
    assert samples[samples != 0][:1000].tolist() == list(range(1, 1001))

    sound = (np.arange(9_600) % 7_919 + 1).astype(np.int16)
    speaker = CommandSink("aplay -q -D satspk -t raw -f S16_LE -r {rate} -c {channels} --buffer-time=50000", SPEAKER)
    with closing(speaker):
        for block in np.split(sound, 10):
            speaker.write(block.tobytes())
        # aplay begins to play when its own buffer is full.
        speaker.write(bytes(9600))
        wait_until(lambda: is_heard(cards.heard, sound))


def is_heard(heard: Callable[[], np.ndarray], sound: np.ndarray) -> bool:
    found = heard()
    start = np.flatnonzero(found)
    return len(start) > 0 and np.array_equal(found[start[0] : start[0] + len(sound)], sound)


def test_a_busy_card_is_told_in_arecords_own_words(cards: VirtualCards) -> None:
    cards.openerr("mic", 16)
    with closing(CommandSource("arecord -q -D satmic -t raw -f S16_LE -r 16000 -c 1", MIC)) as source:
        text = read_until_lost(source)
    assert text.startswith("arecord ended with exit code 1: ")
    assert "busy" in text
