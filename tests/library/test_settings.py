from __future__ import annotations

import contextlib
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satellite.core import errors
from satellite.library.async_microphone import AsyncMicrophone
from satellite.library.file import File
from satellite.library.microphone import Microphone
from satellite.library.options import VadOptions
from satellite.library.preprocessor import Preprocessor
from satellite.library.settings import InputSettings
from satellite.library.speaker import Speaker

# A busy machine may be slow at any moment.
PATIENT = settings(deadline=None)
ANYTHING = st.one_of(st.integers(), st.floats(), st.text(max_size=5), st.booleans(), st.none(), st.binary(max_size=3))


@pytest.mark.parametrize(
    ("name", "low", "high", "error"),
    [
        ("sample_rate", 1_000, 384_000, errors.RateOutOfRange),
        ("channels", 1, 32, errors.ChannelsOutOfRange),
        ("frames_per_buffer", 64, 65_536, errors.ChunkSizeOutOfRange),
        ("channel", 0, 31, errors.ChannelsOutOfRange),
        ("queue_chunks", 1, 65_536, errors.SettingOutOfRange),
        ("vad_holdoff_ms", 0, 60_000, errors.SettingOutOfRange),
        ("vad_threshold", 0, 1, errors.ThresholdOutOfRange),
        ("gain_db", -40, 40, errors.SettingOutOfRange),
        ("highpass_hz", 1, 4_000, errors.SettingOutOfRange),
        ("agc_target_dbfs", -40, -3, errors.SettingOutOfRange),
        ("limiter_dbfs", -3, 0, errors.SettingOutOfRange),
        ("peak_normalise_dbfs", -60, 0, errors.SettingOutOfRange),
    ],
)
def test_each_argument_of_a_microphone_has_its_range_and_its_error(
    name: str, low: int, high: int, error: type[errors.ArgumentError]
) -> None:
    for good in (low, high):
        assert getattr(Microphone(**{name: good}).settings, name) == good
    for bad in (low - 1, high + 1, "1", True, float("nan")):
        with pytest.raises(error, match=f"{name}=") as raised:
            Microphone(**{name: bad})
        assert isinstance(raised.value, ValueError)


@pytest.mark.parametrize(
    ("name", "low", "high", "error"),
    [
        ("sample_rate", 1_000, 384_000, errors.RateOutOfRange),
        ("channels", 1, 32, errors.ChannelsOutOfRange),
        ("queue_ms", 20, 60_000, errors.SettingOutOfRange),
        ("buffer_ms", 40, 2_000, errors.SettingOutOfRange),
    ],
)
def test_each_argument_of_a_speaker_has_its_range_and_its_error(
    name: str, low: int, high: int, error: type[errors.ArgumentError]
) -> None:
    for good in (low, high):
        assert getattr(Speaker(**{name: good}).settings, name) == good
    for bad in (low - 1, high + 1, "1"):
        with pytest.raises(error, match=f"{name}="):
            Speaker(**{name: bad})


@pytest.mark.parametrize("kind", [Microphone, Speaker])
@pytest.mark.parametrize("dtype", ["int32", "float64", None, 16])
def test_samples_are_int16_or_float32(kind: Any, dtype: object) -> None:
    with pytest.raises(errors.SampleTypeUnknown, match="'int16' or 'float32'"):
        kind(dtype=dtype)


@pytest.mark.parametrize("vad", [True, "webrtcvad", None, 1])
def test_a_detector_that_is_none_is_refused_with_the_names_of_those_there_are(vad: object) -> None:
    with pytest.raises(errors.VadUnknown, match=r"vad='silero' \(a model\) or vad='energy'"):
        Microphone(vad=vad)  # type: ignore[arg-type]


def test_each_detector_has_its_threshold_unless_one_is_given() -> None:
    assert InputSettings(vad="silero").threshold == 0.5
    assert InputSettings(vad="energy").threshold == 0.01
    assert InputSettings(vad="energy", vad_threshold=0.0).threshold == 0.0


@pytest.mark.parametrize("kind", [Microphone, Speaker])
@pytest.mark.parametrize("device", [1.5, True, ["satmic"], b"satmic"])
def test_a_device_is_a_number_or_a_name(kind: Any, device: object) -> None:
    with pytest.raises(errors.SettingOutOfRange, match="a number, a name or None"):
        kind(device=device)


@pytest.mark.parametrize("kind", [Microphone, Speaker])
@pytest.mark.parametrize("device", ["a\0b", "wav:a\0b", "\ud800"])
def test_a_device_that_cannot_be_named_so_is_refused_at_once(kind: Any, device: str) -> None:
    with pytest.raises(errors.SettingOutOfRange, match="no device can have this name"):
        kind(device=device)


def test_arguments_that_are_none_are_refused_and_never_ignored() -> None:
    silence: Any = np.zeros(160, np.int16)
    wishes: list[tuple[Any, str]] = [
        (lambda: AsyncMicrophone(sampel_rate=16_000), "AsyncMicrophone"),  # type: ignore[call-arg]
        (lambda: File.buffer(silence, 16_000, device="USB"), "File.buffer"),  # type: ignore[call-arg]
        (lambda: File("said.wav", aec=True), "File"),  # type: ignore[call-arg]
        (lambda: Preprocessor(vad="silero"), "Preprocessor"),  # type: ignore[call-arg]
    ]
    for wish, name in wishes:
        with pytest.raises(TypeError, match=rf"{name}\(\) got an unexpected keyword argument"):
            wish()


def test_settings_of_speech_detection_can_be_kept_together_for_several() -> None:
    quick: VadOptions = {"vad": "energy", "vad_threshold": 0.02, "vad_holdoff_ms": 100}
    one, other = Microphone(**quick), AsyncMicrophone(sample_rate=48_000, **quick)
    for microphone in (one, other):
        assert {name: getattr(microphone.settings, name) for name in quick} == quick


@PATIENT
@given(st.dictionaries(st.sampled_from([field.name for field in fields(InputSettings)]), ANYTHING))
def test_whatever_is_given_it_is_taken_or_refused_by_an_error_of_ours(given_: dict[str, Any]) -> None:
    taken = None
    with contextlib.suppress(errors.ArgumentError):
        taken = Microphone(**given_)
    assert taken is None or all(getattr(taken.settings, name) == value for name, value in given_.items())


def test_a_second_may_always_wait_and_no_more_than_16_mib_or_that() -> None:
    assert InputSettings().queued_chunks == 64
    assert InputSettings(queue_chunks=5).queued_chunks == 5
    assert InputSettings(sample_rate=384_000, frames_per_buffer=64).queued_chunks == 6_000
    assert InputSettings(channels=32, frames_per_buffer=65_536).queued_chunks == 4
