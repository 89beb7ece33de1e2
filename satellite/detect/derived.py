"""The incremental embedding as a file: made from the published one on this machine, proved, and kept beside it.

Beside it lies a record: what it was made of, with what it was proved, and its own sha256. Whatever of that has changed,
or is damaged, has it made anew; where it could not be proved, the published graph runs.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from satellite import models
from satellite.core.audio import RATE_HZ, Float32, Int16
from satellite.core.errors import ModelError, ModelNotFound
from satellite.detect.clip import bundled_speech
from satellite.detect.embedding import bridged, open_embedding
from satellite.detect.incremental import incremental
from satellite.detect.onnx import RUNTIME
from satellite.detect.spectrogram import STEP_SAMPLES, WINDOW_SAMPLES, open_spectrogram

log = logging.getLogger(__name__)

EMBEDDING, SPECTROGRAM = "embedding", "melspectrogram"
FILE, RECORD = "embedding_incremental.onnx", "embedding_incremental.json"
# The largest difference of any feature. So far it was 0.
LIMIT = 1e-4
_PROOF_S = 30
_HOP_SAMPLES = 1280
# Raised when `incremental` makes another graph than before.
_RECIPE = 1


@dataclass(frozen=True, slots=True)
class _Record:
    """What must be the same for the file to be used. `difference`: None when it could not be made or run."""

    recipe: int
    runtime: str
    original: str
    derived: str
    difference: float | None

    @property
    def proved(self) -> bool:
        return self.difference is not None and self.difference <= LIMIT


def embedding(directory: Path, say: Callable[[str], None] = log.info) -> Path:
    """The graph to run: the incremental one, made now if need be, which takes a second, on a small board ten.

    Args:
        directory: the models folder.
        say: is given a line when something is made, and one when the published graph must do.

    Returns:
        Its file; that of the published graph, where the incremental one cannot be proved or stored.

    Raises:
        ModelNotFound, ModelDamaged: of the published files.
    """
    original, spectrogram = (models.find(name, directory) for name in (EMBEDDING, SPECTROGRAM))
    path, record = directory / FILE, _read(directory / RECORD)
    if record is None or not _still_true(record, original, path):
        say("preparing the wake words: the embedding is made incremental and proved, once")
        try:
            record = _make(original, spectrogram, directory)
        except OSError as error:
            say(f"the incremental embedding cannot be stored in {directory}: {error.strerror}; the whole one runs")
            return original
    if record.proved:
        return path
    found = "it does not run" if record.difference is None else f"it differs by {record.difference:.2g}"
    say(f"the incremental embedding is not used: {found}; the whole one runs, at four times the cost")
    return original


def prepare(directory: Path, say: Callable[[str], None]) -> None:
    """Make it now, if what it is made of is there and it was not made before. `say`: as above."""
    try:
        embedding(directory, say)
    except ModelNotFound:
        log.debug("nothing to make the incremental embedding of in %s", directory)


def difference(original: Path, derived: Path, spectrogram: Path, sound: Int16) -> float:
    """The largest difference between any feature of two embeddings over the hops of a sound, int16 at 16 kHz.

    Raises:
        ModelError: one of them cannot be run.
    """
    rows_of, one, other = open_spectrogram(spectrogram), open_embedding(original), open_embedding(derived)
    context = WINDOW_SAMPLES - WINDOW_SAMPLES % STEP_SAMPLES
    floats: Float32 = sound.astype(np.float32)
    found = [0.0]
    for end in range(_HOP_SAMPLES, len(sound) + 1, _HOP_SAMPLES):
        rows = bridged(rows_of.of(floats[max(0, end - _HOP_SAMPLES - context) : end]))
        found.append(float(np.abs(one.of(rows) - other.of(rows)).max()))
    return float(np.max(found))


def _make(original: Path, spectrogram: Path, directory: Path) -> _Record:
    content = original.read_bytes()
    record = partial(_Record, _RECIPE, RUNTIME, hashlib.sha256(content).hexdigest())
    try:
        made = incremental(content)
        furthest: float | None = _proof(made, original, spectrogram)
    except ModelError as error:
        log.warning("%s", error)
        made, furthest = b"", None
    comparable = furthest is not None and math.isfinite(furthest)
    done = record(hashlib.sha256(made).hexdigest(), furthest if comparable else None)
    if done.proved:
        models.put(directory / FILE, made)
    models.put(directory / RECORD, json.dumps(asdict(done), indent=2).encode() + b"\n")
    return done


def _proof(made: bytes, original: Path, spectrogram: Path) -> float:
    speech = bundled_speech()
    with tempfile.TemporaryDirectory(prefix="satellite-proof-") as folder:
        path = Path(folder) / FILE
        path.write_bytes(made)
        return difference(original, path, spectrogram, np.resize(speech, _PROOF_S * RATE_HZ))


def _still_true(record: _Record, original: Path, path: Path) -> bool:
    if (record.recipe, record.runtime, record.original) != (_RECIPE, RUNTIME, _digest(original)):
        return False
    return not record.proved or _digest(path) == record.derived


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _read(path: Path) -> _Record | None:
    """The record, if there is a whole one."""
    try:
        content = json.loads(path.read_bytes())
        difference = content["difference"]
        return _Record(**{**content, "difference": None if difference is None else float(difference)})
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
