"""What the service manager is told, as it gets it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from satellite.control.systemd import Supervisor


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        yield listening


def test_it_is_told_what_is_new(manager: socket.socket) -> None:
    supervisor = Supervisor({"NOTIFY_SOCKET": manager.getsockname()})
    supervisor.tell(READY="1")
    supervisor.tell(STATUS="waiting")
    supervisor.tell(STATUS="waiting")
    supervisor.tell(STATUS="waiting", WATCHDOG="1")
    supervisor.tell(STATUS="hearing", WATCHDOG="1")
    heard = [manager.recv(1000).decode() for _ in range(4)]
    assert heard == ["READY=1", "STATUS=waiting", "WATCHDOG=1", "STATUS=hearing\nWATCHDOG=1"]


def test_a_name_in_the_abstract_namespace_is_reached() -> None:
    name = f"satellite-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        listening.settimeout(5)
        Supervisor({"NOTIFY_SOCKET": f"@{name}"}).tell(READY="1")
        assert listening.recv(1000) == b"READY=1"


def test_without_a_manager_nothing_is_told() -> None:
    supervisor = Supervisor({})
    supervisor.tell(READY="1")
    assert supervisor.unheard == 0


def test_a_manager_that_is_gone_or_does_not_read_holds_nobody_up(tmp_path: Path, manager: socket.socket) -> None:
    gone = Supervisor({"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    gone.tell(READY="1")
    assert gone.unheard == 1
    full = Supervisor({"NOTIFY_SOCKET": manager.getsockname()})
    for _ in range(10_000):
        full.tell(WATCHDOG="1")
    assert full.unheard > 0


@pytest.mark.parametrize(
    ("environment", "patience_s"),
    [
        ({}, 0.0),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
    ],
)
def test_its_patience(environment: dict[str, str], patience_s: float) -> None:
    assert Supervisor(environment).patience_s == patience_s
