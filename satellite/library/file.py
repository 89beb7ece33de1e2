"""A recording in place of a microphone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

import numpy as np
import numpy.typing as npt

from satellite.core.audio import AudioFormat, Int16, to_int16
from satellite.core.errors import SamplesUnfit, SettingOutOfRange, VadUnknown
from satellite.core.places import named
from satellite.dsp.convert import Converter, check
from satellite.library.chunks import Chunk, Chunker, Heard
from satellite.library.options import FileOptions, Samples
from satellite.library.settings import InputSettings, settings_of
from satellite.library.speaking import Detector, HoldOff, Scored, detector
from satellite.library.wav_file import WavFile

# What Silero judges at a time; the level is taken over as much.
WINDOW_S = 0.032
_BLOCK_FRAMES = 8_000
# What the size fields of a WAV file can say.
_MOST_WAV_BYTES = 0xFFFF_FFFF - 64
Sound = Iterator[tuple[AudioFormat, bytes]]


@dataclass(frozen=True, slots=True)
class Window:
    """How much a stretch of a recording is like speech, 0 to 1; from and to in seconds."""

    start_s: float
    end_s: float
    score: float


@dataclass(frozen=True, slots=True)
class Segment:
    """Somebody speaks, from the first to the last window at the threshold; pauses within the hold-off are in it."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Analysis:
    """What File.analyze() found: every window of 32 ms, and where somebody speaks."""

    windows: tuple[Window, ...]
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class SaveReport:
    """What File.save() wrote.

    Attributes:
        frames: samples of each channel.
        seconds: how long it lasts.
        clipped_samples: that were too loud for 16 bits, in the array given or after gain.
        non_finite_samples: of the array given, that were no numbers and became silence.
    """

    frames: int
    seconds: float
    clipped_samples: int
    non_finite_samples: int


