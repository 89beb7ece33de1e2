"""The demonstration, run as a person runs it."""

from __future__ import annotations

import subprocess
import sys
import wave
from pathlib import Path

import numpy as np


def demo(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "satellite", "--demo", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_a_whole_turn_is_told_and_the_answer_is_in_the_file(tmp_path: Path) -> None:
    shown = demo(tmp_path, "--output", "heard.wav")
    assert (shown.returncode, shown.stderr) == (0, "")
    for fact in (
        "wake word 'Hey Jarvis'",
        "assistant accepts",
        "speech begins",
        "silence after speech",
        "command complete",
        "first sound of the answer",
        "answer heard to its end",
        "is in heard.wav",
    ):
        assert fact in shown.stdout
    with wave.open(str(tmp_path / "heard.wav")) as file:
        heard = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)
        assert 1.0 < len(heard) / file.getframerate() < 10.0
    assert np.abs(heard).max() > 3_000


def test_a_speaker_that_is_none_leads_to_no_answer_and_says_so(tmp_path: Path) -> None:
    shown = demo(tmp_path, "--speaker", "none")
    assert shown.returncode == 1
    assert "could not be played" in shown.stdout


def test_a_file_that_is_no_microphone_is_one_line(tmp_path: Path) -> None:
    shown = demo(tmp_path, "--mic", f"wav:{tmp_path}/none.wav", "--config", str(tmp_path / "none.toml"))
    assert shown.returncode == 2
    assert shown.stderr.count("\n") == 1


def test_models_that_are_not_there_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "no.toml").write_text(f'[paths]\nmodels = "{tmp_path}/none"\n')
    shown = demo(tmp_path, "--config", "no.toml")
    assert shown.returncode == 1
    assert shown.stderr.count("\n") == 1
    assert "--fetch-models" in shown.stderr
