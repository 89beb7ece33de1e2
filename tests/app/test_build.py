"""From the configuration to what hears: both kinds of wake words, each with its own threshold and pause."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from broken_speex import broken_speex
from signals import noise
from speech import clip, model

from satellite.app import build
from satellite.config import Config, ListeningConfig, MicrophoneConfig, PathsConfig, SpeakerConfig, WakeWordConfig
from satellite.core.audio import Float32, Frame, Int16
from satellite.core.effects import ListenSettings
from satellite.core.errors import ModelDamaged
from satellite.core.events import WakeDetected
from satellite.detect.microwakeword import missing
from satellite.detect.vad import Silero
from satellite.dsp import canceller

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


def heard(*words: WakeWordConfig, settings: ListenSettings | None = None) -> list[str]:
    """The names of the wakes in: Okay Nabu, Alexa, and Okay Nabu once more, 1.5 s apart each."""
    needed = ("okay_nabu", "melspectrogram", "embedding", "alexa", "silero_vad")
    assert all(model(name).is_file() for name in needed)
    listener = build.listener(Config(wake_word=words))
    parts = [noise(1.5, -65, seed) for seed in range(4)]
    said = [clip("okay_nabu"), clip("alexa"), clip("okay_nabu"), noise(0)]
    sound = np.concatenate([piece for pair in zip(parts, said, strict=True) for piece in pair])
    events = listener.feed(Frame(sound, 0), settings or ListenSettings(), playing=False)
    return [event.model for event in events if isinstance(event, WakeDetected)]


NABU = WakeWordConfig("okay_nabu")
ALEXA = WakeWordConfig("alexa")


def test_words_of_both_kinds_are_heard_in_one_configuration() -> None:
    assert heard(NABU, ALEXA) == ["okay_nabu", "alexa", "okay_nabu"]


def test_a_word_of_the_second_kind_is_deaf_for_as_long_as_it_is_told() -> None:
    assert heard(WakeWordConfig("okay_nabu", refractory_s=10.0), ALEXA) == ["okay_nabu", "alexa"]


def test_its_threshold_is_its_makers_the_owners_or_the_one_set_at_run_time() -> None:
    assert [build.threshold(word) for word in (NABU, ALEXA, WakeWordConfig("micro_alexa"))] == [0.85, 0.6, 0.9]
    assert heard(WakeWordConfig("okay_nabu", threshold=1.0), ALEXA) == ["alexa"]
    assert heard(NABU, ALEXA, settings=ListenSettings(thresholds={"okay_nabu": 1.0})) == ["alexa"]


def test_an_own_model_is_called_after_its_file_and_follows_its_json(tmp_path: Path) -> None:
    own = tmp_path / "computer.tflite"
    shutil.copy(model("okay_nabu"), own)
    micro = {"probability_cutoff": 0.7, "sliding_window_size": 4}
    own.with_suffix(".json").write_text(json.dumps({"wake_word": "Computer", "micro": micro}))
    word = WakeWordConfig(str(own))
    assert (build.model_name(word), build.phrase(word), build.threshold(word)) == ("computer", "Computer", 0.7)
    assert heard(word) == ["computer", "computer"]


def test_home_assistant_is_told_which_engine_hears_a_word() -> None:
    told = build.info(Config(wake_word=(NABU, ALEXA))).wake_words
    assert [(word.name, word.phrase, word.engine) for word in told] == [
        ("okay_nabu", "Okay Nabu", "microWakeWord"),
        ("alexa", "Alexa", "openWakeWord"),
    ]


def test_by_its_level_alone_speech_needs_no_model() -> None:
    assert model("hey_jarvis").is_file()
    listener = build.listener(Config(listening=ListeningConfig(vad="energy")))
    assert listener.statistics().speech == "energy"
    assert build.listener(Config()).statistics().speech == "Silero"


class Deaf(Silero):
    """As a library computes that does so wrongly on this board."""

    def process(self, _window: Int16 | Float32) -> float:
        return 0.0


def test_a_speech_detector_that_hears_no_speech_is_noticed_at_the_start() -> None:
    assert model("silero_vad").is_file()
    with pytest.raises(ModelDamaged, match=r"silero_vad\.onnx takes speech for 0\.00"):
        build.speech_detector(Config(), Deaf)
    assert isinstance(build.speech_detector(Config()), Silero)


def test_the_wake_words_run_on_the_incremental_embedding_unless_it_cannot_be_made(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("melspectrogram", "embedding", "hey_jarvis"):
        shutil.copy(model(name), tmp_path / f"{name}.onnx")
    config = Config(paths=PathsConfig(models=str(tmp_path)))
    with caplog.at_level("INFO"):
        assert build.wake_words(config).statistics().engine == "openWakeWord, incremental"
    assert "the embedding is made incremental and proved, once" in caplog.text
    (tmp_path / "embedding_incremental.json").unlink()
    (tmp_path / "embedding_incremental.onnx").unlink()
    (tmp_path / "embedding_incremental.onnx").mkdir()
    (tmp_path / "embedding_incremental.onnx" / "full").touch()
    assert build.wake_words(config).statistics().engine == "openWakeWord, whole"


def test_without_a_speaker_there_is_no_echo_to_cancel() -> None:
    assert build.echoes(Config())
    assert not build.echoes(Config(speaker=SpeakerConfig(device="none")))


def test_with_all_processing_off_nothing_of_it_is_built_and_no_library_is_loaded() -> None:
    program = (
        "import sys; from satellite.app import build; from satellite.config import Config, MicrophoneConfig\n"
        "from satellite.dsp.processing import Processing\n"
        "config = Config(microphone=MicrophoneConfig(aec=sys.argv[1]))\n"
        "played = build.reference(config)\n"
        "print(played, build.echo(config, played), build.cue_echo(played), Processing(config.processing).learns)\n"
        "print('speexdsp' in open('/proc/self/maps').read(), 'pywebrtc_audio' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}

    def told(aec: str) -> str:
        command = [sys.executable, "-c", program, aec]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    assert told("off") == "None None None False\nFalse False\n"
    if not canceller.missing("speex"):
        assert told("speex").endswith("False\nTrue False\n"), "else nothing was looked at"


@pytest.mark.parametrize(("aec", "name"), [("webrtc", "WebRTC"), ("speex", "SpeexDSP"), ("auto", "SpeexDSP")])
def test_each_echo_canceller_is_there_by_its_name(aec: str, name: str, caplog: pytest.LogCaptureFixture) -> None:
    if canceller.missing("speex" if aec == "auto" else aec):
        pytest.skip(f"{name} is not installed")
    caplog.set_level("INFO")
    config = Config(microphone=MicrophoneConfig(aec=aec))
    echo = build.echo(config, build.reference(config))
    assert echo is not None
    assert echo.statistics().off is False
    assert caplog.messages == [f"the echo of the speaker is cancelled by {name}"]


@pytest.mark.parametrize("aec", ["auto", "speex"])
def test_where_its_library_gives_none_auto_goes_on_and_a_name_is_an_error(tmp_path: Path, aec: str) -> None:
    """In a process of its own: the loader looks into the folder only when a process begins."""
    program = (
        "from satellite.app import build; from satellite.config import Config, MicrophoneConfig\n"
        f"config = Config(microphone=MicrophoneConfig(aec={aec!r}))\n"
        "print(build.echo(config, build.reference(config)))"
    )
    folder = broken_speex(tmp_path, "NO_STATE").parent
    environment = {**os.environ, "LD_LIBRARY_PATH": str(folder), "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    if aec == "auto":
        assert (done.returncode, done.stdout) == (0, "None\n"), done.stderr
    else:
        assert "EngineMissing: microphone.aec: libspeexdsp.so.1 gives no echo canceller" in done.stderr
