"""Names that lead nowhere are told before anything starts."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from satellite.app import check_names
from satellite.app.names import aec_mistakes, processing_mistakes
from satellite.config import Config, ProcessingConfig, SoundsConfig, WakeWordConfig
from satellite.detect.microwakeword import missing
from satellite.dsp import webrtc


def words(*models: str) -> Config:
    return Config(wake_word=tuple(WakeWordConfig(model) for model in models))


def test_the_default_configuration_names_what_there_is() -> None:
    assert check_names(Config()) == []


def test_a_misspelt_wake_word_gets_a_hint() -> None:
    (line,) = check_names(words("hey_jarvi"))
    assert "did you mean hey_jarvis?" in line


def test_a_model_that_is_no_wake_word_is_refused() -> None:
    (line,) = check_names(words("silero_vad"))
    assert "silero_vad is not a wake word; there are" in line
    assert "hey_jarvis" in line


def test_an_own_model_must_be_a_file(tmp_path: Path) -> None:
    own = tmp_path / "computer.onnx"
    (line,) = check_names(words(str(own)))
    assert line == f"wake_word.model: there is no model file {own}"
    own.write_text("<html>")
    (line,) = check_names(words(str(own)))
    assert line == f"wake_word.model: model {own} is a web page; download the file itself"
    own.write_bytes(b"graph")
    assert check_names(words(str(own))) == []


def test_an_own_model_of_the_second_kind_needs_its_json(tmp_path: Path) -> None:
    own = tmp_path / "computer.tflite"
    own.write_bytes(b"graph")
    (line,) = check_names(words(str(own)))
    assert line == f"wake_word.model: model {own} needs its computer.json beside it"


@pytest.mark.skipif(bool(missing()), reason=missing())
def test_words_of_both_kinds_are_fine_together() -> None:
    assert check_names(words("hey_jarvis", "okay_nabu", "alexa", "micro_alexa")) == []


def test_a_second_kind_that_is_not_installed_is_said_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymicro_wakeword", None)  # what Python takes for: not installed
    (line,) = check_names(words("hey_jarvis", "okay_nabu"))
    assert line == f"wake_word.model: okay_nabu: {missing()}"
    assert "microWakeWord" in line


def test_every_mistake_is_told_sounds_too(tmp_path: Path) -> None:
    noise = tmp_path / "noise.wav"
    noise.write_bytes(b"no sound at all")
    sounds = SoundsConfig(awake=str(tmp_path / "none.wav"), done=str(noise))
    config = Config(wake_word=words("a", "b").wake_word, sounds=sounds)
    lines = check_names(config)
    assert len(lines) == 4
    assert any("sounds.awake" in line and "No such file" in line for line in lines)
    assert any("sounds.done" in line for line in lines)


def test_two_wake_words_of_one_name_are_refused(tmp_path: Path) -> None:
    own = tmp_path / "hey_jarvis.onnx"
    own.write_bytes(b"graph")
    (line,) = check_names(words("hey_jarvis", str(own)))
    assert line == "wake_word.model: 2 wake words are called hey_jarvis; keep one, or rename the file"


def test_the_home_of_nobody_is_a_mistake_like_others() -> None:
    config = Config(wake_word=words("~nosuchuser/a.onnx").wake_word, sounds=SoundsConfig(awake="~nosuchuser/a.wav"))
    assert [line.partition(":")[0] for line in check_names(config)] == ["wake_word.model", "sounds.awake"]


def test_a_mistake_says_where_the_name_stands() -> None:
    config = replace(words("hey_jarvis", "alexo"), sounds=SoundsConfig(awake="gone.wav"))
    origins = {
        "wake_word.0.model": "a.toml:2",
        "wake_word.1.model": "a.toml:4",
        "sounds.awake": "SATELLITE_SOUNDS_AWAKE",
    }
    wrong, gone = check_names(config, origins)
    assert wrong.startswith("a.toml:4: wake_word.model: ")
    assert gone.startswith("SATELLITE_SOUNDS_AWAKE: sounds.awake: gone.wav")
    assert check_names(words("alexo"), {"wake_word": "--wake-word"})[0].startswith("--wake-word: ")


def test_an_echo_canceller_that_was_asked_for_by_name_and_is_not_there_is_a_mistake() -> None:
    why = webrtc.missing("no_such_package")
    assert list(aec_mistakes("webrtc", why)) == [("microphone.aec", f'microphone.aec = "webrtc": {why}')]
    assert list(aec_mistakes("webrtc", "")) == []


def test_noise_suppression_without_its_extra_is_a_mistake_that_says_what_to_install() -> None:
    wanted = ProcessingConfig(noise_suppression="low", agc="webrtc")
    why = webrtc.missing("no_such_package")
    assert list(processing_mistakes(wanted, why)) == [
        ("processing.noise_suppression", f'processing.noise_suppression = "low": {why}'),
        ("processing.agc", f'processing.agc = "webrtc": {why}'),
    ]
    assert list(processing_mistakes(wanted, "")) == []
    assert list(processing_mistakes(ProcessingConfig(agc="slow"), why)) == []
