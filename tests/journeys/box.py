"""The whole satellite as its owner runs it: a process of its own, a real ALSA path, real sockets, real models."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import sys
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from satcard.satcard import VirtualCards

from satellite.control.client import request

DATA = Path(__file__).parent.parent / "data"
RATE_HZ = 16_000
# From the start of the process to the first frame; generous, because two cores run other tests.
START_S = 30.0
PATIENCE_S = 20.0
ASK_AGAIN_S = 0.02
# Below those that the kernel gives to connections: no client takes one while the satellite is being restarted.
PORTS = range(20_000, 32_000)


class Box:
    """A running satellite.

    Args:
        folder: where its configuration and state are; made anew for each test.
        cards: its sound cards.
        settings: lines of the configuration's tables, by table: {"command": 'end_of_speech = "server"'}. They go
            before the lines of the same names that every box has.
        hears: it has a microphone from the start.
        environment: of the process, beside that of the tests.
        within: a command that starts it: ("unshare", "-n").
    """

    def __init__(
        self,
        folder: Path,
        cards: VirtualCards,
        settings: dict[str, str] | None = None,
        *,
        hears: bool = True,
        environment: dict[str, str] | None = None,
        within: Sequence[str] = (),
    ) -> None:
        self._hears = hears
        self._environment = environment or {}
        self._within = within
        self.cards = cards
        self.folder = folder
        self.port = free_port()
        self.log: list[str] = []
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self.config = folder / "satellite.toml"
        self.config.write_text(_config(folder, self.port, settings or {}))

    async def __aenter__(self) -> Self:
        try:
            await self.start(self._hears)
        except BaseException as error:
            await self.__aexit__(type(error))
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind:
            print("\n".join(self.log[-60:]))
        if self._process and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        if self._reader:
            await self._reader

    @property
    def pid(self) -> int:
        """Of the process."""
        assert self._process
        return self._process.pid

    @property
    def waited_s(self) -> float:
        """For how long its main thread and ours were ready to run and no core was free, so far."""
        threads = Path("/proc/self"), Path(f"/proc/{self.pid}")
        return sum(int((thread / "schedstat").read_text().split()[1]) for thread in threads) / 1e9

    @property
    def starved_s(self) -> float:
        """For how long all of its threads together were ready to run and no core was free, so far."""
        return _waited_s(Path(f"/proc/{self.pid}/task"))

    async def start(self, hears: bool = True) -> None:
        """Start it, and wait until it serves and hears."""
        await self.launch()
        await self.says("is listening on port", START_S)
        if hears:
            await self.says("microphone: ", START_S)

    async def launch(self) -> None:
        """Start it, and wait for nothing."""
        self.log.clear()
        environment = {**os.environ, **self.cards.env(), "XDG_RUNTIME_DIR": str(self.folder), "PYTHONUNBUFFERED": "1"}
        environment.update(self._environment)
        self._process = await asyncio.create_subprocess_exec(
            *self._within,
            sys.executable,
            "-m",
            "satellite",
            "--config",
            str(self.config),
            env=environment,
            stderr=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
        )
        self._reader = asyncio.create_task(self._read_log())

    async def stop(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Ask it to end: its exit code, and how many seconds it took, but for those that it or we waited for a core."""
        assert self._process
        loop = asyncio.get_running_loop()
        ours, its = Path("/proc/self/task"), Path(f"/proc/{self._process.pid}/task")
        began_s, we_s, it_s = loop.time(), _waited_s(ours), _waited_s(its)
        lost_s = we_lost_s = 0.0
        self._process.send_signal(number)
        ended = asyncio.create_task(self._process.wait())
        while not ended.done():
            # Of a thread that has ended nothing is told any more: so the most that was told.
            lost_s, we_lost_s = max(lost_s, _waited_s(its) - it_s), max(we_lost_s, _waited_s(ours) - we_s)
            await asyncio.wait((ended,), timeout=ASK_AGAIN_S)
            assert loop.time() < began_s + PATIENCE_S, f"it does not end; log: {self.log[-10:]}"
        return ended.result(), loop.time() - began_s - lost_s - max(we_lost_s, _waited_s(ours) - we_s)

    async def ended(self) -> int:
        """Wait until it ends by itself: its exit code."""
        assert self._process
        assert self._reader
        async with asyncio.timeout(PATIENCE_S):
            await self._reader
            return await self._process.wait()

    def signal(self, number: int) -> None:
        """Send a signal."""
        assert self._process
        self._process.send_signal(number)

    async def says(self, text: str, within_s: float = PATIENCE_S, count: int = 1) -> None:
        """Wait for the `count`-th line with this text in the log."""
        await self._until(lambda: sum(text in line for line in self.log) >= count, f"{text!r} in the log", within_s)

    async def status(self) -> dict[str, Any]:
        """As --status --json shows it."""
        return dict(await asyncio.to_thread(request, self.folder / "satellite.sock", "status", timeout_s=PATIENCE_S))

    async def set(self, **settings: str) -> dict[str, Any]:
        """As --set."""
        return dict(await asyncio.to_thread(request, self.folder / "satellite.sock", "set", settings, PATIENCE_S))

    async def in_state(self, state: str, within_s: float = PATIENCE_S) -> None:
        """Wait until the conversation is in this phase."""
        await self.reports(lambda status: status["state"] == state, within_s)

    async def reports(self, fact: Callable[[dict[str, Any]], object], within_s: float = PATIENCE_S) -> dict[str, Any]:
        """Wait until `fact` is true of the status, which is asked for again and again; returns it."""
        deadline_s = asyncio.get_running_loop().time() + within_s
        while not fact(status := await self.status()):
            assert asyncio.get_running_loop().time() < deadline_s, f"status: {status}; log: {self.log[-10:]}"
            await asyncio.sleep(ASK_AGAIN_S)
        return status

    async def _until(self, fact: Callable[[], bool], what: str, within_s: float) -> None:
        try:
            async with asyncio.timeout(within_s):
                while not fact():
                    assert not self._dead, f"the satellite ended: {self.log[-5:]}"
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"no {what} within {within_s} s; log: {self.log[-10:]}") from None

    @property
    def _dead(self) -> bool:
        return self._reader is None or self._reader.done()

    async def _read_log(self) -> None:
        assert self._process
        assert self._process.stderr
        async for line in self._process.stderr:
            self.log.append(line.decode().rstrip())
            self._news.set()
        self._news.set()


