"""A recording in place of a microphone."""

from __future__ import annotations

import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from signals import noise, tone, with_dc
from speech import CLIPS, clip, model, recording, recordings

from satellite.codec.wav import write_wav
from satellite.core.audio import RATE_HZ, AudioFormat, Int16
from satellite.core.errors import AudioFormatError, ChannelsOutOfRange, SamplesUnfit, SettingOutOfRange, VadUnknown
from satellite.dsp.level import rms_dbfs
from satellite.library.chunks import Chunk
from satellite.library.file import File, SaveReport, Segment
from satellite.library.microphone import Microphone

SOUND = (np.arange(16_000) % 7_919 + 1).astype(np.int16)


def spoken() -> Int16:
    """Silence, a command, a second of silence, another, silence."""
    gap = noise(1, -70)
    return np.concatenate([gap, clip("kitchen_light"), gap, clip("timer"), gap])


def data(chunk: Chunk) -> np.ndarray:
    assert isinstance(chunk.data, np.ndarray)
    return chunk.data


def test_its_chunks_are_those_of_a_microphone_that_hears_it(tmp_path: Path) -> None:
    model("silero_vad")
    path = tmp_path / "said.wav"
    write_wav(path, spoken()[:24_000].tobytes(), AudioFormat(RATE_HZ, 1, 2))
    chunks = list(File(path, vad="silero", highpass_hz=80, gain_db=3).iter_with_metadata())
    with Microphone(device=f"wav:{path}", vad="silero", highpass_hz=80, gain_db=3) as mic:
        heard = list(mic.iter_with_metadata())
    for ours, theirs in zip(chunks, heard, strict=True):
        assert (ours.data, ours.sequence) == (theirs.data, theirs.sequence)
        assert (ours.is_speaking, ours.vad_score) == (theirs.is_speaking, theirs.vad_score)


def test_it_holds_every_sample_and_time_is_the_recordings(tmp_path: Path) -> None:
    path = tmp_path / "said.wav"
    write_wav(path, SOUND.tobytes(), AudioFormat(RATE_HZ, 1, 2))
    chunks = list(File(path, frames_per_buffer=3_000, as_ndarray=True).iter_with_metadata())
    assert np.array_equal(np.concatenate([data(chunk) for chunk in chunks]), SOUND)
    assert [chunk.timestamp for chunk in chunks] == [3 / 16, 6 / 16, 9 / 16, 12 / 16, 15 / 16, 1.0]


@pytest.mark.parametrize(("bits", "channels", "rate_hz"), [(8, 1, 8_000), (24, 2, 48_000), (16, 2, 44_100)])
def test_any_wav_comes_out_as_asked_for(tmp_path: Path, bits: int, channels: int, rate_hz: int) -> None:
    path = tmp_path / "said.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, bits // 8, rate_hz, 0, "NONE", ""))
        file.writeframes(bytes([128 if bits == 8 else 0]) * (rate_hz // 2 * channels * bits // 8))
    chunks = list(File(path, sample_rate=22_050, channels=2, dtype="float32", as_ndarray=True))
    sound = np.concatenate([np.asarray(chunk) for chunk in chunks])
    assert sound.dtype == np.float32
    assert sound.shape[1] == 2
    assert abs(len(sound) - 11_025) <= 1
    assert not sound.any()


def test_other_formats_are_read_with_the_extra(tmp_path: Path) -> None:
    pytest.importorskip("av")
    soundfile = pytest.importorskip("soundfile")
    path = tmp_path / "said.flac"
    soundfile.write(path, SOUND, RATE_HZ)
    sound = np.frombuffer(b"".join(map(bytes, File(path))), "<i2")
    assert np.array_equal(sound, SOUND)


def test_samples_in_memory_are_a_file_too() -> None:
    chunks = File.buffer(SOUND, RATE_HZ, frames_per_buffer=4_000, as_ndarray=True)
    assert np.array_equal(np.concatenate([np.asarray(chunk) for chunk in chunks]), SOUND)
    floats = np.array([0.5, np.nan, -np.inf, 2.0, -0.5] * 20, np.float64)
    heard = np.asarray(File.buffer(floats, RATE_HZ, as_ndarray=True).read())
    assert heard[:5].tolist() == [16_384, 0, 0, 32_767, -16_384]
    both = np.stack([SOUND, -SOUND], axis=1)
    assert np.array_equal(np.asarray(File.buffer(both, RATE_HZ, channel=1, as_ndarray=True).read()), -SOUND[:1_600])
    for wrong in (np.zeros((2, 2, 2), np.int16), np.zeros(4, np.int64), [0, 1], bytes(4)):
        with pytest.raises(SamplesUnfit):
            File.buffer(wrong, RATE_HZ)  # type: ignore[arg-type]
    for rate_hz in (0, 1e5, "16000", None):
        with pytest.raises(AudioFormatError):
            File.buffer(SOUND, rate_hz)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.longdouble])
