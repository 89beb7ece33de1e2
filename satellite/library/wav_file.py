"""A WAV file that grows."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Self

from satellite.codec.wav import wav_header
from satellite.core.audio import AudioFormat
from satellite.core.places import named


class WavFile:
    """A 16-bit WAV file that is written piece by piece; its header is right once it is closed.

    Args:
        most_frames: what comes beyond is dropped.

    Raises:
        OSError: it cannot be written; so do all calls.
    """

    def __init__(self, path: str | Path, form: AudioFormat, most_frames: int) -> None:
        self._form = form
        self._most_frames = most_frames
        self._file: BinaryIO = named(path).open("wb")
        self._file.write(wav_header(form, 0))
        self.frames = 0

    @property
    def wants(self) -> bool:
        """There is room for more."""
        return self.frames < self._most_frames

    def write(self, pcm: bytes) -> None:
        """Add whole frames."""
        kept = pcm[: (self._most_frames - self.frames) * self._form.frame_bytes]
        self._file.write(kept)
        self.frames += len(kept) // self._form.frame_bytes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._file:
            size = self.frames * self._form.frame_bytes
            self._file.write(bytes(size % 2))
            self._file.seek(0)
            self._file.write(wav_header(self._form, size))