def _waited_s(threads: Path) -> float:
    """For how long they together were ready to run and no core was free, so far."""
    waited_ns = 0
    with contextlib.suppress(OSError):
        for thread in threads.iterdir():
            waited_ns += int((thread / "schedstat").read_text().split()[1])
    return waited_ns / 1e9


def clip(name: str) -> npt.NDArray[np.int16]:
    """A made recording: int16, (n,), 16 kHz."""
    with wave.open(str(DATA / f"{name}.wav")) as file:
        assert (file.getframerate(), file.getnchannels()) == (RATE_HZ, 1)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def quiet(seconds: float, seed: int = 1) -> npt.NDArray[np.int16]:
    """A quiet room."""
    return np.random.default_rng(seed).normal(0, 10, round(seconds * RATE_HZ)).astype(np.int16)


def tone(seconds: float, rate_hz: int = 22_050, hz: float = 440.0) -> bytes:
    """Sound for an answer, 16-bit mono."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return (8_000 * np.sin(2 * np.pi * hz * time_s)).astype("<i2").tobytes()


def free_port() -> int:
    """A port that nobody uses."""
    # Not from `random`, whose seed the tests of another run on this machine may share.
    for _ in PORTS:
        port = secrets.choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def _config(folder: Path, port: int, settings: dict[str, str]) -> str:
    tables = {
        "satellite": 'name = "Test"',
        # The cards may run faster than time: then what is played cannot be dated.
        "microphone": 'device = "satmic"\naec = "off"\nbuffer_ms = 5000',
        "speaker": 'device = "satspk"',
        "server": f'host = "127.0.0.1"\nport = {port}',
        "discovery": "enabled = false",
        "paths": f'state = "{folder}/state"',
        "log": 'level = "debug"',
    }
    for table, lines in settings.items():
        given = {line.split("=")[0] for line in lines.splitlines()}
        usual = [line for line in tables.get(table, "").splitlines() if line.split("=")[0] not in given]
        tables[table] = "\n".join([*usual, lines])
    return "".join(f"[{table}]\n{lines}\n\n" for table, lines in tables.items())
