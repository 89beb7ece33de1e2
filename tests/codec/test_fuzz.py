"""Hostile and broken streams: they end, in sound or in our error, and neither hang nor crash nor fill the memory."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from codec.material import MADE, material
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from satellite.codec.kinds import MIME_KINDS
from satellite.codec.stream import AudioStreamDecoder
from satellite.core.errors import AudioFormatError

# Numbers that lengths and counts do not expect.
ODD = [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0\0\1", b"\xff\xff\0\0"]
# Two edits of three are at the beginning, where what matters is written.
PLACES = st.one_of(st.integers(0, 200), st.integers(0, 2_000), st.integers(0, 30_000))
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["set", "insert", "delete", "cut"]),
        PLACES,
        st.one_of(st.sampled_from(ODD), st.binary(min_size=1, max_size=30)),
    ),
    max_size=30,
)


HIGHEST_MIB = """
import sys
from pathlib import Path
from satellite.codec.file import decode_file
from satellite.core.errors import AudioFormatError
try:
    list(decode_file(Path(sys.argv[1])))
except AudioFormatError:
    status = Path("/proc/self/status").read_text().splitlines()
    print(next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM:")))
"""


def edited(data: bytes, edits: list[tuple[str, int, bytes]]) -> bytes:
    changed = bytearray(data)
    for how, place, payload in edits:
        match how:
            case "set":
                changed[place : place + len(payload)] = payload
            case "insert":
                changed[place:place] = payload
            case "delete":
                del changed[place : place + 10 * len(payload)]
            case "cut":
                del changed[max(place, 1_000) + 1_000 * payload[0] :]
    return bytes(changed)


def survives(data: bytes, piece: int, label: str | None) -> None:
    said = "nothing"
    with AudioStreamDecoder(sample_rate=16_000, format=label) as decoder:
        try:
            for start in range(0, len(data), piece):
                decoder.push(data[start : start + piece])
                decoder.available()
            decoder.end_input()
            for frame in decoder:
                assert frame.samples_per_channel > 0
        except AudioFormatError as error:
            said = str(error)
    assert said
    assert "\n" not in said


def resident_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4 / 1024


FUZZ = given(
    st.sampled_from(sorted(MADE)), EDITS, st.sampled_from([50, 1_000, 1 << 20]), st.sampled_from([None, *MIME_KINDS])
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@FUZZ
def test_broken_streams_end_in_sound_or_in_our_error(
    name: str, edits: list[tuple[str, int, bytes]], piece: int, label: str | None
) -> None:
    survives(edited(material(name, 0.5), edits), piece, label)


@pytest.mark.long
@pytest.mark.timeout(1800)
@settings(max_examples=15_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@FUZZ
def test_very_many_broken_streams_end_in_sound_or_in_our_error(
    name: str, edits: list[tuple[str, int, bytes]], piece: int, label: str | None
) -> None:
    survives(edited(material(name, 0.5), edits), piece, label)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=2_000), st.sampled_from([None, *MIME_KINDS]))
def test_any_bytes_under_any_label_end(data: bytes, label: str | None) -> None:
    survives(data, 100, label)


@pytest.mark.parametrize("name", sorted(MADE))
def test_the_same_broken_stream_again_and_again_takes_no_memory(name: str) -> None:
    data = edited(material(name, 0.5), [("set", 600, ODD[0]), ("delete", 900, ODD[1])])
    for _ in range(5):
        survives(data, 1 << 20, None)
    before = resident_mib()
    for _ in range(40):
        survives(data, 1 << 20, None)
    assert resident_mib() - before < 40
    assert not [thread for thread in threading.enumerate() if thread.name == "AudioDecoder"]


def test_an_mp4_of_a_few_kib_cannot_ask_for_all_the_memory(tmp_path: Path) -> None:
    data, many = bytearray(material("mp4, index first", 0.5)), 20_000_000
    for table, offset, value in ((b"stts", 12, many), (b"stsc", 16, many), (b"stsz", 8, 1), (b"stsz", 12, many)):
        place = data.index(table) + offset
        data[place : place + 4] = value.to_bytes(4, "big")
    (tmp_path / "sound").write_bytes(data)
    program = [sys.executable, "-c", HIGHEST_MIB, str(tmp_path / "sound")]
    assert float(subprocess.run(program, check=True, capture_output=True, text=True, timeout=50).stdout) < 200
