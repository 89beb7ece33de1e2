from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import noise, tone, with_dc

from satellite.core.audio import RATE_HZ, Float32
from satellite.core.errors import AudioFormatError, SamplesUnfit, SettingOutOfRange
from satellite.library.preprocessor import Preprocessor

# A busy machine may be slow at any moment.
PATIENT = settings(deadline=None, max_examples=30)
SOUND = with_dc(np.concatenate([noise(0.3, -70), tone(300, 0.7, -30)]), 700)


def prepared(preprocessor: Preprocessor, sizes: list[int]) -> Float32:
    pcm, pieces, at = SOUND.tobytes(), [], 0
    for size in [*sizes, len(pcm)]:
        pieces.append(preprocessor.process(pcm[at : at + size]))
        at += size
    return np.concatenate([*pieces, preprocessor.flush()])


def test_16_bits_go_in_and_floats_of_one_channel_at_16_khz_come_out() -> None:
    stereo = np.stack([tone(300, 1, -20, 48_000), tone(300, 1, -20, 48_000)], axis=1)
    preprocessor = Preprocessor(48_000, 2)
    sound = np.concatenate([preprocessor.process(stereo), preprocessor.flush()])
    assert sound.dtype == np.float32
    assert sound.shape == (RATE_HZ,)
    assert np.abs(sound[200:-200] - tone(300, 1, -20)[200:-200] / 32_768).max() < 0.001


def test_with_nothing_asked_for_every_sample_is_as_it_was() -> None:
    assert np.array_equal(prepared(Preprocessor(), [2, 3, 400]) * 32_768, SOUND)


@PATIENT
@given(sizes=st.lists(st.integers(0, 3_000), max_size=20), rate_hz=st.sampled_from([16_000, 22_050]))
def test_the_filters_go_on_from_piece_to_piece(sizes: list[int], rate_hz: int) -> None:
    whole, cut = (prepared(Preprocessor(rate_hz, highpass_hz=20, agc="slow"), cuts) for cuts in ([], sizes))
    assert np.array_equal(cut, whole)
    assert abs(len(whole) - len(SOUND) * RATE_HZ / rate_hz) <= 1


def test_each_stream_has_filters_of_its_own() -> None:
    one, other = (Preprocessor(highpass_hz=20, agc="slow") for _ in range(2))
    alone = prepared(Preprocessor(highpass_hz=20, agc="slow"), [])
    between = []
    for at in range(0, len(SOUND), 500):
        between.append(one.process(SOUND[at : at + 500]))
        other.process(noise(0.05, -3))
    assert np.array_equal(np.concatenate([*between, one.flush()]), alone)


def test_what_did_not_fit_is_counted() -> None:
    loud = Preprocessor(gain_db=20)
    loud.process(np.array([5_000, -5_000, 3_000], np.int16))
    assert loud.clipped_samples == 2


def test_what_it_cannot_take_is_refused() -> None:
    with pytest.raises(SettingOutOfRange, match="highpass_hz=0"):
        Preprocessor(highpass_hz=0)
    with pytest.raises(SettingOutOfRange, match="agc='loud': False or one of 'slow', 'webrtc' is wanted"):
        Preprocessor(agc="loud")  # type: ignore[arg-type]
    with pytest.raises(SettingOutOfRange, match="one of the two"):
        Preprocessor(agc="slow", peak_normalise_dbfs=-3)
    with pytest.raises(SettingOutOfRange, match="noise_suppression='low' needs sample_rate 16000, 32000 or 48000"):
        Preprocessor(sample_rate=22_050, noise_suppression="low")
    for rate_hz in (1, 16e3, "16000"):
        with pytest.raises(AudioFormatError):
            Preprocessor(rate_hz)  # type: ignore[arg-type]
    for wrong in (np.zeros(4), [0, 1], "text"):
        with pytest.raises(SamplesUnfit):
            Preprocessor().process(wrong)  # type: ignore[arg-type]
    assert len(Preprocessor().process(bytearray(8))) == 4  # type: ignore[arg-type]


def test_peak_normalisation_comes_with_its_warning(caplog: pytest.LogCaptureFixture) -> None:
    Preprocessor(agc="slow")
    assert not caplog.records
    Preprocessor(peak_normalise_dbfs=-3)
    assert "each pause as loud as the speech around it" in caplog.text
