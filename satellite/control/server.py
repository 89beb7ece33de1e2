"""The daemon's end of the control socket."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from satellite.control.protocol import REQUEST_LIMIT_BYTES, decode, encode
from satellite.control.tap import Tap
from satellite.core.errors import ControlError, SatelliteError

log = logging.getLogger(__name__)

CONNECTION_LIMIT = 8
IDLE_S = 5.0


@dataclass(frozen=True, slots=True)
class ControlStatistics:
    """Counters since the start. `refused`: one connection too many; `faulty`: no proper request, or too slow."""

    open: int
    answered: int
    refused: int
    faulty: int


class ControlServer:
    """Answers one request per connection: at most 8 at once, 64 KiB each, 5 s to ask and to hear the answer.

    Who listens to the microphone may stay for as long as it asked.

    Args:
        path: of the socket.
        status: gives everything worth knowing. Called in the loop, as `change` is; neither may block.
        change: applies settings given as texts ("volume" to "60") and gives what is set now; may raise SatelliteError,
            whose text goes to the one who asked.
        idle_s: the 5 s.
        tap: lets a client hear the microphone, for as long as it asks; None: there is nothing to hear.
    """

    def __init__(
        self,
        path: Path,
        status: Callable[[], Mapping[str, Any]],
        change: Callable[[Mapping[str, str]], Mapping[str, Any]],
        idle_s: float = IDLE_S,
        tap: Tap | None = None,
    ) -> None:
        self._path = path
        self._status = status
        self._change = change
        self._idle_s = idle_s
        self._tap = tap
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._inode = 0
        self._answered = self._refused = self._faulty = 0

    def statistics(self) -> ControlStatistics:
        """How it has been used."""
        return ControlStatistics(len(self._tasks), self._answered, self._refused, self._faulty)

    async def start(self) -> None:
        """Listen; the socket is for this user only.

        Raises:
            ControlError: another satellite listens there, or no socket can be made there.
        """
        listener = _bind(self._path)
        self._inode = self._path.stat().st_ino
        self._server = await asyncio.start_unix_server(self._accept, sock=listener, limit=REQUEST_LIMIT_BYTES)

    async def close(self) -> None:
        """Stop listening, close what is open, remove the socket file if it is still ours. Twice is harmless."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if _inode(self._path) == self._inode:
            self._path.unlink(missing_ok=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= CONNECTION_LIMIT:
            self._refused += 1
            writer.write(encode({"error": f"{CONNECTION_LIMIT} others are asking just now; try again"}))
            writer.close()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(self._idle_s) as patience:
                line = await _line(reader)
                if self._tap and (seconds := _listening_s(line)):
                    patience.reschedule(None)
                    await self._let_listen(self._tap, seconds, writer)
                    patience.reschedule(asyncio.get_running_loop().time() + self._idle_s)
                elif line:
                    writer.write(self._answer(line))
                writer.close()
                await writer.wait_closed()
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            self._faulty += 1
        finally:
            writer.transport.abort()

    async def _let_listen(self, tap: Tap, seconds: float, writer: asyncio.StreamWriter) -> None:
        try:
            await tap.stream(seconds, writer)
        except ControlError as error:
            self._faulty += 1
            writer.write(encode({"error": str(error)}))
        except ConnectionError:
            self._answered += 1  # it has heard enough
        else:
            self._answered += 1

    def _answer(self, line: bytes) -> bytes:
        try:
            answer = encode({"ok": self._handle(line)})
        except SatelliteError as error:
            self._faulty += 1
            return encode({"error": str(error)})
        except Exception:
            # A bug behind a status page must not end the daemon, nor leave the asker without a word.
            log.exception("could not answer a request on the control socket")
            return encode({"error": "the satellite failed to answer; its log says why"})
        self._answered += 1
        return answer

    def _handle(self, line: bytes) -> Mapping[str, Any]:
        if len(line) > REQUEST_LIMIT_BYTES:
            raise ControlError(f"the request is longer than {REQUEST_LIMIT_BYTES >> 10} KiB")
        match decode(line):
            case {"verb": "status"}:
                return self._status()
            case {"verb": "set", "settings": dict(settings)} if _are_texts(settings):
                return self._change(settings)
        raise ControlError(
            'not understood; a request is {"verb": "status"} or {"verb": "set", "settings": {"volume": "60"}}'
        )


async def _line(reader: asyncio.StreamReader) -> bytes:
    """The request, or the beginning of one that is too long; empty when the peer only looked whether we are alive."""
    try:
        return await reader.readuntil(b"\n")
    except asyncio.LimitOverrunError:
        return await reader.read(REQUEST_LIMIT_BYTES + 1)
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return b""


def _listening_s(line: bytes) -> float:
    """For how long the request wants to listen to the microphone; 0 when it wants something else."""
    try:
        request = decode(line)
    except ControlError:
        return 0.0
    match request:
        case {"verb": "listen", "seconds": int(seconds) | float(seconds)}:
            return float(seconds) or -1.0
    return 0.0


def _are_texts(settings: Mapping[Any, Any]) -> bool:
    return all(isinstance(value, str) for value in settings.values())


def _bind(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _clear(path)
        # Linux gives the file the mode of the socket: so it is never open to others, not even for a moment.
        os.fchmod(listener.fileno(), 0o600)
        listener.bind(os.fspath(path))
    except OSError as error:
        listener.close()
        raise ControlError(
            f"no control socket can be made at {path}: {error.strerror or error}; set paths.control"
        ) from None
    except ControlError:
        listener.close()
        raise
    return listener


def _clear(path: Path) -> None:
    """Remove the socket file of a satellite that has died."""
    if not path.exists():
        return
    if not path.is_socket():
        raise ControlError(f"{path} is in the way and is not a socket; remove it or set paths.control")
    if _is_listening(path):
        raise ControlError(
            f"another satellite is running (it listens at {path}); stop it, or give this one another paths.control"
        )
    path.unlink()


def _is_listening(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(os.fspath(path))
        except BlockingIOError:
            return True  # its backlog is full: alive, if not well
        except ConnectionRefusedError:
            return False
    return True


def _inode(path: Path) -> int:
    try:
        return path.lstat().st_ino
    except OSError:
        return 0
