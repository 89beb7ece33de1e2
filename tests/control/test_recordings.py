"""The folder of recordings: whole, private, and never larger than it may be."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from satellite.codec.wav import read_wav
from satellite.control.recordings import Recording, RecordingFolder
from satellite.core.audio import WIRE_FORMAT

ROOT = Path(__file__).parents[2]
PCM = bytes(range(256)) * 250  # 2 s
LIMIT_BYTES = 10_000_000


def recording(number: int = 0, kind: str = "wake", pcm: bytes = PCM, label: str = "alexa") -> Recording:
    return Recording(kind, label, 1_800_000_000 + number, pcm, {"number": number})


def numbers(folder: Path) -> list[int]:
    return [json.loads(file.read_text())["number"] for file in sorted(folder.glob("*.json"))]


def test_a_recording_is_a_wav_file_with_a_json_file_beside_it(tmp_path: Path) -> None:
    folder = RecordingFolder(tmp_path / "made" / "here", 5, LIMIT_BYTES)
    assert folder.save(recording(7))
    (wav,) = folder.path.glob("*.wav")
    assert wav.name == "20270115T080007.000000Z-wake-alexa.wav"
    assert read_wav(wav) == (WIRE_FORMAT, PCM)
    about = json.loads(wav.with_suffix(".json").read_text())
    assert about == {"kind": "wake", "time": "2027-01-15T08:00:07.000+00:00", "number": 7}
    assert folder.kept().count == 1
    assert folder.kept().size_bytes == sum(file.stat().st_size for file in folder.path.iterdir())


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = RecordingFolder(tmp_path / "made", 5, LIMIT_BYTES)
        folder.save(recording())
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.path.iterdir()} == {0o600}


def test_of_each_kind_the_newest_are_kept(tmp_path: Path) -> None:
    folder = RecordingFolder(tmp_path, 3, LIMIT_BYTES)
    for number in range(5):
        folder.save(recording(number))
    folder.save(recording(9, "utterance"))
    assert numbers(tmp_path) == [2, 3, 4, 9]
    assert folder.kept().count == 4


def test_the_oldest_make_room_within_the_limit(tmp_path: Path) -> None:
    limit_bytes = 3 * (len(PCM) + 44 + 200)
    folder = RecordingFolder(tmp_path, 100, limit_bytes)
    for number in range(8):
        assert folder.save(recording(number, "near-miss"))
        assert folder.kept().size_bytes <= limit_bytes
    assert numbers(tmp_path) == [5, 6, 7]


def test_what_is_larger_than_the_limit_costs_the_others_nothing(tmp_path: Path) -> None:
    folder = RecordingFolder(tmp_path, 5, 2 * len(PCM))
    folder.save(recording(1))
    assert not folder.save(recording(2, pcm=PCM * 3))
    assert numbers(tmp_path) == [1]


def test_other_files_are_neither_counted_nor_touched(tmp_path: Path) -> None:
    own = [tmp_path / name for name in ("a.wav", "20270115T080007.000000Z-music.wav", "letter.json")]
    for file in own:
        file.write_bytes(PCM)
    folder = RecordingFolder(tmp_path, 1, len(PCM) + 1_000)
    folder.save(recording(1))
    folder.save(recording(2))
    assert folder.kept().count == 1
    assert all(file.read_bytes() == PCM for file in own)


@pytest.mark.parametrize("label", ["../../etc/passwd", "späße \n", "x" * 500, ""])
def test_a_label_is_never_a_path(tmp_path: Path, label: str) -> None:
    folder = RecordingFolder(tmp_path / "in", 5, LIMIT_BYTES)
    folder.save(recording(label=label))
    assert len(list((tmp_path / "in").iterdir())) == 2
    assert folder.kept().count == 1


FULL = """
import resource, sys
from pathlib import Path
from satellite.control.recordings import Recording, RecordingFolder
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
folder = RecordingFolder(Path(sys.argv[1]), 5, 10_000_000)
try:
    folder.save(Recording("wake", "alexa", 1.8e9, bytes(64_000), {}))
except OSError as error:
    print(type(error).__name__, len(list(folder.path.iterdir())))
"""


def test_a_disk_that_takes_no_more_leaves_nothing_behind(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", FULL, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert result.stdout == "OSError 0\n"
