"""Sound and models that nobody can use: one clear line each, and the satellite goes on where it can."""

from __future__ import annotations

import math
import os
import shutil
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from detect.graphs import write_graph
from fakes_device import FakeSource, Mailbox, Notebook, wait_until
from speech import model

from satellite.app import build
from satellite.config import Config, MicrophoneConfig, WakeWordConfig
from satellite.core.audio import AudioFormat
from satellite.core.errors import ModelDamaged
from satellite.core.events import Device, DeviceFailed, MicrophoneEnded
from satellite.core.ports import Source
from satellite.detect.vad import Silero
from satellite.device.capture import Capture
from satellite.device.wav import WavSource

IEEE_FLOAT = 3
FLOATS = 16_000
# Shape of the input, number of scores, and what they are for silence.
WRONG = {
    "another shape": ((1, 16, 95), 1, 0.0),
    "two scores": ((1, 16, 96), 2, 0.0),
    "no score": ((1, 16, 96), 1, math.nan),
    "another score": ((1, 16, 96), 1, -4.0),
}


def wrong(kind: str, folder: Path) -> Path:
    """A file that is no wake word."""
    if kind == "text":
        path = folder / "text.onnx"
        path.write_text("not found")
        return path
    if kind == "a detector of speech":
        return model("silero_vad")
    if kind == "another engine's":
        path = folder / "lite.onnx"
        path.write_bytes(b"\x1c\0\0\0TFL3" + bytes(1_000))
        return path
    shape, scores, more = WRONG[kind]
    return write_graph(folder / "own.onnx", shape, scores, more=more)


@pytest.mark.parametrize("kind", ["text", "a detector of speech", "another engine's", *WRONG])
def test_a_wake_word_that_is_none_is_one_line_with_its_file(tmp_path: Path, kind: str) -> None:
    path = wrong(kind, tmp_path)
    with pytest.raises(ModelDamaged) as error:
        build.listener(replace(Config(), wake_word=(WakeWordConfig(model=str(path)),)))
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["another engine's", "another shape", "damaged"])
def test_with_a_model_that_cannot_be_used_the_program_ends_with_1_and_one_line(tmp_path: Path, kind: str) -> None:
    settings = (
        '[discovery]\nenabled = false\n[speaker]\ndevice = "none"\n[microphone]\ndevice = "command:cat /dev/zero"\n'
    )
    if kind == "damaged":
        culprit = damaged_models(tmp_path / "models")
        settings += f'[paths]\nmodels = "{culprit.parent}"\n'
    else:
        culprit = wrong(kind, tmp_path)
        settings += f'[[wake_word]]\nmodel = "{culprit}"\n'
    config = tmp_path / "satellite.toml"
    config.write_text(settings + '[server]\nhost = "127.0.0.1"\nport = 0\n')
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "satellite", "--config", str(config)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("satellite: ")]
    assert (ended.returncode, str(culprit) in line) == (1, True), line
    assert "Traceback" not in ended.stderr


def damaged_models(folder: Path) -> Path:
    """All that is needed, and a bit of the embedding turned."""
    folder.mkdir()
    for name in ("melspectrogram", "embedding", "hey_jarvis", "silero_vad"):
        shutil.copy(model(name), folder)
    culprit = folder / model("embedding").name
    content = bytearray(culprit.read_bytes())
    content[len(content) // 2] ^= 1
    culprit.write_bytes(content)
    return culprit


def test_a_wake_word_is_no_detector_of_speech() -> None:
    with pytest.raises(ModelDamaged, match=r"hey_jarvis.* instead of .*input"):
        Silero(model("hey_jarvis"))


def test_sound_that_is_no_number_is_heard_to_its_end(tmp_path: Path) -> None:
    sound = np.zeros(FLOATS, "<f4")
    sound[100:5_000], sound[6_000], sound[7_000] = np.nan, np.inf, -np.inf
    path = tmp_path / "nan.wav"
    form = struct.pack("<HHIIHH", IEEE_FLOAT, 1, 16_000, 64_000, 4, 32)
    path.write_bytes(
        b"RIFF" + struct.pack("<I", 36 + sound.nbytes) + b"WAVEfmt " + struct.pack("<I", 16) + form
        + b"data" + struct.pack("<I", sound.nbytes) + sound.tobytes()
    )  # fmt: skip
    mailbox, heard = Mailbox(), Notebook()
    capture = Capture(lambda: WavSource(path), MicrophoneConfig(), heard, mailbox.post, lambda: False)
    capture.start()
    try:
        mailbox.wait_for(MicrophoneEnded)
    finally:
        capture.stop()
    assert len(heard.samples) == FLOATS
    assert not heard.samples.any()


def test_a_rate_that_nobody_can_convert_is_one_line_and_the_next_microphone_is_heard() -> None:
    fit = FakeSource(AudioFormat(16_000, 1, 2))
    fit.put(bytes(3_200))
    sources: list[Source] = [FakeSource(AudioFormat(999, 1, 2)), fit]
    mailbox, heard = Mailbox(), Notebook()
    capture = Capture(lambda: sources.pop(0), MicrophoneConfig(), heard, mailbox.post, lambda: False)
    capture.start()
    try:
        (failed,) = mailbox.wait_for(DeviceFailed)
        assert isinstance(failed, DeviceFailed)
        assert failed.device is Device.MICROPHONE
        assert failed.text.endswith("999 Hz: only 1000 to 384000 Hz can be converted")
        assert "channel" not in failed.text
        wait_until(lambda: len(heard.frames) > 0 and heard.samples[-1_600:].size == 1_600)
    finally:
        capture.stop()
