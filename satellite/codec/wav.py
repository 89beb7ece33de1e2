"""WAV files, read as they arrive and written."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from satellite.core.audio import AudioFormat
from satellite.core.encoding import Encoding, decode
from satellite.core.errors import AudioFormatError

# A header longer than this is no header: pictures and lyrics may precede the sound, but not more.
HEADER_LIMIT_BYTES = 1024 * 1024
# What `read_wav` takes: six minutes of 44.1 kHz stereo.
FILE_LIMIT_BYTES = 64 * 1024 * 1024
_FMT_LIMIT_BYTES = 4096
# Written by programs that do not know the length yet: ffmpeg the first, arecord and sox about the second.
_ENDLESS_BYTES = 0x7FFF_0000
_PCM, _FLOAT, _EXTENSIBLE = 0x0001, 0x0003, 0xFFFE
_ENCODINGS = {
    (_PCM, 8): Encoding.U8,
    (_PCM, 16): Encoding.S16,
    (_PCM, 24): Encoding.S24_PACKED,
    (_PCM, 32): Encoding.S32,
    (_FLOAT, 32): Encoding.FLOAT,
}
# The tail of the GUID that stands for "the format tag is in my first two bytes".
_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")


class WavReader:
    """Turns the bytes of a WAV file, in pieces of any size, into 16-bit PCM.

    Understood: PCM of 8, 16, 24 and 32 bits and 32-bit float, plain or EXTENSIBLE, any channels and rate. Unknown
    chunks are skipped. An unknown or endless data length means "to the end".
    """

    def __init__(self) -> None:
        self.format: AudioFormat | None = None
        """Of the PCM given out; None until the file's format has been read."""
        self._pending = bytearray()
        self._skip = 0
        self._seen = 0
        self._began = False
        self._endless_file = False
        self._encoding = Encoding.S16
        self._data: _Data | None = None
        self._error: AudioFormatError | None = None

    def feed(self, data: bytes) -> bytes:
        """The PCM that can be given out now: whole frames, interleaved.

        Raises:
            AudioFormatError: this is no WAV file, or one that is not understood. Every further call raises again.
        """
        if self._error:
            raise self._error
        self._pending += data
        try:
            while self._data is None:
                if not self._read_header():
                    return b""
        except AudioFormatError as error:
            self._error = error
            raise
        return self._data.take(self._pending)

    @property
    def may_end(self) -> bool:
        """The sound is over, or nobody knows where it ends."""
        return self._data is not None and not self._data.left

    def finish(self) -> AudioFormat:
        """The input is over: the format of what was given out. A file that ends within its sound is accepted as it is.

        Raises:
            AudioFormatError: it ended before the sound began.
        """
        if self.format is None or self._data is None:
            raise AudioFormatError("the WAV file ends before its sound begins")
        return self.format

    def _read_header(self) -> bool:
        """Take one part of the header from what is pending; False when more must come first."""
        if self._seen > HEADER_LIMIT_BYTES:
            raise AudioFormatError(f"no sound within the first {HEADER_LIMIT_BYTES} bytes of the WAV file")
        if self._skip:
            return self._skip_some()
        if not self._began:
            return self._read_riff()
        if len(self._pending) < 8:
            return False
        name, size = struct.unpack_from("<4sI", self._pending)
        if name == b"fmt ":
            return self._read_fmt(size)
        self._take(8)
        if name == b"data":
            self._data = self._begin_data(size)
        else:
            self._skip = size + size % 2
            self._seen += self._skip
        return True

    def _read_riff(self) -> bool:
        if not b"RIFF".startswith(bytes(self._pending[:4])):
            raise AudioFormatError("this is not a WAV file: it does not begin with RIFF")
        if len(self._pending) < 12:
            return False
        _, size, kind = struct.unpack("<4sI4s", self._take(12))
        if kind != b"WAVE":
            raise AudioFormatError("this is not a WAV file: it is another kind of RIFF file")
        self._endless_file = size in (0, 0xFFFF_FFFF)
        self._began = True
        return True

    def _skip_some(self) -> bool:
        taken = min(self._skip, len(self._pending))
        del self._pending[:taken]
        self._skip -= taken
        return self._skip == 0

    def _read_fmt(self, size: int) -> bool:
        if not 16 <= size <= _FMT_LIMIT_BYTES:
            raise AudioFormatError(f"the WAV file's format chunk has {size} bytes")
        if len(self._pending) < 8 + size + size % 2:
            return False
        self._encoding, self.format = _understood(self._take(8 + size + size % 2)[8:])
        return True

    def _begin_data(self, size: int) -> _Data:
        if self.format is None:
            raise AudioFormatError("the WAV file's sound comes before its format")
        endless = size >= _ENDLESS_BYTES or (size == 0 and self._endless_file)
        return _Data(self._encoding, self.format.channels * self._encoding.width_bytes, None if endless else size)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._pending[:size])
        del self._pending[:size]
        self._seen += size
        return taken


