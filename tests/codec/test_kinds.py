"""Which format sound is in: the label helps, the bytes decide."""

from __future__ import annotations

import pytest
from codec.material import material

from satellite.codec.kinds import MIME_KINDS, SOUND_BYTES, Kind, labelled, recognised, tag_bytes
from satellite.core.errors import AudioFormatError

KINDS = {
    "mp3": Kind.MP3,
    "aac": Kind.AAC,
    "flac": Kind.FLAC,
    "opus": Kind.OGG,
    "flac in ogg": Kind.OGG,
    "vorbis": Kind.OGG,
    "webm": Kind.WEBM,
    "mp4": Kind.MP4,
    "mp4 in pieces": Kind.MP4,
    "wav": Kind.WAV,
}
NOTHING = bytes(SOUND_BYTES)


def test_the_fourteen_mime_types_are_known() -> None:
    names = "mpeg mp3 x-mpeg aac x-aac flac x-flac wav wave x-wav opus ogg webm mp4"
    assert set(MIME_KINDS) == {f"audio/{name}" for name in names.split()}
    assert set(MIME_KINDS.values()) == set(Kind)


@pytest.mark.parametrize("label", ["audio/ogg", "AUDIO/OGG", " Audio/Ogg ; codecs=opus"])
def test_a_mime_type_may_be_in_any_case_and_have_parameters(label: str) -> None:
    assert labelled(label) is Kind.OGG


@pytest.mark.parametrize("label", [None, "", "video/mp4", "nonsense", ";"])
def test_a_label_that_says_nothing_is_none(label: str | None) -> None:
    assert labelled(label) is None


@pytest.mark.parametrize("name", KINDS)
def test_every_format_is_found_out_and_a_wrong_label_does_not_matter(name: str) -> None:
    data = material(name)
    tag = tag_bytes(data[:10])
    for label in (None, *Kind):
        assert recognised(data[tag : tag + SOUND_BYTES], label, tag > 0) is KINDS[name]


def test_the_label_counts_where_the_bytes_say_nothing() -> None:
    assert recognised(NOTHING, Kind.AAC, tagged=True) is Kind.AAC


def test_behind_a_tag_without_a_label_comes_mp3() -> None:
    assert recognised(NOTHING, None, tagged=True) is Kind.MP3


@pytest.mark.parametrize("sound", [NOTHING, b"\xff", b"\xff\xeb\x90\x00", b"\xff\xe1\x90\x00", b"#EXTM3U\nfile:"])
def test_what_nobody_knows_is_refused_with_its_first_bytes(sound: bytes) -> None:
    with pytest.raises(AudioFormatError, match="known format"):
        recognised(sound, None, tagged=False)


def test_nothing_is_called_nothing() -> None:
    with pytest.raises(AudioFormatError, match="there is nothing in it"):
        recognised(b"", None, tagged=False)


def test_a_tag_says_how_long_it_is() -> None:
    assert tag_bytes(b"ID3\4\0\0\0\0\2\1" + b"more") == 10 + 257
    assert tag_bytes(b"ID3\4\0\x10\0\0\0\1") == 10 + 1 + 10
    assert tag_bytes(b"ID3\4\0") == 0
    assert tag_bytes(bytes(10)) == 0
