"""Asking the running satellite."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from satellite.control.protocol import ANSWER_LIMIT_BYTES, REQUEST_LIMIT_BYTES, decode, encode
from satellite.core.errors import ControlError

TIMEOUT_S = 5.0


def request(
    path: Path, verb: str, settings: Mapping[str, str] | None = None, timeout_s: float = TIMEOUT_S
) -> dict[str, Any]:
    """What the satellite listening at `path` answers.

    Raises:
        ControlError: none is running, it is another user's, it hangs, answers nonsense, or refuses.
    """
    message = encode({"verb": verb} if settings is None else {"verb": verb, "settings": settings})
    if len(message) > REQUEST_LIMIT_BYTES:
        raise ControlError("that is too much to set at once")
    with explained(path, timeout_s):
        return result(_exchange(path, message, time.monotonic() + timeout_s))


@contextlib.contextmanager
def explained(path: Path, timeout_s: float) -> Iterator[None]:
    """Turns what a socket raises into ControlError."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        raise ControlError(f"no satellite is running (looked at {path}); start it with: satellite") from None
    except PermissionError:
        raise ControlError(f"the satellite at {path} runs as another user; ask as that user, or with sudo") from None
    except (TimeoutError, BlockingIOError):
        raise ControlError(
            f"the satellite at {path} did not answer within {timeout_s:g} s; it hangs: restart it"
        ) from None
    except OSError as error:
        raise ControlError(f"the satellite at {path} cannot be asked: {error.strerror or error}") from None


def _exchange(path: Path, message: bytes, deadline: float) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_left_s(deadline))
        connection.connect(os.fspath(path))
        with contextlib.suppress(BrokenPipeError):  # one that refuses may have answered and gone
            connection.sendall(message)
        return _line(connection, deadline)


def _line(connection: socket.socket, deadline: float) -> bytes:
    line = bytearray()
    while not line.endswith(b"\n") and len(line) <= ANSWER_LIMIT_BYTES:
        connection.settimeout(_left_s(deadline))
        received = connection.recv(65_536)
        if not received:
            break
        line += received
    return bytes(line)


def _left_s(deadline: float) -> float:
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s


def result(line: bytes) -> dict[str, Any]:
    """What a line of the satellite's says, or the ControlError that it tells of."""
    if len(line) > ANSWER_LIMIT_BYTES or not line.endswith(b"\n"):
        raise ControlError(
            "the satellite's answer is not complete; is another program, or another version, listening there?"
        )
    match decode(line):
        case {"ok": dict(result)}:
            return result
        case {"error": str(text)}:
            raise ControlError(text)
    raise ControlError("the satellite's answer is not understood; is it another version?")
