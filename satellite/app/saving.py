"""Saves what Home Assistant tells of, beside the loop: a worn memory card may need seconds for a few bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from satellite.app.loading import in_background

# At the end no longer: the process shall end.
_LAST_S = 1.0


class Saving:
    """Calls `save` in a thread, once at a time: what is asked for meanwhile comes with the next. For one loop."""

    def __init__(self, save: Callable[[], None]) -> None:
        self._save = save
        self._wanted = False
        self._task: asyncio.Task[None] | None = None

    def soon(self) -> None:
        """Save what there is now, or what is newer; returns at once."""
        self._wanted = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Wait until all is saved, at most a second."""
        if self._task:
            await asyncio.wait({self._task}, timeout=_LAST_S)

    async def _run(self) -> None:
        while self._wanted:
            self._wanted = False
            await in_background(self._save)
