"""Waiting for each other: threads and coroutines on one lock."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from types import TracebackType


class Bell:
    """A lock whose holder can wake all who wait, whether they are threads or coroutines of any loop."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._futures: set[asyncio.Future[None]] = set()

    def __enter__(self) -> None:
        self._condition.acquire()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._condition.release()

    def ring(self) -> None:
        """Wake all; the caller holds the lock."""
        self._condition.notify_all()
        for future in self._futures:
            # A loop that is closed has nobody left to wake.
            with contextlib.suppress(RuntimeError):
                future.get_loop().call_soon_threadsafe(_wake, future)
        self._futures.clear()

    def wait(self, ready: Callable[[], bool], timeout_s: float | None = None) -> bool:
        """Give up the lock, which the caller holds, until `ready`, which is called with it held."""
        return self._condition.wait_for(ready, timeout_s)

    async def wait_async(self, ready: Callable[[], bool]) -> None:
        """The same for a coroutine, which does not hold the lock and never waits for more than its holders' moment."""
        while True:
            with self:
                if ready():
                    return
                future = asyncio.get_running_loop().create_future()
                self._futures.add(future)
            try:
                await future
            finally:
                with self:
                    self._futures.discard(future)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
