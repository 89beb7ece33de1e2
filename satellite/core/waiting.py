"""Waiting for each other: threads, and tasks of any event loop, on one lock."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import TypeVar

Got = TypeVar("Got")


class Bell:
    """A lock, and those who wait for what it guards; whoever changes that rings.

    What is waited for is an attempt: called under the lock, it takes what it wants and returns it; what is false means
    "not yet". So a wait that is cancelled or timed out has taken nothing.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._wakers: list[Callable[[], object]] = []

    def __enter__(self) -> None:
        self._condition.acquire()

    def __exit__(self, *_: object) -> None:
        self._condition.release()

    def ring(self) -> None:
        """Let all who wait attempt again; the caller holds the lock."""
        self._condition.notify_all()
        for wake in self._wakers:
            wake()

    def wait(self, attempt: Callable[[], Got], timeout_s: float | None = None) -> Got | None:
        """What the attempt gives, or raises; None after the time-out. The lock may be held, and is given up."""
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        with self._condition:
            while not (got := attempt()):
                left_s = None if deadline_s is None else deadline_s - time.monotonic()
                if left_s is not None and left_s <= 0:
                    return None
                self._condition.wait(left_s)
            return got

    async def wait_async(self, attempt: Callable[[], Got], timeout_s: float | None = None) -> Got | None:
        """The same for a task, which does not hold the lock; the event loop goes on meanwhile."""
        import asyncio

        loop = asyncio.get_running_loop()
        woken = asyncio.Event()

        def wake() -> None:
            # The loop may be closed by now: then nobody waits.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(woken.set)

        deadline_s = None if timeout_s is None else loop.time() + timeout_s
        timer = None if deadline_s is None else loop.call_at(deadline_s, woken.set)
        with self:
            self._wakers.append(wake)
        try:
            while True:
                with self:
                    got = attempt()
                if got:
                    return got
                if deadline_s is not None and loop.time() >= deadline_s:
                    return None
                await woken.wait()
                woken.clear()
        finally:
            if timer:
                timer.cancel()
            with self:
                self._wakers.remove(wake)
