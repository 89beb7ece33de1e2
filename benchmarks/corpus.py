"""The sound that is measured with: real recordings when they are there, for `--tiny` the clips of the tests.

A folder of recordings holds manifest.tsv (file, kind, wake_word) and vad_truth.tsv (file, start_s, end_s), files of
16 kHz, mono, 16 bit.
"""

from __future__ import annotations

import csv
import wave
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).parent.parent
DEFAULT = ROOT.parent / "shared" / "data" / "speech"
RATE_HZ = 16_000
ROOM_LSB = 10
STEP = 160
CLEAR_DB = 25.0
LONGEST_PAUSE_STEPS = 20

Sound = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Place:
    """Where something lies in a stream, in samples."""

    name: str
    begin: int
    end: int


class Corpus:
    """A folder of recordings.

    Raises:
        SystemExit: it is not there; says what is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        manifest = folder / "manifest.tsv"
        if not manifest.is_file():
            raise SystemExit(
                f"{manifest} is missing: this benchmark needs real recordings.\n"
                "Name their folder with --data FOLDER, or try --tiny, which needs none."
            )
        with manifest.open(encoding="utf-8") as lines:
            self._rows = list(csv.DictReader(lines, delimiter="\t"))

    def wake(self, word: str) -> list[tuple[str, Sound]]:
        """Every recording of a wake word."""
        return [
            (row["file"], self._read(row["file"]))
            for row in self._rows
            if row["kind"] == "wake" and row["wake_word"] == word
        ]

    def others(self) -> Iterator[tuple[str, Sound]]:
        """Every recording in which no wake word is said."""
        return ((row["file"], self._read(row["file"])) for row in self._rows if row["kind"] in ("negative", "speech"))

    def noise(self) -> list[tuple[str, Sound]]:
        """Every recording of noise."""
        return [(row["file"], self._read(row["file"])) for row in self._rows if row["kind"] == "noise"]

    def judged(self) -> dict[str, tuple[Sound, list[tuple[float, float]]]]:
        """Recordings of which it is known when somebody speaks: sound, and (from, to) in seconds."""
        truth: dict[str, list[tuple[float, float]]] = defaultdict(list)
        with (self._folder / "vad_truth.tsv").open(encoding="utf-8") as lines:
            for row in csv.DictReader(lines, delimiter="\t"):
                truth[row["file"]].append((float(row["start_s"]), float(row["end_s"])))
        return {file: (self._read(file), spans) for file, spans in truth.items()}

    def _read(self, file: str) -> Sound:
        import soundfile

        samples, rate_hz = soundfile.read(self._folder / file, dtype="int16")
        assert (rate_hz, samples.ndim) == (RATE_HZ, 1), file
        return np.asarray(samples, np.int16)


class Made:
    """The tests' own clips in its place: enough to see that a benchmark runs."""

    def wake(self, word: str) -> list[tuple[str, Sound]]:
        return [(word, clip(word))]

    def others(self) -> Iterator[tuple[str, Sound]]:
        return ((name, clip(name)) for name in ("timer", "stop"))

    def judged(self) -> dict[str, tuple[Sound, list[tuple[float, float]]]]:
        sound = clip("timer")
        return {"timer": (np.concatenate([room(1), sound, room(1)]), [(1.0, 1.0 + len(sound) / RATE_HZ)])}


def clip(name: str) -> Sound:
    """A clip of the tests."""
    with wave.open(str(ROOT / "tests" / "data" / f"{name}.wav")) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def room(seconds: float, seed: int = 0) -> Sound:
    """A quiet room."""
    noise = np.random.default_rng(seed).normal(0, ROOM_LSB, round(seconds * RATE_HZ))
    return np.rint(noise).astype(np.int16)


def stream(clips: list[tuple[str, Sound]], before_s: float, after_s: float) -> tuple[Sound, list[Place]]:
    """The clips in one stream, room before and after each; where each lies."""
    parts: list[Sound] = []
    places: list[Place] = []
    at = 0
    for number, (name, sound) in enumerate(clips):
        before, after = room(before_s, number), room(after_s, number + 100_000)
        places.append(Place(name, at + len(before), at + len(before) + len(sound)))
        parts += [before, sound, after]
        at += len(before) + len(sound) + len(after)
    return np.concatenate(parts), places


def word_end(sound: Sound) -> int | None:
    """The sample at which the word in a recording is over, by its level; None where it is not 25 dB over its room.

    From the loudest 10 ms on, as long as pauses stay under 200 ms.
    """
    steps = sound[: len(sound) // STEP * STEP].astype(np.float64).reshape(-1, STEP)
    db = 10 * np.log10((steps**2).mean(axis=1) + 1)
    db = np.convolve(np.pad(db, 2, "edge"), np.ones(5) / 5, "valid")
    floor_db, peak_db = float(np.percentile(db, 10)), float(db.max())
    if peak_db - floor_db < CLEAR_DB:
        return None
    last = int(db.argmax())
    for step in np.flatnonzero(db > max(floor_db + 0.4 * (peak_db - floor_db), peak_db - CLEAR_DB)):
        if last < step <= last + LONGEST_PAUSE_STEPS:
            last = int(step)
    return (last + 1) * STEP
