"""Opened and closed again and again, nothing stays: a hundred times, and with --long a thousand times."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from speech import model

from satellite.codec.wav import write_wav
from satellite.core.audio import AudioFormat
from satellite.dsp import speex
from satellite.library.microphone import Microphone
from satellite.library.preprocessor import Preprocessor
from satellite.library.speaker import Speaker

ROUNDS = [100, pytest.param(1_000, marks=[pytest.mark.long, pytest.mark.timeout(600)])]


def rss_kib() -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1])


def leaked_kib(round_: Callable[[], None], rounds: int) -> float:
    """Growth for each round, once everything was used."""
    for _ in range(rounds // 4):
        round_()
    gc.collect()
    before, files = rss_kib(), len(list(Path("/proc/self/fd").iterdir()))
    objects = len(gc.get_objects())
    for _ in range(rounds):
        round_()
    gc.collect()
    assert (len(gc.get_objects()) - objects) / rounds < 0.5
    assert len(list(Path("/proc/self/fd").iterdir())) == files
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("satellite-")]
    return (rss_kib() - before) / rounds


def allowed_kib(rounds: int) -> float:
    """Growth for each round; the fewer rounds there are, the more the allocator's own moods weigh."""
    return 2 if rounds >= 1_000 else 1_024 / rounds


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize("vad", ["energy", "silero"])
def test_a_microphone_leaves_nothing_behind(tmp_path: Path, vad: str, rounds: int) -> None:
    model("silero_vad")
    said = tmp_path / "said.wav"
    write_wav(said, np.zeros(160, np.int16).tobytes(), AudioFormat(16_000, 1, 2))
    mic = Microphone(device=f"wav:{said}", vad=vad)  # type: ignore[arg-type]

    def round_() -> None:
        with mic:
            assert len(mic.read() or b"") == 320

    assert leaked_kib(round_, rounds) < allowed_kib(rounds)


@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_speaker_leaves_nothing_behind(tmp_path: Path, rounds: int) -> None:
    def round_() -> None:
        speaker = Speaker(device=f"wav:{tmp_path}/played.wav")
        speaker.start()
        speaker.write(bytes(320))
        speaker.stop()

    assert leaked_kib(round_, rounds) < allowed_kib(rounds)


@pytest.mark.skipif(bool(speex.missing()), reason="libspeexdsp1 is not installed")
@pytest.mark.parametrize("rounds", [20, *ROUNDS[1:]])
def test_an_echo_canceller_and_tracks_leave_nothing_behind(tmp_path: Path, rounds: int) -> None:
    said = tmp_path / "said.wav"
    write_wav(said, np.full(320, 500, np.int16).tobytes(), AudioFormat(16_000, 1, 2))

    def round_() -> None:
        with Microphone(device=f"wav:{said}", aec=True) as mic:
            speaker = Speaker(device=f"wav:{tmp_path}/played.wav", heard_by=mic)
            speaker.start()
            speaker.add_track().write(bytes(320))
            assert len(mic.read() or b"") == 640
            speaker.stop()
        prepare = Preprocessor(aec=True)
        prepare.push_aec_reference(bytes(320))
        assert len(prepare.process(bytes(320))) + len(prepare.flush()) == 160

    assert leaked_kib(round_, rounds) < allowed_kib(rounds)


@pytest.mark.parametrize("rounds", [20, *ROUNDS[1:]])
def test_a_microphone_on_a_card_leaves_nothing_behind(cards: object, rounds: int) -> None:
    def round_() -> None:
        with Microphone(device="satmic", frames_per_buffer=64) as mic:
            mic.read()

    assert leaked_kib(round_, rounds) < allowed_kib(rounds)