def test_floats_of_any_width_are_clipped_and_never_overflow(kind: type) -> None:
    floats = np.array([0.5, -0.25, 1, -1, np.finfo(kind).max, np.finfo(kind).min] * 20, kind)
    heard = np.asarray(File.buffer(floats, RATE_HZ, as_ndarray=True).read())
    assert heard[:6].tolist() == [16_384, -8_192, 32_767, -32_768, 32_767, -32_768]


def test_the_hold_off_counts_the_recordings_time() -> None:
    loud = np.full(1_600, 3_277, np.int16)
    file = File.buffer(np.concatenate([loud, np.zeros(8_000, np.int16)]), RATE_HZ, vad="energy")
    seen = [(chunk.is_speaking, file.is_speaking) for chunk in file.iter_with_metadata()]
    assert seen == [(True, True)] * 4 + [(False, False)] * 2


def test_high_pass_and_gain_are_heard_and_speech_detection_hears_the_sound_before() -> None:
    hum = tone(20, 2, -30) + np.int16(1_000)
    plain = File.buffer(hum, RATE_HZ, vad="energy", as_ndarray=True)
    cleaned = File.buffer(hum, RATE_HZ, vad="energy", as_ndarray=True, highpass_hz=100, gain_db=20)
    before, after = list(plain.iter_with_metadata()), list(cleaned.iter_with_metadata())
    assert [chunk.vad_score for chunk in before] == [chunk.vad_score for chunk in after]
    assert np.abs(data(before[-1])).max() > 1_900
    assert np.abs(data(after[-1])).max() < 600


def test_analysis_finds_where_somebody_speaks() -> None:
    model("silero_vad")
    found = File.buffer(spoken(), RATE_HZ, vad="silero").analyze()
    first = 1.0, 1.0 + len(clip("kitchen_light")) / RATE_HZ
    second = first[1] + 1.0, first[1] + 1.0 + len(clip("timer")) / RATE_HZ
    assert len(found.segments) == 2
    for segment, (start_s, end_s) in zip(found.segments, (first, second), strict=True):
        assert segment.start_s == pytest.approx(start_s, abs=0.15)
        assert segment.end_s == pytest.approx(end_s, abs=0.25)
    assert len(found.windows) == len(spoken()) // 512
    assert found.windows[0].start_s == 0.0
    assert all(earlier.end_s == later.start_s for earlier, later in pairwise(found.windows))
    assert all(0 <= window.score <= 1 for window in found.windows)


def test_analysis_by_energy_needs_no_model_and_merges_pauses_within_the_hold_off() -> None:
    loud, pause = np.full(1_536, 3_277, np.int16), np.zeros(1_536, np.int16)
    sound = np.concatenate([pause, loud, pause, loud, pause, pause, pause, pause, loud])
    found = File.buffer(sound, RATE_HZ, vad="energy").analyze()
    assert found.segments == (Segment(0.096, 0.384), Segment(0.768, 0.864))


def test_analysis_needs_a_detector_and_leaves_reading_alone() -> None:
    with pytest.raises(VadUnknown, match=r"analyze\(\) needs"):
        File.buffer(SOUND, RATE_HZ).analyze()
    file = File.buffer(SOUND, RATE_HZ, vad="energy", as_ndarray=True)
    file.read()
    first, second = file.analyze(), file.analyze()
    assert first == second
    assert np.array_equal(np.asarray(file.read()), SOUND[1_600:3_200])


def test_real_speech_is_found() -> None:
    model("silero_vad")
    for path in [path for path in recordings("speech") if path.stem.startswith("jfk")]:
        found = File.buffer(recording(path), RATE_HZ, vad="silero").analyze()
        assert sum(segment.end_s - segment.start_s for segment in found.segments) > 2


def test_closed_it_begins_anew() -> None:
    with File(CLIPS / "stop.wav") as file:
        first = file.read()
        assert file.read() != first
    assert file.read() == first
    assert repr(file).startswith("File(")


def test_what_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        File(tmp_path / "nothing.wav").read()
    with pytest.raises(FileNotFoundError):
        File("a\0b")
    with pytest.raises(FileNotFoundError):
        File(CLIPS / "stop.wav").save("a\0b")
    (tmp_path / "text.wav").write_text("this is no sound " * 100)
    with pytest.raises(AudioFormatError):
        File(tmp_path / "text.wav").read()
    with pytest.raises(AudioFormatError, match="no channel 3"):
        File(CLIPS / "stop.wav", channel=3).read()
    with pytest.raises(ChannelsOutOfRange):
        File(CLIPS / "stop.wav", channels=0)


# --- saving -----------------------------------------------------------------------------------------------------------


def read_wav_samples(path: Path) -> tuple[int, int, Int16]:
    with wave.open(str(path)) as file:
        assert file.getsampwidth() == 2
        return file.getframerate(), file.getnchannels(), np.frombuffer(file.readframes(file.getnframes()), "<i2")


