"""What the library takes; scripts/benchmark library has the figures, here are bounds that a mistake would break."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from speech import model

ROOT = Path(__file__).parents[2]
BENCHMARK = ROOT / "benchmarks" / "library.py"


def measured(*what: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), "--measure", *what], capture_output=True, text=True, check=True
    )
    costs: dict[str, float] = json.loads(done.stdout)
    return costs


def test_memory_is_that_of_numpy_and_with_the_model_that_of_onnx_runtime() -> None:
    model("silero_vad")
    numpy, ours = measured("imported", "numpy", "0"), measured("imported", "satellite Microphone", "0")
    assert ours["mib"] < numpy["mib"] + 10
    assert measured("judged", "satellite silero", "2")["mib"] < numpy["mib"] + 70


def test_speech_detection_takes_a_hundredth_of_a_core_give_or_take() -> None:
    model("silero_vad")
    assert measured("judged", "satellite silero", "10")["cpu_ms"] < 30
    assert measured("judged", "satellite energy", "10")["cpu_ms"] < 3


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_benchmark_runs() -> None:
    done = subprocess.run([sys.executable, str(BENCHMARK), "--tiny"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "| satellite silero " in done.stdout
    assert "| satellite, asyncio " in done.stdout
