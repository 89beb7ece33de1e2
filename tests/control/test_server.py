from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from control.daemon import Daemon

from satellite.control.client import request
from satellite.control.server import CONNECTION_LIMIT
from satellite.core.errors import ControlError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run/satellite.sock"


@pytest.fixture
def daemon(path: Path) -> Iterator[Daemon]:
    with Daemon(path) as running:
        yield running


def connect(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(20)
    connection.connect(os.fspath(path))
    return connection


def exchange(path: Path, line: bytes) -> dict[str, Any]:
    with connect(path) as connection:
        connection.sendall(line)
        return dict(json.loads(everything(connection)))


def everything(connection: socket.socket) -> bytes:
    received = b""
    while part := connection.recv(65_536):
        received += part
    return received


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_request_is_a_line_and_so_is_the_answer_and_then_the_connection_ends(daemon: Daemon) -> None:
    with connect(daemon.path) as connection:
        connection.sendall(b'{"verb": "status"}\n{"verb": "status"}\n')
        answer = everything(connection)
    assert answer == b'{"ok":{"state":"waiting","uptime_s":61.0,"settings":{"volume":100}}}\n'
    assert daemon.server.statistics().answered == 1


def test_a_request_may_come_in_pieces(daemon: Daemon) -> None:
    with connect(daemon.path) as connection:
        for byte in b'{"verb": "status"}\n':
            connection.sendall(bytes([byte]))
        assert b'"waiting"' in everything(connection)


def test_settings_reach_the_daemon_and_its_refusal_the_client(daemon: Daemon) -> None:
    assert exchange(daemon.path, b'{"verb": "set", "settings": {"volume": "60"}}\n') == {"ok": {"volume": 60}}
    refused = exchange(daemon.path, b'{"verb": "set", "settings": {"volume": "600"}}\n')
    assert refused == {"error": 'volume = "600": must be a whole number from 0 to 100'}
    assert [changes.volume for changes in daemon.changes] == [60]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"hello\n", "not JSON"),
        (b"[]\n", "not a JSON object"),
        (b"{}\n", "not understood; a request is"),
        (b'{"verb": "stop"}\n', "not understood; a request is"),
        (b'{"verb": "set", "settings": {"volume": 60}}\n', "not understood; a request is"),
        (b'{"verb": "set", "settings": [1]}\n', "not understood; a request is"),
        (b"x" * 70_000 + b"\n", "the request is longer than 64 KiB"),
        (b"x" * 300_000, "the request is longer than 64 KiB"),
    ],
)
def test_a_faulty_request_is_told_what_is_wrong_and_counted(daemon: Daemon, line: bytes, text: str) -> None:
    with connect(daemon.path) as connection:
        try:
            connection.sendall(line)
        except BrokenPipeError:
            assert len(line) > 65_536
        answer = connection.recv(65_536)
    assert json.loads(answer)["error"].startswith(text)
    wait_until(lambda: daemon.server.statistics().faulty == 1)


def test_whoever_only_looks_whether_somebody_listens_is_not_counted(daemon: Daemon) -> None:
    connect(daemon.path).close()
    request(daemon.path, "status")
    assert daemon.server.statistics().faulty == 0


def test_half_a_request_is_counted_and_not_answered(daemon: Daemon) -> None:
    with connect(daemon.path) as connection:
        connection.sendall(b'{"verb": "status"}')
        connection.shutdown(socket.SHUT_WR)
        assert everything(connection) == b""
    wait_until(lambda: daemon.server.statistics().faulty == 1)


def test_one_who_says_nothing_is_put_out_after_the_idle_time(path: Path) -> None:
    with Daemon(path, idle_s=0.05) as daemon, connect(path) as connection:
        assert everything(connection) == b""
        wait_until(lambda: daemon.server.statistics().faulty == 1 and daemon.server.statistics().open == 0)


class Verbose(Daemon):
    """Says more than a socket holds."""

    def status(self) -> Mapping[str, Any]:
        return {"much": "x" * 900_000}


