"""openWakeWord's embedding: 96 features of the last 76 rows of the spectrogram.

By the graph as it was published, or by the one that `incremental` made of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

from satellite.core.audio import Float32
from satellite.core.errors import ModelDamaged
from satellite.detect.incremental import HOP_ROWS, MELS
from satellite.detect.onnx import ANY, Session, Shape, open_session, told
from satellite.detect.window import Window

FEATURES = 96
ROWS = 76
# What the package's window is filled with before there is any sound.
_BEFORE = 1.0
_WHOLE: Mapping[str, Shape] = {"input_1": (ANY, ROWS, MELS, 1)}
_HOP: Shape = (1, HOP_ROWS, MELS, 1)
# After so many hops the incremental graph has forgotten how it began.
_MEMORY_HOPS = -(-ROWS // HOP_ROWS) + 1


# It was trained on another spectrogram; this is openWakeWord's bridge between the two.
_BRIDGE_SCALE, _BRIDGE_OFFSET = np.float32(1 / 10), np.float32(2)


def bridged(rows: Float32) -> Float32:
    """Rows of the spectrogram as the embedding wants them."""
    return rows * _BRIDGE_SCALE + _BRIDGE_OFFSET


class Embedding(Protocol):
    """Follows a spectrogram.

    Attributes:
        incremental: only what is new is computed.
    """

    incremental: bool

    def of(self, rows: Float32) -> Float32:
        """The features, shape (96,), after the next 8 bridged rows, shape (8, 32); of a beginning there may be fewer.

        They are valid until the next call.
        """

    def fresh(self) -> Embedding:
        """Another that has heard nothing."""


def open_embedding(path: Path) -> Embedding:
    """What runs this graph, the published one or the incremental one: they are told apart by their inputs.

    Raises:
        ModelNotFound: no such file.
        ModelDamaged: it is neither.
    """
    session = open_session(path)
    if dict(session.inputs) == dict(_WHOLE):
        return WholeEmbedding(session)
    if session.inputs.get("input_1") == _HOP and len(session.outputs) == len(session.inputs) > 1:
        return IncrementalEmbedding(session)
    raise ModelDamaged(f"model {path} takes {told(session.inputs)} instead of {told(_WHOLE)}")


class WholeEmbedding:
    """The published graph: all 76 rows are looked at each time."""

    incremental = False

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rows = Window(ROWS, MELS, _BEFORE)

    def of(self, rows: Float32) -> Float32:
        """See Embedding."""
        window = self._rows.push(rows).reshape(1, ROWS, MELS, 1)
        features: Float32 = self._session.run({"input_1": window})[0].reshape(FEATURES)
        return features

    def fresh(self) -> WholeEmbedding:
        """See Embedding."""
        return WholeEmbedding(self._session)


class IncrementalEmbedding:
    """The incremental graph. Its states go from one run to the next where they lie, in two sets that change roles."""

    incremental = True

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rows: Float32 = np.full(_HOP, _BEFORE, np.float32)
        self._features = np.zeros((1, 1, 1, FEATURES), np.float32)
        inputs, outputs = list(session.inputs)[1:], session.outputs[1:]
        one, other = ([np.zeros(session.inputs[name], np.float32) for name in inputs] for _ in range(2))
        self._now, self._then = (
            session.bound(
                {"input_1": self._rows, **dict(zip(inputs, before, strict=True))},
                {session.outputs[0]: self._features, **dict(zip(outputs, after, strict=True))},
            )
            for before, after in ((one, other), (other, one))
        )
        for _ in range(_MEMORY_HOPS):
            self._run()

    def of(self, rows: Float32) -> Float32:
        """See Embedding."""
        self._rows[0, : HOP_ROWS - len(rows)] = _BEFORE
        self._rows[0, HOP_ROWS - len(rows) :, :, 0] = rows
        self._run()
        return self._features.reshape(FEATURES)

    def fresh(self) -> IncrementalEmbedding:
        """See Embedding."""
        return IncrementalEmbedding(self._session)

    def _run(self) -> None:
        self._now.run()
        self._now, self._then = self._then, self._now
