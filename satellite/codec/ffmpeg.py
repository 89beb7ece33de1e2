"""FFmpeg's decoders, through PyAV: the one door to it.

FFmpeg is told which container to read, and may open nothing but the bytes it is given: left to itself it takes a list
for sound, and opens the files and addresses in it.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import av
import av._core
import av.error
import numpy as np

from satellite.codec.frames import Losses, Sound
from satellite.codec.kinds import Kind
from satellite.codec.mp3 import FrameCutter, Trim
from satellite.core.audio import AudioFormat, Int16, to_int16
from satellite.core.encoding import Encoding, decode
from satellite.core.errors import AudioFormatError

log = logging.getLogger(__name__)

_CONTAINERS = {Kind.AAC: "aac", Kind.FLAC: "flac", Kind.OGG: "ogg", Kind.WEBM: "matroska", Kind.MP4: "mov"}
_MPEG_LAYERS = {1: "mp1float", 2: "mp2float", 3: "mp3float"}
_DECODERS = {"aac", "alac", "flac", "mp3", "opus", "pcm_s16le", "speex", "vorbis", *_MPEG_LAYERS.values()}
# PyAV counts a frame's planes up to an empty one, which is not there behind the eighth: it would read beyond the frame.
_TOO_MANY_PLANES = 8
_ENCODINGS = {"|u1": Encoding.U8, "<i4": Encoding.S32}
# So that it gives the first sound as early as it can. `nobuffer` is not among them: it loses what was probed.
_OPTIONS = {
    "probesize": "32",
    "analyzeduration": "0",
    "codec_whitelist": ",".join(sorted(_DECODERS)),
    "max_streams": "8",
}
# An MP4 of 7 KB can ask for an index of gigabytes. This is one of six hours, or a video's picture of 3,840 x 2,160:
# the bound is the process's, for whatever else uses PyAV in it.
_LONGEST_BLOCK_BYTES = 24 * 1024 * 1024
_READ_BYTES = 4096
# Titles in another character set are no reason to refuse the sound; from 19 on PyAV thinks so itself.
_TOLERANT: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
# One damaged packet is a crack; so many in a row are no sound.
_MOST_DAMAGED = 50


def _bound_memory() -> None:
    # PyAV does not offer it; a name is looked for in the libraries of its module, too.
    try:
        bound = ctypes.CDLL(av._core.__file__).av_max_alloc  # noqa: SLF001
    except (OSError, AttributeError) as error:
        log.warning("FFmpeg's memory is not bounded, for this build of PyAV hides av_max_alloc: %s", error)
        return
    bound.argtypes, bound.restype = [ctypes.c_size_t], None
    bound(_LONGEST_BLOCK_BYTES)


_bound_memory()


class Readable(Protocol):
    """Gives at most `size` bytes, at least one, b"" at the end."""

    def read(self, size: int, /) -> bytes: ...


def sound_in(source: Readable, kind: Kind, losses: Losses) -> Iterator[Sound]:
    """Decode a container (or MP3, which has none) to its end.

    Damaged packets are left out and counted; many in a row end it.

    Raises:
        AudioFormatError: it is damaged, holds no sound, or a kind of sound that is not decoded.
    """
    heard = False
    with _mapped(kind):
        sounds = _mpeg(source, losses) if kind is Kind.MP3 else _contained(source, _CONTAINERS[kind], losses)
        for samples, rate_hz in sounds:
            heard = heard or len(samples) > 0
            yield AudioFormat(rate_hz, samples.shape[1], 2), samples.astype("<i2", copy=False).tobytes()
    if not heard:
        raise AudioFormatError(f"it ends before its sound begins, or it is not {kind.value}")


def _contained(source: Readable, container_name: str, losses: Losses) -> Iterator[tuple[Int16, int]]:
    with av.open(
        source,
        "r",
        format=container_name,
        options=_OPTIONS,
        buffer_size=_READ_BYTES,
        io_open=_refuse,
        **_TOLERANT,
    ) as container:
        if not container.streams.audio:
            raise AudioFormatError("there is no sound in it")
        stream = container.streams.audio[0]
        decoder = _Decoder(stream.codec_context, losses)
        for packet in container.demux(stream):
            yield from decoder.decode(packet)


def _mpeg(source: Readable, losses: Losses) -> Iterator[tuple[Int16, int]]:
    cutter, trim = FrameCutter(), Trim()
    decoders: dict[int, _Decoder] = {}
    for header, frame in _mpeg_frames(source, cutter):
        if trim.begins(header, frame):
            continue
        losses.skipped_bytes = cutter.skipped_bytes
        decoder = decoders.get(header.layer) or decoders.setdefault(
            header.layer, _Decoder(_context(header.layer), losses)
        )
        sounds = list(decoder.decode(av.Packet(frame)))
        for samples, rate_hz in sounds:
            yield trim.sound(samples), rate_hz
        if not sounds:
            trim.lost(header.samples)


def _mpeg_frames(source: Readable, cutter: FrameCutter) -> Iterator[Any]:
    while data := source.read(_READ_BYTES):
        yield from cutter.feed(data)
    yield from cutter.feed(b"", whole=True)


def _context(layer: int) -> av.CodecContext:
    return av.CodecContext.create(_MPEG_LAYERS[layer], "r")


class _Decoder:
    """Packets to samples; counts what is damaged."""

    def __init__(self, context: av.CodecContext | None, losses: Losses) -> None:
        name = context.codec.name if context else "unknown"
        if context is None or name not in _DECODERS:
            raise AudioFormatError(f"its sound is of a kind that is not decoded: {name}")
        context.thread_count = 1
        self._context = context
        self._losses = losses
        self._damaged = 0

    def decode(self, packet: av.Packet) -> Iterator[tuple[Int16, int]]:
        try:
            frames = self._context.decode(packet)
        except av.error.FFmpegError:
            self._damaged += 1
            self._losses.packets += 1
            if self._damaged >= _MOST_DAMAGED:
                raise
            return
        self._damaged = 0
        for frame in frames:
            if frame.samples:
                yield _samples(frame), frame.sample_rate


def _samples(frame: av.AudioFrame) -> Int16:
    """Int16, shape (n, channels), of a frame in any of FFmpeg's layouts."""
    if frame.format.is_planar and frame.layout.nb_channels >= _TOO_MANY_PLANES:
        frame = av.AudioResampler("s16", frame.layout, frame.sample_rate).resample(frame)[0]
    values: Any = frame.to_ndarray()
    values = values.T if frame.format.is_planar else values.reshape(frame.samples, -1)
    if values.dtype.kind == "f":
        return to_int16(np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=-1.0))
    samples: Int16 = values if values.dtype == np.int16 else decode(values.tobytes(), _ENCODINGS[values.dtype.str])
    return samples.reshape(values.shape)


def _refuse(url: str, _flags: int, _options: object) -> object:
    raise AudioFormatError(f"it asks for another file, which is not opened: {url}")


@contextmanager
def _mapped(kind: Kind) -> Iterator[None]:
    try:
        yield
    except (av.error.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise AudioFormatError(f"it is damaged, or it is not {kind.value}: {reason}") from None
