"""Files as devices."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from satellite.codec.wav import read_wav, write_wav
from satellite.core.audio import AudioFormat
from satellite.core.errors import DeviceDenied, DeviceLost, DeviceNotFound, DeviceUnsupported
from satellite.device.wav import WavSink, WavSource

STEREO = AudioFormat(44_100, 2, 2)
MONO = AudioFormat(16_000, 1, 2)


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    write_wav(tmp_path / "speech.wav", np.arange(1, 1001, dtype=np.int16).tobytes(), MONO)
    return tmp_path / "speech.wav"


def test_a_paced_file_gives_what_is_due_in_whole_periods(speech: Path) -> None:
    clock = Clock()
    source = WavSource(speech, clock=clock)
    assert source.read().pcm == b""
    clock.now_s += 0.015
    assert source.read().pcm == b""
    clock.now_s += 0.0011
    assert len(source.read().pcm) == 256 * 2
    clock.now_s += 0.033
    assert len(source.read().pcm) == 512 * 2
    assert source.read().pcm == b""
    source.close()


def test_a_file_ends_with_eof_error_after_its_last_sample_and_not_before(speech: Path) -> None:
    clock = Clock()
    source = WavSource(speech, clock=clock)
    source.read()
    clock.now_s += 60.0
    assert len(source.read().pcm) == 1000 * 2
    for _ in range(2):
        with pytest.raises(EOFError, match="is at its end"):
            source.read()
    source.close()


def test_an_unpaced_file_gives_a_period_at_every_read(speech: Path) -> None:
    source = WavSource(speech, paced=False)
    assert [len(source.read().pcm) // 2 for _ in range(4)] == [256, 256, 256, 232]
    with pytest.raises(EOFError):
        source.read()
    source.close()


def test_the_files_own_format_is_delivered(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", bytes(4000), STEREO)
    source = WavSource(tmp_path / "a.wav")
    assert source.format == STEREO
    source.close()


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(DeviceNotFound, match=r"none\.wav: No such file"):
        WavSource(tmp_path / "none.wav")
    with pytest.raises(DeviceNotFound, match="No such file"):
        WavSink(tmp_path / "none" / "a.wav", MONO)


def test_a_file_that_is_no_wav_is_unsupported(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("hello, this is text")
    with pytest.raises(DeviceUnsupported, match=r"a\.wav: this is not a WAV file"):
        WavSource(tmp_path / "a.wav")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_denied(speech: Path) -> None:
    speech.chmod(0)
    with pytest.raises(DeviceDenied):
        WavSource(speech)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DeviceNotFound, match="Is a directory"):
        WavSink(tmp_path, MONO)


def test_what_was_dropped_unheard_is_not_in_the_file(tmp_path: Path) -> None:
    clock = Clock()
    sink = WavSink(tmp_path / "a.wav", MONO, clock=clock)
    sink.write(np.full(1500, 1, np.int16).tobytes())
    clock.now_s += 0.0625
    assert sink.queued_frames() == 500
    sink.drop()
    assert sink.queued_frames() == 0
    clock.now_s += 5.0
    sink.write(np.full(160, 2, np.int16).tobytes())
    clock.now_s += 0.0625
    assert sink.queued_frames() == 0
    sink.close()
    samples = np.frombuffer(read_wav(tmp_path / "a.wav")[1], "<i2")
    assert samples.tolist() == [1] * 1000 + [2] * 160
    assert sink.underruns == 0


def test_a_late_write_is_an_underrun(tmp_path: Path) -> None:
    clock = Clock()
    sink = WavSink(tmp_path / "a.wav", MONO, clock=clock)
    sink.write(bytes(320))
    clock.now_s += 1.0
    sink.write(bytes(320))
    assert sink.underruns == 1
    sink.close()


def test_an_unpaced_speaker_has_heard_all_at_once(tmp_path: Path) -> None:
    sink = WavSink(tmp_path / "a.wav", MONO, paced=False)
    sink.write(bytes(320_000))
    assert sink.queued_frames() == 0
    sink.drop()
    sink.close()
    assert len(read_wav(tmp_path / "a.wav")[1]) == 320_000


def test_an_unfinished_file_is_readable_and_the_finished_one_has_its_true_length(tmp_path: Path) -> None:
    sink = WavSink(tmp_path / "a.wav", AudioFormat(16_000, 3, 2), paced=False)
    sink.write(bytes(range(6)) * 5)
    assert read_wav(tmp_path / "a.wav")[1] == bytes(range(6)) * 5
    sink.close()
    data = (tmp_path / "a.wav").read_bytes()
    assert int.from_bytes(data[40:44], "little") == 30
    assert int.from_bytes(data[4:8], "little") == len(data) - 8


def test_a_closed_file_is_lost(speech: Path, tmp_path: Path) -> None:
    sink = WavSink(tmp_path / "b.wav", MONO)
    sink.close()
    with pytest.raises(DeviceLost, match="closed"):
        sink.write(bytes(2))