def test_one_who_does_not_read_the_answer_is_put_out_after_the_idle_time(path: Path) -> None:
    with Verbose(path, idle_s=0.2) as daemon, connect(path) as connection:
        connection.sendall(b'{"verb": "status"}\n')
        wait_until(lambda: daemon.server.statistics().faulty == 1 and daemon.server.statistics().open == 0)


def test_a_long_answer_arrives_whole(path: Path) -> None:
    with Verbose(path):
        assert len(request(path, "status")["much"]) == 900_000


def test_the_ninth_at_once_is_sent_away_and_room_is_made_when_another_leaves(daemon: Daemon) -> None:
    with ExitStack() as stack:
        for _ in range(CONNECTION_LIMIT):
            last = stack.enter_context(connect(daemon.path))
        wait_until(lambda: daemon.server.statistics().open == CONNECTION_LIMIT)
        with pytest.raises(ControlError, match="8 others are asking just now; try again"):
            request(daemon.path, "status")
        assert daemon.server.statistics().refused == 1
        last.close()
        wait_until(lambda: daemon.server.statistics().open < CONNECTION_LIMIT)
        assert request(daemon.path, "status")["state"] == "waiting"


class Buggy(Daemon):
    """Cannot tell its status."""

    def status(self) -> Mapping[str, Any]:
        raise ZeroDivisionError


def test_a_bug_in_a_handler_is_logged_and_the_daemon_lives_on(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Buggy(path):
        for _ in range(2):
            with pytest.raises(ControlError, match="the satellite failed to answer; its log says why"):
                request(path, "status")
    assert "ZeroDivisionError" in caplog.text


def test_the_socket_is_for_its_owner_only_whatever_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        with Daemon(path):
            assert path.stat().st_mode & 0o777 == 0o600
            assert path.parent.stat().st_mode & 0o777 == 0o700
    finally:
        os.umask(before)


def test_the_socket_file_is_gone_afterwards(daemon: Daemon) -> None:
    daemon.call(daemon.server.close()).result(20)
    assert not daemon.path.exists()


def test_closing_puts_out_who_is_still_connected(daemon: Daemon) -> None:
    with connect(daemon.path) as connection:
        wait_until(lambda: daemon.server.statistics().open == 1)
        daemon.call(daemon.server.close()).result(20)
        assert everything(connection) == b""


def test_the_socket_file_of_a_dead_satellite_is_replaced(path: Path) -> None:
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(os.fspath(path))
    with Daemon(path):
        assert request(path, "status")["state"] == "waiting"


def test_a_living_satellite_is_not_robbed_of_its_socket(daemon: Daemon) -> None:
    with pytest.raises(ControlError, match="another satellite is running"), Daemon(daemon.path):
        pass
    assert request(daemon.path, "status")["state"] == "waiting"


def test_a_hanging_satellite_whose_backlog_is_full_counts_as_living(path: Path) -> None:
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as hanging, ExitStack() as stack:
        hanging.bind(os.fspath(path))
        hanging.listen(0)
        stack.enter_context(connect(path))
        with pytest.raises(ControlError, match="another satellite is running"), Daemon(path):
            pass
    assert path.is_socket()


def test_a_file_in_the_way_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("precious")
    with pytest.raises(ControlError, match="is in the way and is not a socket"), Daemon(path):
        pass
    assert path.read_text() == "precious"


def test_a_place_where_no_socket_can_be_is_one_line(path: Path) -> None:
    path.parent.write_text("a file, not a folder")
    with pytest.raises(ControlError, match=r"no control socket can be made at .*; set paths.control"), Daemon(path):
        pass


def test_the_socket_of_a_successor_is_left_alone(daemon: Daemon) -> None:
    daemon.path.unlink()
    with Daemon(daemon.path):
        daemon.call(daemon.server.close()).result(20)
        assert request(daemon.path, "status")["state"] == "waiting"
