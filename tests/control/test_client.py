from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from control.daemon import Daemon

from satellite.control.client import request
from satellite.control.settings import Changes
from satellite.core.errors import ControlError


@contextmanager
def answering(path: Path, answer: bytes | None) -> Iterator[None]:
    """Something that listens there and gives this answer to whatever is asked; None: it accepts and says nothing."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(os.fspath(path))
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                if answer is None:
                    connection.recv(65_536)
                else:
                    with suppress(BrokenPipeError):
                        connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join(5)


def test_status_and_set_are_answered_by_the_running_satellite(tmp_path: Path) -> None:
    with Daemon(tmp_path / "s") as daemon:
        assert request(daemon.path, "status")["state"] == "waiting"
        assert request(daemon.path, "set", {"volume": "60", "threshold.alexa": "0.4"}) == {"volume": 60}
        assert daemon.changes == [Changes(volume=60, thresholds={"alexa": 0.4})]


def test_a_refusal_of_the_satellite_is_its_text(tmp_path: Path) -> None:
    with Daemon(tmp_path / "s") as daemon, pytest.raises(ControlError, match="did you mean alexa"):
        request(daemon.path, "set", {"threshold.alxa": "0.4"})


@pytest.mark.parametrize("left", ["nothing", "no folder", "a dead socket"])
def test_without_a_satellite_it_says_where_it_looked_and_how_to_start_one(tmp_path: Path, left: str) -> None:
    path = tmp_path / ("none/s" if left == "no folder" else "s")
    if left == "a dead socket":
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
            dead.bind(os.fspath(path))
    with pytest.raises(ControlError) as wrong:
        request(path, "status")
    assert str(wrong.value) == f"no satellite is running (looked at {path}); start it with: satellite"


def test_a_satellite_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    with answering(tmp_path / "s", None), pytest.raises(ControlError, match="it hangs: restart it"):
        request(tmp_path / "s", "status", timeout_s=0.05)


def test_a_satellite_that_accepts_no_more_connections_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as hanging,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as first,
    ):
        hanging.bind(os.fspath(path))
        hanging.listen(0)
        first.connect(os.fspath(path))
        with pytest.raises(ControlError, match="it hangs: restart it"):
            request(path, "status", timeout_s=0.05)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"", "answer is not complete"),
        (b'{"ok": {}}', "answer is not complete"),
        (b"x" * (2 << 20), "answer is not complete"),
        (b"hello\n", "not JSON"),
        (b"[]\n", "not a JSON object"),
        (b"{}\n", "answer is not understood"),
        (b'{"ok": 1}\n', "answer is not understood"),
        (b'{"error": "no"}\n', "no"),
    ],
)
def test_an_answer_that_is_none_is_said_to_be_so(tmp_path: Path, answer: bytes, text: str) -> None:
    with answering(tmp_path / "s", answer), pytest.raises(ControlError, match=text):
        request(tmp_path / "s", "status")


def test_a_drip_of_bytes_does_not_extend_the_deadline(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(os.fspath(tmp_path / "s"))
        listener.listen()
        stop = threading.Event()

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                while not stop.wait(0.01):
                    connection.sendall(b" ")

        thread = threading.Thread(target=drip)
        thread.start()
        with pytest.raises(ControlError, match=r"did not answer within 0\.1 s"):
            request(tmp_path / "s", "status", timeout_s=0.1)
        stop.set()
        thread.join(5)


def test_too_much_to_set_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="too much to set at once"):
        request(tmp_path / "s", "set", {"volume": "x" * 70_000})