class File:
    """Chunks of a recording, exactly as a microphone would give them: try everything without hardware.

    ```
    for chunk in File("said.wav", vad="silero").iter_with_metadata():
        print(chunk.timestamp, chunk.is_speaking)
    ```

    It is read as fast as it is asked for. Time is the recording's: timestamps are seconds since its beginning, and the
    hold-off counts them.

    Args:
        path: a WAV file; with the extra [codecs] also MP3, FLAC, Opus, AAC and others.
        options: those of Microphone, without `device` and `queue_chunks`.

    Raises:
        ArgumentError: something is out of range. Each has its own class below it.
        OSError: there is no such file.
    """

    def __init__(self, path: str | Path, **options: Unpack[FileOptions]) -> None:
        settings = settings_of("File", FileOptions, options)
        # A mistake in its name is told here and not at the first read.
        named(path).stat()
        self._prepare(str(path), lambda: _decoded(Path(path)), settings)

    @classmethod
    def buffer(cls, samples: npt.NDArray[Any], input_rate: int, **options: Unpack[FileOptions]) -> Self:
        """Samples that are in memory as if they were a file.

        Args:
            samples: int16, or floats from -1 to 1 (no numbers become silence); (frames,) or (frames, channels).
            input_rate: of the samples, in Hz.

        Raises:
            ArgumentError: something is out of range, or the samples are of another type or shape.
            AudioFormatError: there is no such rate or channel count.
        """
        form, pcm, misfits = _pcm(samples, input_rate)
        size = _BLOCK_FRAMES * form.frame_bytes
        recording = cls.__new__(cls)
        recording._prepare(  # noqa: SLF001 - its own
            f"{len(samples)} samples at {input_rate} Hz",
            lambda: ((form, pcm[at : at + size]) for at in range(0, len(pcm), size)),
            settings_of("File.buffer", FileOptions, options),
            misfits,
        )
        return recording

    def _prepare(
        self, name: str, sound: Callable[[], Sound], settings: InputSettings, misfits: tuple[int, int] = (0, 0)
    ) -> None:
        self._name = name
        self._misfits = misfits
        self._sound = sound
        self.settings = settings
        """What was asked for."""
        self._detector: Detector | None = None
        self._last: Heard | None = None
        self._chunks = self._begin()

    def read(self) -> Samples | None:
        """The next chunk's samples, the last ones perhaps fewer; None at the end.

        Raises:
            OSError: the file cannot be read.
            AudioFormatError: it is not understood, or has not the chosen channel.
            CodecMissing: it needs the extra [codecs].
            ModelError: the speech model is missing or damaged.
        """
        chunk = self.read_with_metadata()
        return None if chunk is None else chunk.data

    def read_with_metadata(self) -> Chunk | None:
        """The next chunk with its time, number and speech; None and errors as read()."""
        heard = next(self._chunks, None)
        if heard is None:
            return None
        self._last = heard
        return heard.chunk

    def iter_with_metadata(self) -> Iterator[Chunk]:
        """The chunks that are left. Raises as read()."""
        while (chunk := self.read_with_metadata()) is not None:
            yield chunk

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Samples:
        samples = self.read()
        if samples is None:
            raise StopIteration
        return samples

    def close(self) -> None:
        """Let go of the file, and begin anew with the next read."""
        self._last = None
        self._chunks = self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_speaking(self) -> bool:
        """Somebody speaks at the end of the last chunk read, or did within the hold-off before. False without vad."""
        return self._last is not None and self._last.chunk.is_speaking

    @property
    def vad_score(self) -> float:
        """How much the last chunk read is like speech, 0 to 1. 0.0 without vad."""
        return self._last.chunk.vad_score if self._last else 0.0

    def analyze(self) -> Analysis:
        """Judge the whole recording, wherever reading is.

        Raises:
            VadUnknown: the file was made without vad.
            OSError, AudioFormatError, CodecMissing, ModelError: as read().
        """
        if not self.settings.vad:
            raise VadUnknown("analyze() needs a speech detector: vad='silero' or vad='energy'")
        at_s, windows = 0.0, []
        for scored in self._judged():
            windows.append(Window(round(at_s, 6), round(at_s + scored.seconds, 6), scored.score))
            at_s += scored.seconds
        return Analysis(tuple(windows), tuple(segments(windows, self.settings)))

    def save(self, path: str | Path) -> SaveReport:
        """Write the whole recording as chunks would give it, wherever reading is: a 16-bit WAV file, which is replaced.

        Raises:
            SettingOutOfRange: it is the recording's own file.
            OSError: one of the files cannot be read or written.
            AudioFormatError, CodecMissing: as read(). What came before is a whole file.
        """
        if Path(path).exists() and Path(self._name).exists() and Path(path).samefile(self._name):
            raise SettingOutOfRange(f"{path} is the recording itself: save it under another name")
        settings, chunker = replace(self.settings, vad=False, dtype="int16", as_ndarray=False), None
        form = AudioFormat(settings.sample_rate, settings.channels, 2)
        sound = self._sound()
        first = next(sound, None)
        with WavFile(path, form, _MOST_WAV_BYTES // form.frame_bytes) as file:
            for given, pcm in chain((first,) if first else (), sound):
                chunker = chunker or Chunker(settings, given, None)
                _write(file, chunker.feed(pcm))
            if chunker:
                _write(file, chunker.flush())
        clipped, non_finite = self._misfits
        clipped += chunker.conditioning.clipped if chunker else 0
        return SaveReport(file.frames, file.frames / form.rate_hz, clipped, non_finite)

    def _judged(self) -> Iterator[Scored]:
        """The scores of all windows, of the sound as it is before conditioning."""
        settings, judge = self.settings, detector(self.settings)
        size = max(1, round(WINDOW_S * settings.sample_rate))
        rest = np.zeros((0, settings.channels), np.int16)
        for frames in self._converted():
            rest = np.concatenate((rest, frames))
            while judge and len(rest) >= size:
                yield from judge.process(rest[:size])
                rest = rest[size:]

    def _converted(self) -> Iterator[Int16]:
        converter: Converter | None = None
        for form, pcm in self._sound():
            settings = self.settings
            converter = converter or Converter(form, settings.sample_rate, settings.channels, settings.picked)
            yield converter.process(pcm)
        if converter:
            yield converter.flush()

    def _begin(self) -> Iterator[Heard]:
        if self._detector is None:
            self._detector = detector(self.settings)
        if self._detector:
            self._detector.reset()
        chunker: Chunker | None = None
        for form, pcm in self._sound():
            chunker = chunker or Chunker(self.settings, form, self._detector)
            yield from chunker.feed(pcm)
        if chunker:
            yield from chunker.flush()

    def __repr__(self) -> str:
        settings = self.settings
        return (
            f"File({self._name!r}, sample_rate={settings.sample_rate}, channels={settings.channels}, "
            f"frames_per_buffer={settings.frames_per_buffer}, dtype={settings.dtype!r}, vad={settings.vad!r})"
        )


def segments(windows: Sequence[Window], settings: InputSettings) -> Iterator[Segment]:
    """Where somebody speaks."""
    holdoff = HoldOff(settings.threshold, settings.vad_holdoff_ms / 1000)
    start_s: float | None = None
    end_s = 0.0
    for window in windows:
        holdoff.process(Scored(window.score, window.end_s - window.start_s))
        if window.score >= settings.threshold:
            start_s, end_s = window.start_s if start_s is None else start_s, window.end_s
        elif start_s is not None and holdoff.lasts_s < 0:
            yield Segment(start_s, end_s)
            start_s = None
    if start_s is not None:
        yield Segment(start_s, end_s)


def _write(file: WavFile, heard: Iterable[Heard]) -> None:
    for one in heard:
        file.write(bytes(one.chunk.data))


def _decoded(path: Path) -> Sound:
    from satellite.codec.file import decode_file

    for frame in decode_file(path):
        yield AudioFormat(frame.sample_rate, frame.num_channels, 2), frame.data


def _pcm(samples: npt.NDArray[Any], rate_hz: int) -> tuple[AudioFormat, bytes, tuple[int, int]]:
    """Format and bytes; how many samples were clipped, and how many were no numbers."""
    if not isinstance(samples, np.ndarray):
        raise SamplesUnfit(f"an array is wanted, not {type(samples).__name__}")
    if samples.ndim not in (1, 2) or (samples.dtype != np.int16 and samples.dtype.kind != "f"):
        raise SamplesUnfit(
            f"an array of {samples.dtype} of shape {samples.shape}: int16 or floats, 1-D or 2-D, will do"
        )
    form = AudioFormat(rate_hz, 1 if samples.ndim == 1 else samples.shape[1], 2)
    check(form)
    clipped = non_finite = 0
    if samples.dtype.kind == "f":
        numbers = np.isfinite(samples)
        non_finite = int(np.count_nonzero(~numbers))
        finite = np.where(numbers, samples, 0.0)
        clipped = int(np.count_nonzero((finite > 1) | (finite < -1)))
        samples = to_int16(finite)
    return form, samples.astype("<i2", copy=False).tobytes(), (clipped, non_finite)
