"""Every example runs, on the virtual card, and is typed strictly."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from echo_room import voice
from satcard.room import Room
from satcard.satcard import VirtualCards
from speech import CLIPS, clip, model

from satellite.codec.wav import write_wav
from satellite.core.audio import AudioFormat
from satellite.dsp import speex

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SAID = np.concatenate([np.zeros(8_000, np.int16), clip("kitchen_light"), np.zeros(24_000, np.int16)])


def run(name: str, *arguments: object) -> str:
    """What the example prints; it sees the cards of this process."""
    ended = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py"), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def a_recording_is_made(cards: VirtualCards, folder: Path) -> None:
    cards.say(SAID)
    assert "4800 frames" in run("record", folder / "it.wav", 0.3)
    with wave.open(str(folder / "it.wav")) as file:
        assert file.getnframes() == 4_800


def speech_is_told(cards: VirtualCards, folder: Path) -> None:
    model("silero_vad")
    cards.say(SAID)
    told = run("loop", 2.9)
    assert [line.split(" (")[0] for line in told.splitlines()] == ["somebody speaks", "silence"]


def it_is_heard_a_chunk_later(cards: VirtualCards, folder: Path) -> None:
    cards.say(SAID[8_000:])
    assert run("async_loop", 0.8) == "heard 0.8 s\n"
    assert np.abs(cards.heard()).max() > 1_000


def each_utterance_is_saved(cards: VirtualCards, folder: Path) -> None:
    model("silero_vad")
    cards.say(SAID)
    assert "utterance-1.wav" in run("utterances", folder, 1)
    with wave.open(str(folder / "utterance-1.wav")) as file:
        assert file.getnframes() > len(clip("kitchen_light"))


def a_file_is_played(cards: VirtualCards, folder: Path) -> None:
    assert run("play", CLIPS / "stop.wav") == "played\n"
    assert np.abs(cards.heard()).max() > 1_000


def two_files_are_played_at_once(cards: VirtualCards, folder: Path) -> None:
    assert run("tracks", CLIPS / "stop.wav", CLIPS / "kitchen_light.wav") == "played\n"
    assert len(cards.heard()) < 48_000 * (len(clip("stop")) + len(clip("kitchen_light"))) / 16_000
    assert np.abs(cards.heard()).max() > 1_000


def what_is_played_is_not_in_the_recording(cards: VirtualCards, folder: Path) -> None:
    if speex.missing():
        pytest.skip("libspeexdsp1 is not installed")
    write_wav(folder / "music.wav", voice(4).tobytes(), AudioFormat(16_000, 1, 2))
    with Room(cards, delay_s=0.8, gain=0.5):
        told = run("talk_over", folder / "music.wav", folder / "room.wav")
    # How much softer depends on how busy the machine is: a card that runs dry stands still.
    assert re.fullmatch(r"the echo came \d+ ms late and is -?\d+ dB softer in .*room\.wav\n", told)
    with wave.open(str(folder / "room.wav")) as file:
        assert file.getnframes() > 3.5 * 16_000


def speech_is_found_in_a_file(cards: VirtualCards, folder: Path) -> None:
    model("silero_vad")
    assert re.fullmatch(r"0\.\d\d s to \d\.\d\d s\n", run("analyze", CLIPS / "kitchen_light.wav"))


def devices_are_listed_and_the_default_helps(cards: VirtualCards, folder: Path) -> None:
    told = run("devices", "telephone")
    assert "satmic" in told
    assert "there is no microphone 'telephone'" in told
    assert told.splitlines()[-1].startswith("default: 16000 Hz")


RUNS: dict[str, Callable[[VirtualCards, Path], None]] = {
    "analyze": speech_is_found_in_a_file,
    "async_loop": it_is_heard_a_chunk_later,
    "devices": devices_are_listed_and_the_default_helps,
    "loop": speech_is_told,
    "play": a_file_is_played,
    "record": a_recording_is_made,
    "talk_over": what_is_played_is_not_in_the_recording,
    "tracks": two_files_are_played_at_once,
    "utterances": each_utterance_is_saved,
}


@pytest.mark.parametrize("name", RUNS)
def test_an_example_does_what_it_says(cards: VirtualCards, tmp_path: Path, name: str) -> None:
    RUNS[name](cards, tmp_path)


def test_every_example_is_run() -> None:
    assert sorted(path.stem for path in EXAMPLES.glob("*.py")) == sorted(RUNS)


def mypy(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--config-file",
            os.devnull,
            "--cache-dir",
            ".mypy_cache",
            *arguments,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def programs_of_the_readme(folder: Path) -> list[Path]:
    """Each of its three levels of use in a file of its own; what awaits is put into a coroutine."""
    section = (
        (ROOT / "README.md").read_text(encoding="utf-8").partition("## In your own programs")[2].partition("\n## ")[0]
    )
    files = []
    for number, program in enumerate(re.findall(r"```python\n(.*?)```", section, re.DOTALL)):
        imports, _, body = program.partition("\n\n")
        if "async " in body:
            body = f"async def main() -> None:\n{textwrap.indent(body, '    ')}"
        files.append(folder / f"readme_{number}.py")
        files[-1].write_text(f"{imports}\n\n{body}")
    assert len(files) == 3
    return files


@pytest.mark.timeout(300)
def test_programs_that_use_the_library_are_typed_strictly(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    wrong = tmp_path / "wrong.py"
    wrong.write_text("from satellite import Microphone\nMicrophone(sample_rate='fast')\nMicrophone(vad=True)\n")
    kept = tmp_path / "kept.py"
    kept.write_text(
        "from satellite import AsyncMicrophone, File, Microphone, VadOptions\n"
        "QUICK: VadOptions = {'vad': 'energy', 'vad_threshold': 0.02, 'vad_holdoff_ms': 100}\n"
        "mic = Microphone(**QUICK)\nbeside = AsyncMicrophone(sample_rate=48_000, **QUICK)\n"
        "file = File('said.wav', **QUICK)\n"
    )
    programs = [*EXAMPLES.glob("*.py"), kept, *programs_of_the_readme(tmp_path)]
    checked = mypy(*(str(path) for path in programs), "--follow-imports=silent")
    assert checked.returncode == 0, checked.stdout
    refused = mypy(str(wrong), "--follow-imports=silent")
    assert len(re.findall(r"wrong\.py:[23]: error: Argument", refused.stdout)) == 2, refused.stdout
