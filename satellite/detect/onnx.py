"""The one way to open and run an ONNX graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnxruntime

from satellite import models
from satellite.core.audio import Float32
from satellite.core.errors import ModelDamaged

Shape: TypeAlias = tuple[int, ...]
ANY = -1
# Which library computes; another version may compute otherwise.
RUNTIME = f"onnxruntime {onnxruntime.__version__}"
_ERROR = 3
_TENSORFLOW_LITE = b"TFL3"


class Session:
    """An open graph.

    Attributes:
        path: its file.
        inputs: name to shape; ANY is a free dimension.
        outputs: names.
    """

    def __init__(self, path: Path, session: Any) -> None:
        self.path = path
        self.inputs: Mapping[str, Shape] = {given.name: _shape(given.shape) for given in session.get_inputs()}
        self.outputs: Sequence[str] = [given.name for given in session.get_outputs()]
        self._session = session

    def run(self, feeds: Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
        """The graph's outputs, in its order, for arrays by input name.

        Raises:
            ModelDamaged: the graph cannot be computed for them.
        """
        try:
            outputs: list[npt.NDArray[Any]] = self._session.run(None, feeds)
        except Exception as error:  # onnxruntime's errors have no common base
            raise ModelDamaged(f"model {self.path} fails: {_line(error)}") from error
        return outputs

    def bound(self, inputs: Mapping[str, Float32], outputs: Mapping[str, Float32]) -> Bound:
        """A run from and into these arrays; all inputs, and outputs of the right shapes, contiguous float32."""
        binding = self._session.io_binding()
        for bind, arrays in ((binding.bind_input, inputs), (binding.bind_output, outputs)):
            for name, array in arrays.items():
                bind(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        return Bound(
            self.path, partial(self._session.run_with_iobinding, binding), (*inputs.values(), *outputs.values())
        )


class Bound:
    """A graph and the arrays that it reads and writes where they are: nothing is copied."""

    def __init__(self, path: Path, run: Callable[[], None], arrays: Sequence[Float32]) -> None:
        self._path = path
        self._run = run
        # The graph knows their addresses only.
        self._arrays = arrays

    def run(self) -> None:
        """Compute the outputs.

        Raises:
            ModelDamaged: the graph cannot be computed.
        """
        try:
            self._run()
        except Exception as error:  # onnxruntime's errors have no common base
            raise ModelDamaged(f"model {self._path} fails: {_line(error)}") from error


def open_session(path: Path, inputs: Mapping[str, Shape] | None = None) -> Session:
    """Open a graph for one thread.

    Args:
        path: the .onnx file.
        inputs: name to shape that it must have, ANY for a free dimension; None leaves the check to the caller.

    Raises:
        ModelNotFound: no such file.
        ModelDamaged: not a graph, or not with these inputs.
    """
    if models.beginning(path)[4:8] == _TENSORFLOW_LITE:
        raise ModelDamaged(f"model {path} is one of TensorFlow Lite, not an ONNX graph: its name must end in .tflite")
    try:
        session = Session(path, onnxruntime.InferenceSession(str(path), _options(), ["CPUExecutionProvider"]))
    except Exception as error:  # onnxruntime's errors have no common base
        raise ModelDamaged(
            f"model {path} is no ONNX graph that can be run, or not whole ({path.stat().st_size} bytes): {_line(error)}"
        ) from error
    if inputs is not None and session.inputs != dict(inputs):
        raise ModelDamaged(f"model {path} takes {told(session.inputs)} instead of {told(inputs)}")
    return session


def told(inputs: Mapping[str, Shape]) -> str:
    """Inputs in words."""
    return ", ".join(
        f"{name} ({', '.join('?' if size == ANY else str(size) for size in shape)})" for name, shape in inputs.items()
    )


def _options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    # These graphs take a millisecond: more threads cost more than they bring, and a spinning one takes a whole core.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = _ERROR
    return options


def _shape(dimensions: list[Any]) -> Shape:
    return tuple(size if isinstance(size, int) else ANY for size in dimensions)


def _line(error: Exception) -> str:
    # Of "[ONNXRuntimeError] : 7 : INVALID_PROTOBUF : Load model from FILE failed:Protobuf parsing failed." the end.
    return " ".join(str(error).split()).rpartition(" failed:")[2][:200]
