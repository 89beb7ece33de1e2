"""What the fake Home Assistant writes down, and how a test waits for it: always with a deadline."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

# How long a fact is waited for. It costs time only where a test fails; two cores may run other programs meanwhile.
PATIENCE_S = 20.0


@dataclass(frozen=True)
class Received:
    """An event from the satellite: when (seconds since the start), on which of our long connections, what."""

    at_s: float
    connection: int
    type: str
    data: dict[str, Any]
    payload: bytes


@dataclass
class Run:
    """One pipeline run and the sound it was fed.

    `ended`: why it takes no more sound; `from_wake`: it begins with the wake word.
    """

    phrase: str | None
    started_at_s: float
    from_wake: bool = False
    pcm: bytearray = field(default_factory=bytearray)
    chunks_at_s: list[float] = field(default_factory=list)
    late_chunks: int = 0
    ended: str = ""
    ended_at_s: float = 0.0

    @property
    def seconds(self) -> float:
        """How much sound it got."""
        return len(self.pcm) / 32_000


class Notebook:
    """Everything it got is in `received`, every run in `runs`, every connection it lost in `lost`, with the reason.

    `state` is that of the real one's entity: unavailable, idle, listening, processing, responding.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.runs: list[Run] = []
        self.lost: list[str] = []
        self.infos: list[dict[str, Any]] = []
        self.state = "unavailable"
        self.connections = 0
        self.news = asyncio.Event()
        self.failure: BaseException | None = None
        self.began_s = 0.0

    @property
    def now_s(self) -> float:
        """Seconds since the start."""
        return asyncio.get_running_loop().time() - self.began_s

    @property
    def run(self) -> Run:
        """The newest run."""
        return self.runs[-1]

    async def until(self, fact: Callable[[], object], what: str, within_s: float = PATIENCE_S) -> None:
        """Wait until `fact()` is true; it is asked again after every event.

        Raises:
            AssertionError: it was not true in time; names `what` and the last events.
            Exception: whatever went wrong inside the assistant or its script.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not fact() and self.failure is None:
                    self.news.clear()
                    await self.news.wait()
        if self.failure is not None:
            raise self.failure
        if not fact():
            last = [event.type for event in self.received[-8:]]
            raise AssertionError(f"no {what} within {within_s} s; state {self.state}, lost {self.lost}, last: {last}")

    async def wait_for(self, kind: str, count: int = 1, within_s: float = PATIENCE_S) -> Received:
        """The `count`-th event of this type since the start, waited for if need be."""
        await self.until(lambda: len(self.of(kind)) >= count, f"{kind} number {count}", within_s)
        return self.of(kind)[count - 1]

    async def connected(self, count: int = 1, within_s: float = PATIENCE_S) -> None:
        """Wait until the satellite answered on the `count`-th long connection."""
        await self.until(
            lambda: any(event.connection >= count and event.type == "info" for event in self.received),
            f"info on connection {count}",
            within_s,
        )

    async def running(self, count: int = 1, within_s: float = PATIENCE_S) -> Run:
        """Wait for the `count`-th run."""
        await self.until(lambda: len(self.runs) >= count, f"run {count}", within_s)
        return self.runs[count - 1]

    async def heard(self, seconds: float, within_s: float = PATIENCE_S) -> None:
        """Wait until the newest run got so much sound."""
        await self.until(lambda: self.runs and self.run.seconds >= seconds, f"{seconds} s of sound", within_s)

    async def stream_ended(self, within_s: float = PATIENCE_S) -> None:
        """Wait for the satellite's audio-stop in the newest run."""
        await self.until(lambda: self.runs and self.run.ended == "audio-stop", "audio-stop", within_s)

    def of(self, kind: str) -> list[Received]:
        """All events of a type, on long connections."""
        return [event for event in self.received if event.type == kind]
