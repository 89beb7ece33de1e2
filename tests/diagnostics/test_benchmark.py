"""How much of a machine the listening takes, said in plain words and by the exit code."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from speech import model

from satellite.config import Config, PathsConfig
from satellite.diagnostics import benchmark
from satellite.diagnostics.benchmark import Cost, Figures
from satellite.diagnostics.machine import machine, memory_mib
from satellite.diagnostics.stages import StageCost

BOARD = Figures(
    machine="Raspberry Pi Zero 2 W Rev 1.0, aarch64, 4 cores",
    python="3.11.2",
    wake_words=("hey_jarvis", "okay_nabu"),
    load_s=2.345,
    listening=Cost(60.0, 0.125, 9.8, 14.2),
    command=Cost(8.0, 0.2, 14.0, 20.04),
    memory_mib=84.4,
    stages=(StageCost("gate", 0.614, 1.0), StageCost("wake words", 25.2, 25.0)),
)


def test_the_page_says_what_share_of_a_core_it_takes_and_whether_that_will_do() -> None:
    assert benchmark.page(BOARD).splitlines() == [
        "Listening for hey_jarvis, okay_nabu",
        "on Raspberry Pi Zero 2 W Rev 1.0, aarch64, 4 cores, Python 3.11.2",
        "",
        "  waiting for the wake word     12.5 % of one core",
        "  while a command is spoken     20.0 % of one core",
        "  80 ms of sound are heard in   9.8 ms; 95 % of them in 14.2 ms or less",
        "  models loaded in              2.3 s",
        "  memory                        84 MiB",
        "",
        "  80 ms of sound, each by itself    takes     may take",
        "    gate                           0.61 ms      1 ms",
        "    wake words                    25.20 ms     25 ms  too much",
        "",
        "This machine is quick enough: it hears 8 times faster than sound comes.",
    ]


@pytest.mark.parametrize(("hop_p95_ms", "too_slow"), [(47.9, False), (48.1, True)])
def test_a_machine_is_too_slow_when_60_percent_of_a_hops_time_are_not_enough(hop_p95_ms: float, too_slow: bool) -> None:
    board = replace(BOARD, command=replace(BOARD.command, hop_p95_ms=hop_p95_ms))
    assert board.too_slow == too_slow
    assert ("too slow for these wake words" in benchmark.page(board)) == too_slow


def test_it_measures_the_configured_listener_and_ends_with_0_or_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert all(model(name).is_file() for name in ("hey_jarvis", "melspectrogram", "embedding", "silero_vad"))
    code = benchmark.run(Config(), as_json=True, listening_s=4.0)
    told = json.loads(capsys.readouterr().out)
    assert code == int(told["too_slow"])
    assert told["wake_words"] == ["hey_jarvis"]
    assert told["machine"] == machine()
    for part in ("listening", "command"):
        assert told[part]["audio_s"] == 4.0
        assert 0 < told[part]["share"] < 10
        assert 0 < told[part]["hop_p50_ms"] <= told[part]["hop_p95_ms"]
    assert {stage["name"] for stage in told["stages"]} >= {"conversion", "gate", "wake words", "speech", "processing"}
    assert told["command"]["share"] > told["listening"]["share"], "during a command speech is looked for, too"


def test_what_cannot_be_measured_is_one_line_and_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.run(Config(paths=PathsConfig(models=str(tmp_path))), as_json=False) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("satellite: model hey_jarvis is not in ")
    assert printed.err.count("\n") == 1


def test_the_machine_is_told_by_its_processor_or_board_and_cores() -> None:
    name, architecture, cores = machine().rsplit(", ", 2)
    assert name
    assert architecture == os.uname().machine
    assert cores == f"{len(os.sched_getaffinity(0))} cores"
    assert 5 < memory_mib() < 4_000
