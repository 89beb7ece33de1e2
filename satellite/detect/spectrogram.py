"""openWakeWord's spectrogram: rows of 32 log mel energies, one for every 10 ms of sound.

The published graph computes a Fourier transform as two convolutions with 257 windowed waves. Where its weights are
just that, which is checked here, a fast transform gives the same in a quarter of the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

from satellite.core.audio import Float32
from satellite.core.errors import ModelNotFound
from satellite.detect.onnx import ANY, open_session
from satellite.detect.protobuf import bytes_in, fields, integers, texts

MELS = 32
STEP_SAMPLES = 160
WINDOW_SAMPLES = 512
_BINS = WINDOW_SAMPLES // 2 + 1
_REAL, _IMAGINARY, _MEL = "0.stft.conv_real.weight", "0.stft.conv_imag.weight", "1.melW"
# The weights are float32: a rounding of the exact waves.
_ROUNDING = 2e-7
_LOWEST_POWER, _RANGE_DB = np.float32(1e-10), np.float32(80)
_DB = np.float32(10 / np.log(10))
_GRAPH, _TENSOR, _NAME, _SIZES, _CONTENT = 7, 5, 8, 1, 9


class Spectrogram(Protocol):
    """Turns sound into rows."""

    def of(self, sound: Float32) -> Float32:
        """Rows, shape (n, 32), in dB, of contiguous float32 samples of int16 size, shape (160 n + 352 or more,)."""


def open_spectrogram(path: Path) -> Spectrogram:
    """The spectrogram that a melspectrogram.onnx describes.

    Raises:
        ModelNotFound: no such file.
        ModelDamaged: it is another graph.
    """
    tensors = _tensors(path)
    window = _window(tensors)
    return GraphSpectrogram(path) if window is None else FastSpectrogram(window, tensors[_MEL])


class GraphSpectrogram:
    """The graph itself."""

    def __init__(self, path: Path) -> None:
        self._session = open_session(path, {"input": (ANY, ANY)})

    def of(self, sound: Float32) -> Float32:
        """See Spectrogram."""
        rows: Float32 = self._session.run({"input": sound[np.newaxis]})[0].reshape(-1, MELS)
        return rows


class FastSpectrogram:
    """The same by a fast Fourier transform.

    Args:
        window: float32, shape (512,).
        mel: weights of the 257 powers in each mel energy, float32, shape (257, 32).
    """

    def __init__(self, window: Float32, mel: Float32) -> None:
        self._window = window
        # For the squares of the real and of the imaginary parts, which lie side by side.
        self._mel = np.repeat(mel, 2, axis=0)

    def of(self, sound: Float32) -> Float32:
        """See Spectrogram."""
        count = (len(sound) - WINDOW_SAMPLES) // STEP_SAMPLES + 1
        frames: Float32 = np.ndarray((count, WINDOW_SAMPLES), np.float32, sound, 0, (4 * STEP_SAMPLES, 4))
        parts = np.fft.rfft(frames * self._window).view(np.float32)
        rows: Float32 = np.multiply(parts, parts, out=parts) @ self._mel
        np.maximum(rows, _LOWEST_POWER, out=rows)
        np.log(rows, out=rows)
        np.multiply(rows, _DB, out=rows)
        np.maximum(rows, rows.max() - _RANGE_DB, out=rows)
        return rows


def _window(tensors: Mapping[str, Float32]) -> Float32 | None:
    """The window, when the weights are a windowed Fourier transform."""
    try:
        real, imaginary, mel = (tensors[name] for name in (_REAL, _IMAGINARY, _MEL))
    except KeyError:
        return None
    if real.shape != (_BINS, 1, WINDOW_SAMPLES) or imaginary.shape != real.shape or mel.shape != (_BINS, MELS):
        return None
    window = real[0, 0]
    turns = 2 * np.pi / WINDOW_SAMPLES * np.outer(np.arange(_BINS), np.arange(WINDOW_SAMPLES))
    off = max(
        float(np.abs(real[:, 0] - window * np.cos(turns)).max()),
        float(np.abs(np.abs(imaginary[:, 0]) - np.abs(window * np.sin(turns))).max()),
    )
    return np.ascontiguousarray(window) if off < _ROUNDING else None


def _tensors(path: Path) -> dict[str, Float32]:
    """The float32 weights in the file, by name; none where it is not understood."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelNotFound(f"there is no model file {path}") from error
    found: dict[str, Float32] = {}
    try:
        for graph in bytes_in(fields(content), _GRAPH):
            for tensor in map(list, map(fields, bytes_in(fields(graph), _TENSOR))):
                values = np.frombuffer(b"".join(bytes_in(tensor, _CONTENT)), np.float32)
                found[texts(tensor, _NAME)[0]] = values.reshape(integers(tensor, _SIZES))
    except (ValueError, IndexError):
        return {}
    return found
