"""Threads that own something while they run: a microphone, a speaker, a search for utterances."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import weakref
from typing import Generic, TypeVar

from satellite.core.errors import DeviceLost, ForkedProcess, NotRunning, SatelliteError
from satellite.core.waiting import Bell

log = logging.getLogger(__name__)

_JOIN_S = 5.0


class Run:
    """One thread, until its work is over, fails, or is stopped. Nothing in it leads to whom it works for.

    Once it is over for those who look on, what still fails is told to nobody.

    Args:
        what: it owns, for people.
        bell: guards what others look at, and tells them of every change.
        before: may still hold the device, or be about to get it: it is waited for first.
    """

    causes: tuple[type[Exception], ...] = (SatelliteError,)
    """What ends it and is told as it is; all else is our own mistake."""

    def __init__(self, what: str, bell: Bell, before: Run | None = None) -> None:
        self.bell = bell
        self._what = what
        self._before = before
        self._process = os.getpid()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"satellite-{what}", daemon=True)
        # Below: guarded by the bell.
        self.running = True
        self.opened = False
        self.error: Exception | None = None

    def start(self) -> None:
        """Begin. Once."""
        self._thread.start()
        _STARTED.add(self)

    def stop(self) -> None:
        """Tell the thread to end; whoever waits is woken at once. From any thread; twice is harmless."""
        # In a forked child the lock may be held by a thread that is not there.
        if os.getpid() != self._process:
            return
        self._stopping.set()
        with self.bell:
            self.halt()
            self.bell.ring()

    def join(self) -> None:
        """Wait until everything is closed; for a device that is just being opened, some seconds at most."""
        if os.getpid() != self._process:
            return
        self._thread.join(_JOIN_S)
        if self._thread.is_alive():
            log.error("the thread of the %s did not stop within %s s", self._what, _JOIN_S)

    def work(self) -> None:
        """What the thread does, to its end or until `_stopping` is set."""
        raise NotImplementedError

    def halt(self) -> None:
        """What a stop does at once, under the bell."""
        self.running = False

    def raise_error(self) -> None:
        """Raise what ended it, if something did."""
        if self.error:
            raise self.error.with_traceback(None)

    def opening(self) -> bool:
        """An attempt: the device is open, or the run is over. Raises DeviceError and ModelError if it does not open."""
        self.raise_error()
        return self.opened or not self.running

    def _run(self) -> None:
        error: Exception | None = None
        if self._before:
            self._before.join()
            self._before = None
        try:
            # Who was stopped while it waited has nothing to do any more.
            if not self._stopping.is_set():
                self.work()
        except self.causes as failure:
            error = failure
        except Exception as bug:
            log.exception("the thread of the %s ended", self._what)
            error = DeviceLost(f"the thread of the {self._what} ended: {bug!r}")
        with self.bell:
            if self.running:
                self.running, self.error = False, error
            self.bell.ring()


R = TypeVar("R", bound=Run)


class Runs(Generic[R]):
    """The runs of one thing, one at a time, in the process that made it. How to wait: as a thread, or as a task.

    Args:
        what: it is, for people.
    """

    def __init__(self, what: str) -> None:
        self.bell = Bell()
        self.what = what
        self.last: R | None = None
        self._process = os.getpid()
        self._forgotten = weakref.finalize(self, int)

    def check_process(self) -> None:
        """Raises ForkedProcess in a child of the process that made this."""
        if os.getpid() != self._process:
            raise ForkedProcess(
                f"this {self.what} belongs to process {self._process}, from which this one was forked: "
                "make it here, or start processes by 'spawn'"
            )

    def begin(self) -> R:
        """The run under way, or a new one, from a clean state."""
        raise NotImplementedError

    def started(self, run: R) -> R:
        """This is the run from now on; the caller holds the bell, so that others see it once it can be joined."""
        run.start()
        self.last = run
        # Whoever forgets to stop it, and then forgets it, does not keep the device.
        self._forgotten.detach()
        self._forgotten = weakref.finalize(self, run.stop)
        return run

    @property
    def current(self) -> R:
        """The run under way, or the last one. Raises NotRunning before the first, ForkedProcess elsewhere."""
        self.check_process()
        if self.last is None:
            raise NotRunning(f"the {self.what} was not started: use it in a with statement, or call start()")
        return self.last

    @property
    def is_open(self) -> bool:
        """A run is under way, or about to be."""
        return self.last is not None and self.last.running and os.getpid() == self._process

    def end(self) -> R | None:
        """Stop the run: the device is closed soon. Returns whom to join. In a forked child nothing is to be stopped."""
        if self.last:
            self.last.stop()
        return self.last

    def open(self) -> None:
        """Begin, and wait for the device. Raises ForkedProcess, and what begin() and Run.opening() do."""
        run, ours = self._begun()
        try:
            self.bell.wait(run.opening)
        except BaseException:
            if ours:
                run.stop()
                run.join()
            raise

    def close(self) -> None:
        """Stop the run, and wait for it."""
        if run := self.end():
            run.join()

    async def aopen(self) -> None:
        """As open()."""
        run, ours = self._begun()
        try:
            await self.bell.wait_async(run.opening)
        except BaseException:
            if ours:
                run.stop()
            raise

    async def aclose(self) -> None:
        """As close()."""
        import asyncio

        if run := self.end():
            await asyncio.to_thread(run.join)

    def _begun(self) -> tuple[R, bool]:
        """The run, and whether it is new: who is interrupted ends no other's."""
        self.check_process()
        with self.bell:
            before = self.last
            run = self.begin()
        return run, run is not before


_STARTED: weakref.WeakSet[Run] = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    """A thread that still works when Python takes itself apart would have its libraries complain, or crash."""
    runs = list(_STARTED)
    for run in runs:
        run.stop()
    for run in runs:
        run.join()