@dataclass
class _Data:
    """The data chunk: how many bytes of it are still to come; None when nobody knows."""

    encoding: Encoding
    frame_bytes: int
    left: int | None

    def take(self, pending: bytearray) -> bytes:
        """Cut the whole frames off `pending`, as 16-bit PCM; what lies behind the chunk is dropped."""
        available = len(pending) if self.left is None else min(len(pending), self.left)
        pcm = bytes(pending[: available - available % self.frame_bytes])
        del pending[: len(pcm)]
        if self.left is not None:
            self.left -= len(pcm)
            if self.left < self.frame_bytes:
                self.left = 0
                pending.clear()
        return pcm if self.encoding is Encoding.S16 else decode(pcm, self.encoding).tobytes()


def _understood(fmt: bytes) -> tuple[Encoding, AudioFormat]:
    tag, channels, rate_hz, _, block, bits = struct.unpack_from("<HHIIHH", fmt)
    if tag == _EXTENSIBLE and len(fmt) >= 40 and fmt[26:40] == _GUID_TAIL:
        tag = struct.unpack_from("<H", fmt, 24)[0]
    encoding = _ENCODINGS.get((tag, bits))
    if encoding is None:
        raise AudioFormatError(
            f"the WAV file holds format {tag:#x} with {bits} bits; only PCM and 32-bit float will do"
        )
    if channels == 0 or rate_hz == 0 or block != channels * encoding.width_bytes:
        raise AudioFormatError(
            f"the WAV file's format contradicts itself: {rate_hz} Hz, {channels} channels, {block} bytes a frame"
        )
    return encoding, AudioFormat(rate_hz, channels, 2)


def read_wav(path: Path) -> tuple[AudioFormat, bytes]:
    """A whole file as 16-bit PCM.

    Raises:
        OSError: it cannot be read.
        AudioFormatError: it is not understood, or larger than FILE_LIMIT_BYTES.
    """
    reader = WavReader()
    with path.open("rb") as file:
        data = file.read(FILE_LIMIT_BYTES + 1)
    if len(data) > FILE_LIMIT_BYTES:
        raise AudioFormatError(f"{path} is larger than {FILE_LIMIT_BYTES // 1024**2} MiB")
    pcm = reader.feed(data)
    return reader.finish(), pcm


def wav_header(form: AudioFormat, data_bytes: int) -> bytes:
    """The 44 bytes before `data_bytes` of PCM in this format (16 to 32 bits)."""
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        min(36 + data_bytes + data_bytes % 2, 0xFFFF_FFFF),
        b"WAVE",
        b"fmt ",
        16,
        _PCM,
        form.channels,
        form.rate_hz,
        form.second_bytes,
        form.frame_bytes,
        form.width_bytes * 8,
        b"data",
        min(data_bytes, 0xFFFF_FFFF),
    )


def write_wav(path: Path, pcm: bytes, form: AudioFormat) -> None:
    """Write PCM as a WAV file. 8-bit samples, signed here, are unsigned there.

    Raises:
        OSError: it cannot be written.
    """
    if form.width_bytes == 1:
        pcm = bytes(value ^ 0x80 for value in pcm)
    path.write_bytes(wav_header(form, len(pcm)) + pcm + bytes(len(pcm) % 2))
