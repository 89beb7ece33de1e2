"""Without the extra [codecs] WAV is decoded, and all else says what to install. Nothing is loaded before it is used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from codec.material import material

READ = """
import sys
{before}
from pathlib import Path
from satellite.codec.file import decode_file
from satellite.codec.stream import AudioStreamDecoder
from satellite.core.errors import AudioFormatError
path = Path(sys.argv[1])
try:
    with AudioStreamDecoder() as decoder:
        decoder.push(path.read_bytes())
        decoder.end_input()
        print("stream", sum(frame.samples_per_channel for frame in decoder))
    print("file", sum(frame.samples_per_channel for frame in decode_file(path)))
except AudioFormatError as error:
    print(type(error).__name__, error)
print("av" in sys.modules and sys.modules["av"] is not None)
"""
MISSING = "sys.modules['av'] = None"


def run(name: str, tmp_path: Path, before: str = "") -> list[str]:
    (tmp_path / "sound").write_bytes(material(name))
    program = [sys.executable, "-c", READ.format(before=before), str(tmp_path / "sound")]
    return subprocess.run(program, check=True, capture_output=True, text=True, timeout=50).stdout.splitlines()


@pytest.mark.parametrize("name", ["mp3", "flac", "mp4"])
def test_without_the_extra_one_line_says_what_to_install(name: str, tmp_path: Path) -> None:
    error, loaded = run(name, tmp_path, MISSING)
    assert error.startswith("CodecMissing ")
    assert "pip install 'satellite[codecs]'" in error
    assert loaded == "False"


def test_wav_needs_no_extra_and_loads_none(tmp_path: Path) -> None:
    assert run("wav", tmp_path, MISSING) == ["stream 72000", "file 33075", "False"]
    assert run("wav", tmp_path) == ["stream 72000", "file 33075", "False"]


def test_with_the_extra_it_is_loaded_when_it_is_needed(tmp_path: Path) -> None:
    assert run("mp3", tmp_path) == ["stream 72000", "file 33075", "True"]


def test_an_own_sound_that_needs_the_extra_is_one_line_for_its_owner(tmp_path: Path) -> None:
    (tmp_path / "own.mp3").write_bytes(material("mp3"))
    (tmp_path / "satellite.toml").write_text(f'[sounds]\nerror = "{tmp_path / "own.mp3"}"\n')
    program = f"import sys; {MISSING}; from satellite.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "--config", str(tmp_path / "satellite.toml"), "--check-config"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=50)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2
    assert f"sounds.error: {tmp_path / 'own.mp3'}: MP3 needs the extra [codecs]; run scripts/setup codecs" in line
