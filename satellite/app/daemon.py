"""The process around the satellite: log, signals, control socket, start, reload, stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from satellite import __version__
from satellite.app import build, loading
from satellite.app.health import dead_thread, hears, summary
from satellite.app.journal import Journal
from satellite.app.logs import start_log
from satellite.app.satellite import Satellite
from satellite.config import Config
from satellite.control.server import ControlServer
from satellite.control.systemd import Supervisor
from satellite.core.errors import ConfigError, ControlError, ModelError, SatelliteError
from satellite.core.places import control_path, state_directory
from satellite.state import State

log = logging.getLogger("satellite")

# A write that hangs in the kernel cannot be left; only a new process gets rid of it.
HUNG_S = 2.0
EXIT_HUNG = 70
WATCH_S = 0.5
HUNG_LOOKS = 2


def run(load: Callable[[], Config]) -> int:
    """Run the satellite until SIGTERM or Ctrl-C.

    Args:
        load: reads and checks the configuration; called again on SIGHUP.

    Returns:
        The exit code.

    Raises:
        SatelliteError: it cannot start; the text says why.
    """
    config = load()
    start_log(config.log)
    asyncio.run(Daemon(config, load).serve())
    if threads := _left_behind():
        # Python cannot end while a library's code runs in a thread, as a model or a card that hangs.
        log.warning("ending without waiting for: %s", ", ".join(threads))
        logging.shutdown()
        os._exit(0)
    return 0


class Daemon:
    """One satellite and the signals that steer it."""

    def __init__(self, config: Config, load: Callable[[], Config]) -> None:
        self._config = config
        self._load = load
        self._stop = asyncio.Event()
        self._reload = asyncio.Event()
        self._supervisor = Supervisor()
        self._heart: asyncio.TimerHandle | None = None

    async def serve(self) -> None:
        """Start, run until told to stop, take everything down again."""
        self._catch_signals()
        satellite = Satellite(self._config, State(state_directory(self._config.paths.state)), Journal().write)
        control = ControlServer(
            control_path(self._config.paths.control), satellite.status, satellite.change, tap=satellite.tap
        )
        self._listen_when_asked(satellite)
        try:
            await control.start()
            if await self._finished(satellite.start()):
                log.info(
                    "satellite %s: %s is listening on port %d",
                    __version__,
                    build.name(self._config),
                    satellite.server.port,
                )
                self._supervisor.tell(READY="1")
                self._beat(satellite)
                await self._finished(self._watch(satellite))
        finally:
            self._supervisor.tell(STOPPING="1")
            if self._heart:
                self._heart.cancel()
            await satellite.stop()
            await control.close()

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload.set)

    def _listen_when_asked(self, satellite: Satellite) -> None:
        def listen() -> None:
            try:
                satellite.listen_now()
            except ControlError as error:
                log.warning("asked to listen: %s", error)

        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, listen)

    async def _finished(self, work: Coroutine[Any, Any, None]) -> bool:
        """Await `work`; False when we were told to stop before it was done."""
        task = asyncio.create_task(work)
        stop = asyncio.create_task(self._stop.wait())
        await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if task.done():
            task.result()
            return True
        task.cancel()
        await asyncio.wait((task,))
        return False

    async def _watch(self, satellite: Satellite) -> None:
        """See that the speaker does not hang; reload when asked."""
        looks = 0
        while not self._stop.is_set():
            try:
                # Not wait_for: before Python 3.12 it forgets that it was cancelled when both happen at once.
                async with asyncio.timeout(WATCH_S):
                    await self._reload.wait()
            except TimeoutError:
                satellite.keep_timers()
                looks = looks + 1 if satellite.playback.hung_s() > HUNG_S else 0
                _end_when_hung(looks)
                if name := dead_thread(satellite):
                    raise SatelliteError(
                        f"a bug ended the {name} thread; the process ends to be started anew"
                    ) from None
                continue
            self._reload.clear()
            await self._apply_new_config(satellite)

    def _beat(self, satellite: Satellite) -> None:
        """Tell systemd how we are, and again soon. Who hears nothing is not alive: it is ended, and started anew."""
        capture = satellite.capture.statistics() if satellite.capture else None
        alive = {"WATCHDOG": "1"} if self._supervisor.patience_s and hears(capture) else {}
        self._supervisor.tell(STATUS=summary(satellite), **alive)
        self._heart = asyncio.get_running_loop().call_later(WATCH_S, self._beat, satellite)

    async def _apply_new_config(self, satellite: Satellite) -> None:
        try:
            config = self._load()
            start_log(config.log)
            await satellite.reload(config)
            if (config.paths.state, config.paths.control) != (self._config.paths.state, self._config.paths.control):
                log.warning("paths.state and paths.control stay as they are until the next start")
        except ConfigError as error:
            for mistake in error.mistakes:
                log.error("configuration not reloaded: %s", mistake)
        except ModelError as error:
            log.error("configuration not reloaded: %s", error)
        except SatelliteError as error:
            log.error("configuration only partly in force: %s", error)
        except Exception:
            # A satellite that works is not ended by a bug in what it was asked to become.
            log.exception("configuration not, or only partly, in force: a bug")
        else:
            log.info("configuration reloaded")


def _end_when_hung(looks: int) -> None:
    # One look is not enough: a process that stood still itself, as in a suspend, finds the write just as old.
    if looks >= HUNG_LOOKS:
        log.critical("the speaker hangs; the process ends so that its supervisor can start it anew")
        logging.shutdown()
        os._exit(EXIT_HUNG)


def _left_behind() -> list[str]:
    ours = (loading.THREAD, "capture", "playback")
    return [thread.name for thread in threading.enumerate() if thread.name in ours]
