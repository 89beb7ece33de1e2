"""Speech for tests: clips of our own, real recordings where they are there, and the models."""

from __future__ import annotations

import csv
import wave
from functools import cache
from pathlib import Path

import pytest

from satellite import models
from satellite.core.audio import Int16, samples_of
from satellite.core.errors import ModelNotFound

CLIPS = Path(__file__).parent / "data"
RECORDINGS = Path(__file__).parents[2] / "shared" / "data" / "speech"


@cache
def model(name: str) -> Path:
    """The file of a model of the manifest; skips the test when it was not fetched."""
    try:
        return models.find(name, models.models_directory())
    except ModelNotFound as error:
        pytest.skip(str(error))


@cache
def clip(name: str) -> Int16:
    """A clip made by scripts/make-test-audio, 16 kHz."""
    return read(CLIPS / f"{name}.wav")


def read(path: Path) -> Int16:
    """A 16 kHz mono WAV file."""
    with wave.open(str(path)) as file:
        return samples_of(file.readframes(file.getnframes()))


def recordings(kind: str, wake_word: str = "") -> list[Path]:
    """Real recordings of this kind (wake, negative, speech, noise); skips the test when they are not there."""
    return [RECORDINGS / row["file"] for row in _rows() if row["kind"] == kind and row["wake_word"] in ("", wake_word)]


def everything() -> list[Path]:
    """All real recordings; skips the test when they are not there."""
    return [RECORDINGS / row["file"] for row in _rows()]


def _rows() -> list[dict[str, str]]:
    manifest = RECORDINGS / "manifest.tsv"
    if not manifest.is_file():
        pytest.skip(f"the real recordings are not in {RECORDINGS}")
    with manifest.open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


@cache
def recording(path: Path) -> Int16:
    """The sound of a real recording, 16 kHz."""
    soundfile = pytest.importorskip("soundfile")
    samples, rate_hz = soundfile.read(path, dtype="int16")
    assert rate_hz == 16_000
    return samples
