"""Wake words of microWakeWord's kind, run by the package pymicro-wakeword: an extra that not every system can have.

This is the only door to that package: it brings the sound's features and TensorFlow Lite.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from satellite import models
from satellite.core.audio import Int16
from satellite.core.errors import EngineMissing, ModelDamaged, ModelNotFound
from satellite.detect.wakeword import HOP_SAMPLES, WARM_HOPS, Scores, WakeModel, WakeWordStatistics

PACKAGE = "pymicro_wakeword"
# Its wheels are built for Debian 12 and newer; for older systems pip would only find one without the library.
OLDEST_GLIBC = (2, 35)
_STEP_MS = 10
_FEATURES = 40
# A model answers every `stride` steps of 10 ms: at least once in a hop.
_LONGEST_STRIDE = 8
_LONGEST_WINDOW = 100
_BYTE_TYPES = (3, 9)  # TensorFlow Lite's uint8 and int8


@dataclass(frozen=True, slots=True)
class MicroModel(WakeModel):
    """A wake word for this engine; `path` is its .tflite file.

    Attributes:
        window: the score is the mean of so many of the graph's answers.
    """

    window: int = 5


@dataclass(frozen=True, slots=True)
class Recipe:
    """What stands in the .json beside a .tflite: `phrase`, the advised `threshold`, and `window` as above."""

    phrase: str
    threshold: float
    window: int


def read_recipe(model: Path) -> Recipe:
    """The .json beside an own .tflite file, as ESPHome's models have it (version 2).

    Raises:
        ModelNotFound: it is not there.
        ModelDamaged: it cannot be read, or describes another kind of model.
    """
    path = model.with_suffix(".json")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        micro = content["micro"]
        recipe = Recipe(
            str(content["wake_word"]), float(micro["probability_cutoff"]), int(micro["sliding_window_size"])
        )
        step_ms = micro.get("feature_step_size", _STEP_MS)
    except FileNotFoundError:
        raise ModelNotFound(f"model {model} needs its {path.name} beside it") from None
    except OSError as error:
        raise ModelDamaged(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelDamaged(f"{path} does not describe a microWakeWord model of version 2: {error!r}") from error
    if step_ms != _STEP_MS or not 0 < recipe.threshold <= 1 or not 1 <= recipe.window <= _LONGEST_WINDOW:
        raise ModelDamaged(f"{path} asks for what there is not: threshold, window or step is out of range")
    return recipe


def missing(package: str = PACKAGE, libc: Callable[[], str | None] = lambda: os.confstr("CS_GNU_LIBC_VERSION")) -> str:
    """Why this engine cannot run here, and what to do; empty: it can. Loads nothing."""
    if importlib.util.find_spec(package):
        return ""
    try:
        name, _, version = (libc() or "").partition(" ")
        fits = name == "glibc" and tuple(map(int, version.split(".")[:2])) >= OLDEST_GLIBC
    except (OSError, ValueError):
        name, version, fits = "", "", False
    if fits:
        return "microWakeWord is not installed; run: scripts/setup micro"
    return (
        f"microWakeWord needs glibc 2.35 (Debian 12 or newer); this system has {f'{name} {version}'.strip() or 'none'}"
    )


class MicroWakeWords:
    """Listens for several wake words at once.

    It begins in a defined state and, as WakeWords, gives no scores for its first 16 hops: a graph with an empty memory
    may take anything for its word.

    Args:
        models: the words, each with a name of its own.

    Raises:
        EngineMissing: the package is not installed, or cannot run on this system.
        ModelNotFound: a file is missing.
        ModelDamaged: a file is not such a graph.
    """

    def __init__(self, models: Sequence[MicroModel]) -> None:
        self.models: tuple[WakeModel, ...] = tuple(models)
        package = _package()
        self._features = package.MicroWakeWordFeatures()
        self._words = self._all = {model.name: _open(package, model) for model in models}
        # A word that was left out scores nothing before it has forgotten what it heard then.
        self._warm_at = dict.fromkeys(self._words, 0)
        self._best = dict.fromkeys(self._words, 0.0)
        self._filled = 0
        self._hops = 0

    def process(self, samples: Int16) -> list[Scores]:
        """Hear int16 samples, shape (n,), at 16 kHz, cut in any way; the scores of every hop completed by them.

        A graph answers two or three times in a hop: its score is the highest of them.
        """
        scores = []
        while len(samples):
            part = samples[: HOP_SAMPLES - self._filled]
            samples = samples[len(part) :]
            self._filled += len(part)
            self._hear(part)
            if self._filled == HOP_SAMPLES:
                scores += self._hop()
        return scores

    def fresh(self) -> MicroWakeWords:
        """Another that has heard nothing."""
        return MicroWakeWords([model for model in self.models if isinstance(model, MicroModel)])

    def keep_only(self, name: str) -> None:
        """Look for this word alone; all others score 0."""
        self._words = {kept: word for kept, word in self._all.items() if kept == name}

    def keep_all(self) -> None:
        """Look for all words again."""
        for name in self._all.keys() - self._words.keys():
            self._warm_at[name] = self._hops + WARM_HOPS
        self._words = self._all

    def statistics(self) -> WakeWordStatistics:
        """What has been done so far."""
        return WakeWordStatistics(self._hops, self._hops >= WARM_HOPS, "microWakeWord")

    def _hear(self, samples: Int16) -> None:
        for features in self._features.process_streaming(samples.tobytes()):
            for name, word in self._words.items():
                score = word.process_streaming_prob(features)
                if self._hops >= self._warm_at[name]:
                    self._best[name] = max(self._best[name], score)

    def _hop(self) -> list[Scores]:
        self._filled = 0
        self._hops += 1
        best, self._best = self._best, dict.fromkeys(self._best, 0.0)
        return [Scores(self._hops * HOP_SAMPLES, best)] if self._hops >= WARM_HOPS else []


def _package() -> Any:
    if why := missing():
        raise EngineMissing(why)
    try:
        import pymicro_wakeword
    except (ImportError, OSError) as error:
        raise EngineMissing(f"microWakeWord cannot run here: {error}") from error
    return pymicro_wakeword


def _open(package: Any, model: MicroModel) -> Any:
    models.beginning(model.path)
    library = next((Path(package.__file__).parent / "lib").glob("*tensorflowlite_c.*"), None)
    if library is None:
        raise EngineMissing("microWakeWord came without its library; run: scripts/setup micro")
    try:
        _refuse_damaged(package, library, model.path)
        return package.MicroWakeWord(
            model.name,
            wake_word=model.phrase,
            tflite_model=model.path,
            probability_cutoff=model.threshold,
            sliding_window_size=model.window,
            trained_languages=[],
            libtensorflowlite_c_path=library,
        )
    except OSError as error:
        raise EngineMissing(f"microWakeWord cannot run here: {error}") from error


def _refuse_damaged(package: Any, library: Path, path: Path) -> None:
    """Look into the file first: given one that is no graph, the package (seen: 2.5.0) ends the process."""
    lite = package.microwakeword.TfLiteWakeWord(library).lib
    graph = lite.TfLiteModelCreateFromFile(os.fsencode(path))
    interpreter = graph and lite.TfLiteInterpreterCreate(graph, None)
    fault = _fault(lite, interpreter) if interpreter else "cannot be run"
    if interpreter:
        lite.TfLiteInterpreterDelete(interpreter)
    if graph:
        lite.TfLiteModelDelete(graph)
    if fault:
        raise ModelDamaged(f"model {path} is no microWakeWord model: it {fault}")


def _fault(lite: ctypes.CDLL, interpreter: int) -> str:
    if lite.TfLiteInterpreterAllocateTensors(interpreter):
        return "cannot be run"
    try:
        given = lite.TfLiteInterpreterGetInputTensor(interpreter, 0)
        answer = lite.TfLiteInterpreterGetOutputTensor(interpreter, 0)
    except RuntimeError:
        return "has no input or no output"
    shape = [lite.TfLiteTensorDim(given, axis) for axis in range(lite.TfLiteTensorNumDims(given))]
    if len(shape) != 3 or shape[0] != 1 or not 1 <= shape[1] <= _LONGEST_STRIDE or shape[2] != _FEATURES:
        return f"takes {tuple(shape)} instead of (1, steps, {_FEATURES})"
    if lite.TfLiteTensorType(given) not in _BYTE_TYPES or lite.TfLiteTensorType(answer) not in _BYTE_TYPES:
        return "does not compute in bytes"
    return "" if lite.TfLiteTensorByteSize(answer) == 1 else "gives more than one score"