def test_a_recording_is_prepared_and_saved_whole(tmp_path: Path) -> None:
    quiet = with_dc(np.concatenate([noise(1, -80), tone(300, 8, -40)]), 2_000)
    write_wav(tmp_path / "said.wav", quiet.tobytes(), AudioFormat(RATE_HZ, 1, 2))
    file = File(tmp_path / "said.wav", highpass_hz=20, agc="slow")
    file.read()
    report = file.save(tmp_path / "prepared.wav")
    rate_hz, channels, sound = read_wav_samples(tmp_path / "prepared.wav")
    assert (rate_hz, channels, len(sound)) == (RATE_HZ, 1, len(quiet))
    assert report == SaveReport(len(quiet), 9.0, 0, 0)
    assert rms_dbfs(sound[-RATE_HZ:]) == pytest.approx(-18, abs=0.5)
    assert abs(sound.mean()) < 5
    assert len(bytes(file.read() or b"")) == 3_200


def test_what_is_saved_is_what_the_chunks_hold(tmp_path: Path) -> None:
    file = File.buffer(SOUND, 22_050, sample_rate=48_000, channels=2, dtype="float32", agc="slow")
    report = file.save(tmp_path / "prepared.wav")
    rate_hz, channels, sound = read_wav_samples(tmp_path / "prepared.wav")
    assert (rate_hz, channels) == (48_000, 2)
    assert np.array_equal(sound / np.float32(32_768), np.frombuffer(b"".join(map(bytes, file)), "<f4"))
    assert report.frames == len(sound) // 2


def test_other_formats_are_saved_as_wav(tmp_path: Path) -> None:
    pytest.importorskip("av")
    soundfile = pytest.importorskip("soundfile")
    for path in (tmp_path / "said.flac", tmp_path / "said.ogg"):
        soundfile.write(path, SOUND, RATE_HZ)
        report = File(path).save(tmp_path / "prepared.wav")
        assert report.frames == len(read_wav_samples(tmp_path / "prepared.wav")[2])
        # Vorbis comes in blocks.
        assert len(SOUND) <= report.frames <= len(SOUND) + 1_024 * (path.suffix == ".ogg")


def test_it_is_told_what_was_clipped_and_what_was_no_number(tmp_path: Path) -> None:
    floats = np.array([0.5, np.nan, -np.inf, 2.0, -0.5, -3.0, 1.0] * 20)
    assert File.buffer(floats, RATE_HZ).save(tmp_path / "out.wav") == SaveReport(140, 140 / RATE_HZ, 40, 40)
    assert File.buffer(tone(300, 1, -6), RATE_HZ, gain_db=12).save(tmp_path / "out.wav").clipped_samples > 8_000
    assert (
        File.buffer(tone(300, 1, -6), RATE_HZ, gain_db=12, limiter_dbfs=0).save(tmp_path / "out.wav").clipped_samples
        == 0
    )


def test_a_recording_is_not_saved_over_itself_and_an_unreadable_one_makes_no_file(tmp_path: Path) -> None:
    path = tmp_path / "said.wav"
    write_wav(path, SOUND.tobytes(), AudioFormat(RATE_HZ, 1, 2))
    with pytest.raises(SettingOutOfRange, match="the recording itself"):
        File(path).save(path)
    assert len(read_wav_samples(path)[2]) == len(SOUND)
    with pytest.raises(FileNotFoundError):
        File(tmp_path / "none.wav").save(tmp_path / "out.wav")
    assert not (tmp_path / "out.wav").exists()


def test_an_empty_recording_is_saved_as_an_empty_file(tmp_path: Path) -> None:
    assert File.buffer(SOUND[:0], RATE_HZ).save(tmp_path / "out.wav").frames == 0
    assert len(read_wav_samples(tmp_path / "out.wav")[2]) == 0


def test_a_file_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.wav"):
        File(tmp_path / "nowhere.wav")


def test_a_limiter_keeps_what_gain_makes_too_loud_below_its_ceiling_without_clipping() -> None:
    loud = tone(440, 1, -6)
    heard = {}
    for limiter_dbfs in (None, -3.0):
        file = File.buffer(loud, RATE_HZ, gain_db=12, limiter_dbfs=limiter_dbfs, as_ndarray=True)
        heard[limiter_dbfs] = np.concatenate([np.asarray(chunk) for chunk in file])
    assert len(heard[None]) == len(heard[-3.0]) == len(loud)
    assert np.abs(heard[None]).max() >= 32_767
    assert np.abs(heard[-3.0]).max() <= 32_768 * 10 ** (-3 / 20)


def test_automatic_gain_brings_a_voice_to_the_level_asked_for() -> None:
    quiet = np.concatenate([noise(0.5, -80), tone(440, 6, -35)])
    file = File.buffer(quiet, RATE_HZ, agc="slow", agc_target_dbfs=-20, as_ndarray=True)
    sound = np.concatenate([np.asarray(chunk) for chunk in file])
    assert rms_dbfs(sound[-RATE_HZ:]) == pytest.approx(-20, abs=1)
