"""Which format sound is in: by its label, and by its first bytes."""

from __future__ import annotations

from enum import Enum

from satellite.core.errors import AudioFormatError

# A tag before the sound, with its pictures, may be this long.
TAG_LIMIT_BYTES = 4 * 1024 * 1024
ID3_BYTES = 10
SOUND_BYTES = 12


class Kind(Enum):
    """A format that can be decoded, by its name for a person."""

    WAV = "WAV"
    MP3 = "MP3"
    AAC = "AAC"
    FLAC = "FLAC"
    OGG = "Ogg"
    WEBM = "WebM"
    MP4 = "MP4"


MIME_KINDS = {
    "audio/mpeg": Kind.MP3,
    "audio/mp3": Kind.MP3,
    "audio/x-mpeg": Kind.MP3,
    "audio/aac": Kind.AAC,
    "audio/x-aac": Kind.AAC,
    "audio/flac": Kind.FLAC,
    "audio/x-flac": Kind.FLAC,
    "audio/wav": Kind.WAV,
    "audio/wave": Kind.WAV,
    "audio/x-wav": Kind.WAV,
    "audio/opus": Kind.OGG,
    "audio/ogg": Kind.OGG,
    "audio/webm": Kind.WEBM,
    "audio/mp4": Kind.MP4,
}
_BEGINNINGS = {b"RIFF": Kind.WAV, b"fLaC": Kind.FLAC, b"OggS": Kind.OGG, b"\x1a\x45\xdf\xa3": Kind.WEBM}


def labelled(mime: str | None) -> Kind | None:
    """The kind that a MIME type names, in any case, with or without parameters; None when it says nothing to us."""
    return MIME_KINDS.get(mime.partition(";")[0].strip().lower()) if mime else None


def recognised(sound: bytes, label: Kind | None, tagged: bool) -> Kind:
    """What sound is that begins so. The label counts only where the bytes say nothing.

    Args:
        sound: the first SOUND_BYTES behind the tag, or all there are.
        tagged: an ID3 tag came before.

    Raises:
        AudioFormatError: this is no sound that we know.
    """
    if not sound and not tagged:
        raise AudioFormatError("there is nothing in it")
    kind = _by_bytes(sound) or label or (Kind.MP3 if tagged else None)
    if kind is None:
        names = ", ".join(kind.value for kind in Kind)
        raise AudioFormatError(f"this is no sound of a known format ({names}): it begins with {sound[:8]!r}")
    return kind


def tag_bytes(data: bytes) -> int:
    """How long the ID3 tag is that `data`, of ID3_BYTES or more, begins with; 0 when there is none."""
    if not data.startswith(b"ID3") or len(data) < ID3_BYTES:
        return 0
    size = 0
    for part in data[6:10]:
        size = size << 7 | part & 0x7F
    return ID3_BYTES + size + (ID3_BYTES if data[5] & 0x10 else 0)


def _by_bytes(sound: bytes) -> Kind | None:
    if sound[4:8] == b"ftyp":
        return Kind.MP4
    if len(sound) > 2 and sound[0] == 0xFF and sound[1] & 0xE0 == 0xE0:
        return _by_sync(sound[1])
    return _BEGINNINGS.get(sound[:4])


def _by_sync(second: int) -> Kind | None:
    # Twelve bits of sync and layer 0 are AAC; eleven, a layer and a version are MPEG audio.
    if second & 0xF6 == 0xF0:
        return Kind.AAC
    return Kind.MP3 if second & 0x06 and second & 0x18 != 0x08 else None
