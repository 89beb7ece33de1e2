"""Sound files of any format."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from codec.material import MADE, material, snr_db, source, tune, wav

from satellite.codec.file import decode_file
from satellite.core.audio import Int16
from satellite.core.errors import AudioFormatError, ChannelsOutOfRange


def heard(path: Path, rate_hz: int | None = None, channels: int | None = None) -> Int16:
    frames = list(decode_file(path, rate_hz, channels))
    return np.concatenate([frame.samples.reshape(frame.samples_per_channel, -1) for frame in frames])


@pytest.mark.parametrize("name", MADE)
def test_every_format_is_read_whole(name: str, tmp_path: Path) -> None:
    made, wanted, path = MADE[name], source(name), tmp_path / "sound"
    path.write_bytes(material(name))
    samples = heard(path)
    assert 0 <= len(samples) - made.lead - len(wanted) <= made.tail
    assert snr_db(samples[made.lead :][: len(wanted)], wanted) >= made.snr_db


def test_it_comes_at_the_wanted_rate_and_channels(tmp_path: Path) -> None:
    (tmp_path / "a.flac").write_bytes(material("flac stereo"))
    samples = heard(tmp_path / "a.flac", 16_000, 1)
    assert samples.shape == (24_000, 1)


def test_a_title_in_another_character_set_is_no_hindrance(tmp_path: Path) -> None:
    data = material("flac").replace(b"Lavf", b"L\xe4v\xff", 1)
    assert data != material("flac")
    (tmp_path / "sound").write_bytes(data)
    np.testing.assert_array_equal(heard(tmp_path / "sound"), source("flac"))


def test_a_long_file_is_read_as_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    path.write_bytes(wav(tune(16_000, 1), 16_000, 0xFFFF_FFFF))
    frames = decode_file(path)
    next(frames)
    with path.open("ab") as file:
        file.write(bytes(32_000))
    assert sum(frame.samples_per_channel for frame in frames) > 16_000


def test_what_cannot_be_read_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        next(decode_file(tmp_path / "none.mp3"))
    for data in (b"", b"text of a letter", material("mp3")[:100], material("flac")[:60]):
        (tmp_path / "bad").write_bytes(data)
        with pytest.raises(AudioFormatError):
            next(decode_file(tmp_path / "bad"))
    with pytest.raises(ChannelsOutOfRange):
        next(decode_file(tmp_path / "bad", None, 0))


def test_neither_pipe_nor_device_nor_an_impossible_name_is_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(AudioFormatError, match="a pipe or a device"):
            next(decode_file(path))
    with pytest.raises(FileNotFoundError):
        next(decode_file(Path("a\0b")))
    with pytest.raises(IsADirectoryError):
        next(decode_file(tmp_path))
