"""Sound and models that nobody can use: one clear line each, and the satellite goes on where it can."""

from __future__ import annotations

import struct
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


def wrong(kind: str, folder: Path) -> Path:
    """A file that is no wake word."""
    if kind == "text":
        path = folder / "text.onnx"
        path.write_text("not found")
        return path
    if kind == "a detector of speech":
        return model("silero_vad")
    shape, scores = {"another shape": ((1, 16, 95), 1), "two scores": ((1, 16, 96), 2)}[kind]
    return write_graph(folder / "own.onnx", shape, scores)


@pytest.mark.parametrize("kind", ["text", "a detector of speech", "another shape", "two scores"])
def test_a_wake_word_that_is_none_is_one_line_with_its_file(tmp_path: Path, kind: str) -> None:
    path = wrong(kind, tmp_path)
    with pytest.raises(ModelDamaged) as error:
        build.listener(replace(Config(), wake_word=(WakeWordConfig(model=str(path)),)))
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


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
