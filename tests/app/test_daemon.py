"""The process: signals at bad moments."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest
from satcard.satcard import VirtualCards

from satellite.app.daemon import EXIT_HUNG
from satellite.control.client import request

ROOT = Path(__file__).parents[2]
CONFIG = """
[microphone]
device = "command:cat /dev/zero"
[speaker]
device = "{speaker}"
[server]
host = "127.0.0.1"
port = 0
[discovery]
enabled = false
[paths]
state = "{folder}/state"
control = "{folder}/control"
"""

Daemon = subprocess.Popen[str]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., tuple[Daemon, int]]]:
    """Starts a satellite with a speaker: its process, when it serves, and its port."""
    processes: list[Daemon] = []

    def start(speaker: str = "none") -> tuple[Daemon, int]:
        file = tmp_path / "satellite.toml"
        file.write_text(CONFIG.format(folder=tmp_path, speaker=speaker))
        command = [sys.executable, "-m", "satellite", "--config", str(file)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        processes.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment))
        assert processes[-1].stderr
        return processes[-1], int(line_with("is listening on port", processes[-1].stderr).rsplit(" ", 1)[1])

    yield start
    for process in processes:
        process.kill()
        process.wait()
        assert process.stderr
        process.stderr.close()


def line_with(text: str, log: IO[str]) -> str:
    lines = []
    for line in log:
        if text in line:
            return line
        lines.append(line)
    raise AssertionError(f"no {text!r} in {lines}")


def test_reload_and_stop_at_the_same_moment_is_a_stop(started: Callable[..., tuple[Daemon, int]]) -> None:
    """Both signals are handled in one turn of the loop."""
    daemon, _ = started()
    for number in (signal.SIGSTOP, signal.SIGHUP, signal.SIGTERM, signal.SIGCONT):
        daemon.send_signal(number)
    assert daemon.wait(20) == 0


def test_a_card_that_hangs_ends_the_process_with_a_last_line(
    started: Callable[..., tuple[Daemon, int]], cards: VirtualCards
) -> None:
    daemon, port = started("satspk")
    cards.stall("speaker")
    with socket.create_connection(("127.0.0.1", port)) as server:
        server.sendall(b'{"type": "run-satellite"}\n{"type": "audio-start"}\n')
        server.sendall(b'{"type": "audio-chunk", "payload_length": 1000000}\n' + bytes(1_000_000))
        _, log = daemon.communicate(timeout=30)
    assert daemon.returncode == EXIT_HUNG
    assert "the speaker hangs" in log.splitlines()[-1]


def test_the_status_tells_what_is_heard(started: Callable[..., tuple[Daemon, int]], tmp_path: Path) -> None:
    daemon, _ = started()
    assert daemon.stderr
    line_with("microphone: ", daemon.stderr)
    status = request(tmp_path / "control", "status")
    assert set(status["listener"]) >= {"level_dbfs", "floor_dbfs", "warm", "wakes", "gaps"}


def test_a_reload_says_what_it_cannot_change(started: Callable[..., tuple[Daemon, int]], tmp_path: Path) -> None:
    daemon, _ = started()
    file = tmp_path / "satellite.toml"
    file.write_text(file.read_text().replace(f"{tmp_path}/control", f"{tmp_path}/elsewhere"))
    daemon.send_signal(signal.SIGHUP)
    assert daemon.stderr
    line_with("paths.state and paths.control stay as they are until the next start", daemon.stderr)


def test_its_supervisor_is_told_that_it_is_ready_that_it_hears_and_that_it_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: Callable[..., tuple[Daemon, int]]
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "30000000")
        daemon, _ = started()
        told = ""
        while "microphone: open" not in told or told.count("WATCHDOG=1") < 2:
            told += manager.recv(1000).decode() + "\n"
        assert told.startswith("READY=1")
        daemon.send_signal(signal.SIGTERM)
        while "STOPPING=1" not in told:
            told += manager.recv(1000).decode() + "\n"
        assert daemon.wait(10) == 0
