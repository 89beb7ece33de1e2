"""MPEG audio (MP3), cut into its frames as they arrive.

ISO/IEC 11172-3 and 13818-3 say how long a frame is; the tag in the first one, by Xing and by LAME, says how much
silence the encoder put around the sound.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from satellite.codec.kinds import ID3_BYTES, tag_bytes
from satellite.core.audio import Int16
from satellite.core.errors import AudioFormatError

# So much that is no MPEG audio may come before the first frame.
SEARCH_LIMIT_BYTES = 256 * 1024
_HEADER_BYTES = 4
_RATES_HZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
# In kbit/s, by MPEG 1 or not, and layer.
_BIT_RATES = {
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
# What every decoder adds in front: LAME's tag does not count it.
_DECODER_SAMPLES = 529


@dataclass(frozen=True, slots=True)
class Header:
    """Of a frame. Frames of one stream have the same version, layer and rate."""

    version: int
    layer: int
    rate_hz: int
    mono: bool
    frame_bytes: int

    @property
    def samples(self) -> int:
        """How many each channel has in the frame."""
        if self.layer == 1:
            return 384
        return 576 if self.layer == 3 and self.version != 3 else 1152

    def goes_with(self, other: Header | None) -> bool:
        """Both can be of one stream."""
        return other is not None and (self.version, self.layer, self.rate_hz) == (
            other.version,
            other.layer,
            other.rate_hz,
        )


def header_at(data: bytes | bytearray, place: int) -> Header | None:
    """The header there; None when there is none, or a part of one."""
    if len(data) < place + _HEADER_BYTES:
        return None
    first, second, third, fourth = data[place : place + _HEADER_BYTES]
    version, layer = second >> 3 & 3, 4 - (second >> 1 & 3)
    bit_rate, rate = third >> 4, third >> 2 & 3
    if first != 0xFF or second < 0xE0 or version == 1 or layer == 4 or bit_rate in (0, 15) or rate == 3:
        return None
    rate_hz = _RATES_HZ[version][rate]
    bits = _BIT_RATES[version == 3, layer][bit_rate - 1] * 1000
    padding = third >> 1 & 1
    if layer == 1:
        return Header(version, layer, rate_hz, fourth >> 6 == 3, (12 * bits // rate_hz + padding) * 4)
    eighths = 72 if layer == 3 and version != 3 else 144
    return Header(version, layer, rate_hz, fourth >> 6 == 3, eighths * bits // rate_hz + padding)


class FrameCutter:
    """Cuts a stream, in pieces of any size, into frames.

    The first frame, and the first behind anything else, counts only when another follows it directly.
    """

    def __init__(self) -> None:
        self._pending = bytearray()
        self._skip = 0
        self._last: Header | None = None
        self._searched = 0
        self.skipped_bytes = 0
        """How much was neither frame nor tag."""

    def feed(self, data: bytes, whole: bool = False) -> list[tuple[Header, bytes]]:
        """The frames that are complete now.

        Args:
            whole: nothing more will come; a frame that ends with the stream needs no other behind it.

        Raises:
            AudioFormatError: there is no frame for SEARCH_LIMIT_BYTES.
        """
        self._pending += data
        frames = []
        place = self._skip
        while place < len(self._pending):
            header = header_at(self._pending, place)
            if header is None and not self._searched and self._tag(place):
                place += self._tag(place)
            elif header is None and not whole and len(self._pending) - place < ID3_BYTES:
                break
            elif header is None or (verdict := self._fits(header, place, whole)) is False:
                place = self._search(place)
            elif verdict is None:
                break
            else:
                frames.append((header, bytes(self._pending[place : place + header.frame_bytes])))
                place += header.frame_bytes
                self._last, self._searched = header, 0
        self._skip = max(0, place - len(self._pending))
        del self._pending[:place]
        return frames

    def _fits(self, header: Header, place: int, whole: bool) -> bool | None:
        """Whether this is a frame; None when more must come first."""
        end = place + header.frame_bytes
        if end > len(self._pending):
            return False if whole else None
        if header.goes_with(self._last):
            return True
        if end + _HEADER_BYTES > len(self._pending):
            return end == len(self._pending) if whole else None
        return header.goes_with(header_at(self._pending, end))

    def _search(self, place: int) -> int:
        """Where the next frame may begin."""
        found = self._pending.find(0xFF, place + 1)
        found = found if found >= 0 else len(self._pending)
        self._last = None
        self.skipped_bytes += found - place
        self._searched += found - place
        if self._searched > SEARCH_LIMIT_BYTES:
            raise AudioFormatError(f"there is no MPEG audio in {SEARCH_LIMIT_BYTES // 1024} KiB of what should be MP3")
        return found

    def _tag(self, place: int) -> int:
        return tag_bytes(bytes(self._pending[place : place + ID3_BYTES]))


class Trim:
    """Takes the silence away that an encoder put around the sound, as far as the stream tells."""

    def __init__(self) -> None:
        self._at = 0
        self._first = 0
        self._silence = range(0)

    def begins(self, header: Header, frame: bytes) -> bool:
        """Whether this frame is no sound but the tag before one."""
        place = _HEADER_BYTES + ((17 if header.mono else 32) if header.version == 3 else (9 if header.mono else 17))
        if frame[place : place + 4] not in (b"Xing", b"Info"):
            return frame[36:40] == b"VBRI"
        flags = int.from_bytes(frame[place + 4 : place + 8], "big")
        lame = place + 8 + 4 * (flags & 1) + 4 * (flags >> 1 & 1) + 100 * (flags >> 2 & 1) + 4 * (flags >> 3 & 1)
        self._at, self._first, self._silence = 0, 0, range(0)
        if frame[lame : lame + 4] in (b"LAME", b"Lavf", b"Lavc") and len(frame) >= lame + 24:
            delay, padding = struct.unpack(">HB", frame[lame + 21 : lame + 24])
            delay, padding = delay >> 4, (delay & 0xF) << 8 | padding
            self._first = delay + _DECODER_SAMPLES
            if flags & 1:
                end = int.from_bytes(frame[place + 8 : place + 12], "big") * header.samples
                self._silence = range(end - max(0, padding - _DECODER_SAMPLES), end)
        return True

    def sound(self, samples: Int16) -> Int16:
        """What of a frame's samples, shape (n, channels), is sound."""
        start, end = self._at, self._at + len(samples)
        self._at = end
        if start < self._silence.stop and end > self._silence.start:
            samples = samples[: max(0, self._silence.start - start)]
        return samples[max(0, self._first - start) :]

    def lost(self, samples: int) -> None:
        """A frame could not be decoded."""
        self._at += samples
