"""A control server on a loop of its own, for tests that ask it from outside."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from satellite.control.server import ControlServer
from satellite.control.settings import Changes, parse_settings
from satellite.control.tap import Tap

WAKE_WORDS = ("alexa",)


class Daemon:
    """Answers with a small status; remembers what it was told to change. A context manager."""

    def __init__(self, path: Path, idle_s: float = 20.0, tap: Tap | None = None) -> None:
        self.path = path
        self.changes: list[Changes] = []
        self.server = ControlServer(path, self.status, self.change, idle_s, tap)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="control-daemon")

    def status(self) -> Mapping[str, Any]:
        return {"state": "waiting", "uptime_s": 61.0, "settings": {"volume": 100}}

    def change(self, settings: Mapping[str, str]) -> Mapping[str, Any]:
        self.changes.append(parse_settings(settings, WAKE_WORDS))
        return {"volume": self.changes[-1].volume}

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self.call(self.server.start()).result(20)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.call(self.server.close()).result(20)
        self._end()

    def call(self, work: Any) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)
        self._loop.close()
