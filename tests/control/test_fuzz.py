"""Damaged requests: each is answered with an error or not at all, and the next one is served."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from control.daemon import Daemon
from mutations import mutations, without_growth

from satellite.control.client import request

SEEDS = (
    b'{"verb": "status"}\n',
    b'{"verb": "set", "settings": {"volume": "60", "mute": "on", "threshold.alexa": "0.5"}}\n',
    b'{"verb": "listen", "seconds": 3}\n',
)


@pytest.mark.parametrize("count", [2_000, pytest.param(100_000, marks=[pytest.mark.long, pytest.mark.timeout(1800)])])
def test_damaged_requests_never_stop_the_daemon(tmp_path: Path, count: int, show: Callable[[str], None]) -> None:
    with Daemon(tmp_path / "satellite.sock") as daemon:
        for data in without_growth(mutations(SEEDS, count, seed=count), count):
            with socket.socket(socket.AF_UNIX) as asking, contextlib.suppress(ConnectionError):
                asking.settimeout(20)
                asking.connect(str(daemon.path))
                asking.sendall(data)
                asking.shutdown(socket.SHUT_WR)
                answer = asking.recv(1 << 16)
                assert not answer or {"ok", "error"} & set(json.loads(answer.splitlines()[0]))
        assert request(daemon.path, "status")["state"] == "waiting"
    show(f"fuzz: {count:,} damaged requests at the control socket")
