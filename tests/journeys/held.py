"""A file whose opening takes as long as a test wants: the kernel's lease, fcntl(2)."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
from pathlib import Path
from typing import Self

import pytest


class HeldFile:
    """Whoever opens the file waits in the kernel until it is let go, for at most 45 s (fs.lease-break-time).

    Use it on a running loop, in the main thread. It skips the test where the file system knows no leases.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1
        self._wanted = asyncio.Event()

    def __enter__(self) -> Self:
        self._file = os.open(self._path, os.O_RDWR)
        # Before the lease: the kernel says by this signal that somebody waits, and it would end us.
        asyncio.get_running_loop().add_signal_handler(signal.SIGIO, self._wanted.set)
        try:
            fcntl.fcntl(self._file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        except OSError as error:
            self.__exit__()
            pytest.skip(f"{self._path} cannot be held: {error.strerror}")
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()
        asyncio.get_running_loop().remove_signal_handler(signal.SIGIO)

    async def wanted(self) -> None:
        """Wait until somebody opens it."""
        async with asyncio.timeout(20):
            await self._wanted.wait()

    def let_go(self) -> None:
        """Whoever waits for it may have it."""
        if self._file >= 0:
            os.close(self._file)  # gives up the lease
            self._file = -1
