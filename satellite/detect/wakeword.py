"""Wake words: openWakeWord's three graphs, fed as its Python package feeds them, so that the scores are the same."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from satellite.core.audio import Float32, Int16
from satellite.core.errors import ModelDamaged
from satellite.detect.embedding import FEATURES, bridged, open_embedding
from satellite.detect.onnx import ANY, Session, open_session, told
from satellite.detect.spectrogram import open_spectrogram
from satellite.detect.window import Window

HOP_SAMPLES = 1280
# A score looks at 16 hops; the ones before them would be scores of the state we begin with.
WARM_HOPS = 16
# What the spectrogram sees of the hop before: three of its steps of 160 samples.
_CONTEXT_SAMPLES = 480


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a wake needs besides a score at the threshold.

    Attributes:
        agreeing, of: of the last `of` hops, the newest among them, so many must be at the threshold.
        speech: the speech probability that must be reached in the second before; 0: it is not asked.
        syllables: that must be heard in the 1.2 s before; 0: they are not counted.
    """

    agreeing: int = 1
    of: int = 1
    speech: float = 0.0
    syllables: int = 0


_ALONE = Confirmation()


@dataclass(frozen=True, slots=True)
class WakeModel:
    """A wake word.

    Attributes:
        name: what it is called in settings and on the wire.
        path: its .onnx file, of openWakeWord's kind.
        phrase: what a person says.
        threshold: score from which it counts as heard.
        refractory_s: deaf to this word so long after hearing it.
        confirmation: what a wake needs besides.
    """

    name: str
    path: Path
    phrase: str
    threshold: float = 0.5
    refractory_s: float = 2.0
    confirmation: Confirmation = field(default=_ALONE, kw_only=True)


class Scores(NamedTuple):
    """What a hop gave. `at`: samples heard up to its end. `by_name`: each word's score, 0 to 1."""

    at: int
    by_name: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class WakeWordStatistics:
    """What has been heard.

    Attributes:
        hops: of 80 ms, computed so far.
        warm: scores are given.
        engine: how they are computed.
    """

    hops: int
    warm: bool
    engine: str = ""


class WakeWords:
    """Listens for several wake words at once, at the cost of little more than one.

    It begins in a defined state, the same each time, and gives no scores before it has forgotten that (16 hops, or as
    many as the longest model looks back).

    Args:
        models: the words, each with a name of its own.
        melspectrogram, embedding: the files of the graphs that all words share; the embedding as it was published, or
            incremental (see `satellite.detect.incremental`).

    Raises:
        ModelNotFound: a file is missing.
        ModelDamaged: a file is not the graph that it should be.
    """

    def __init__(self, models: Sequence[WakeModel], melspectrogram: Path, embedding: Path) -> None:
        self.models = tuple(models)
        self._spectrogram = open_spectrogram(melspectrogram)
        self._embedding = open_embedding(embedding)
        self._words = self._all = [_Word(model) for model in models]
        self._unheard = dict.fromkeys((model.name for model in models), 0.0)
        longest = max((word.hops for word in self._words), default=0)
        self._warm_hops = max(WARM_HOPS, longest)
        self.forget()

    def forget(self) -> None:
        """Begin anew, as one that has heard nothing."""
        self._embedding = self._embedding.fresh()
        self._window = Window(self._warm_hops, FEATURES, 0.0)
        # Three steps of the hop before, then the hop that is being filled.
        self._sound = np.zeros(_CONTEXT_SAMPLES + HOP_SAMPLES, np.float32)
        self._filled = 0
        self._hops = 0
        self._warm_at = self._warm_hops

    def process(self, samples: Int16) -> list[Scores]:
        """Hear int16 samples, shape (n,), at 16 kHz, cut in any way; the scores of every hop completed by them."""
        scores = []
        while len(samples):
            part = samples[: HOP_SAMPLES - self._filled]
            begin = _CONTEXT_SAMPLES + self._filled
            self._sound[begin : begin + len(part)] = part
            self._filled += len(part)
            samples = samples[len(part) :]
            if self._filled == HOP_SAMPLES:
                scores += self._hop()
        return scores

    def fresh(self) -> WakeWords:
        """Another that has heard nothing; for the same thread, because they share the graphs."""
        other = copy.copy(self)
        other.forget()
        return other

    def keep_only(self, name: str) -> None:
        """Look for this word alone; all others score 0. Without it nothing is computed and nothing scores."""
        self._words = [word for word in self._all if word.name == name]

    def keep_all(self) -> None:
        """Look for all words again; where nothing was computed meanwhile, it has heard nothing."""
        if not self._words:
            hops, filled = self._hops, self._filled
            self.forget()
            self._hops, self._filled, self._warm_at = hops, filled, hops + self._warm_hops
        self._words = self._all

    def statistics(self) -> WakeWordStatistics:
        """What has been done so far."""
        graph = "incremental" if self._embedding.incremental else "whole"
        return WakeWordStatistics(self._hops, self._hops >= self._warm_at, f"openWakeWord, {graph}")

    def _hop(self) -> list[Scores]:
        # The package's first hop has no context; with zeros in its place the first 24 scores would differ.
        if not self._words:
            self._filled = 0
            self._hops += 1
            return []
        rows = self._spectrogram.of(self._sound if self._hops else self._sound[_CONTEXT_SAMPLES:])
        window = self._window.push(self._embedding.of(bridged(rows)))
        self._sound[:_CONTEXT_SAMPLES] = self._sound[HOP_SAMPLES:]
        self._filled = 0
        self._hops += 1
        if self._hops < self._warm_at:
            return []
        return [
            Scores(
                self._hops * HOP_SAMPLES, {**self._unheard, **{word.name: word.score(window) for word in self._words}}
            )
        ]


class _Word:
    """One classifier."""

    def __init__(self, model: WakeModel) -> None:
        self.name = model.name
        self._session = open_session(model.path)
        self._input, self.hops = _only_input(self._session)
        outputs = self._session.run({self._input: np.zeros((1, self.hops, FEATURES), np.float32)})
        if outputs[0].size != 1:
            raise ModelDamaged(f"model {model.path} gives {outputs[0].size} scores; a wake word has one")
        if not 0 <= (score := float(outputs[0].item())) <= 1:
            raise ModelDamaged(f"model {model.path} gives {score:g} for silence; the score of a wake word is 0 to 1")

    def score(self, window: Float32) -> float:
        """The score after the features of the last hops, shape (n, 96)."""
        features = window[len(window) - self.hops :]
        return float(self._session.run({self._input: features[np.newaxis]})[0].item())


def _only_input(session: Session) -> tuple[str, int]:
    """The name of the classifier's input and how many hops it sees."""
    inputs = list(session.inputs.items())
    if len(inputs) == 1 and len(inputs[0][1]) == 3:
        name, (batch, hops, features) = inputs[0]
        if batch in (1, ANY) and 1 <= hops <= 128 and features == FEATURES:
            return name, hops
    raise ModelDamaged(
        f"model {session.path} takes {told(session.inputs)}; an openWakeWord model takes (1, hops, {FEATURES})"
    )
