"""Commands of the owner, run when something happens. Nobody waits for them: not the loop, and not a stop."""

from __future__ import annotations

import logging
import os
import shlex
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

from satellite.app.happenings import Happenings
from satellite.config import HooksConfig
from satellite.core import effects as fx
from satellite.core import events as ev
from satellite.core.places import expanded
from satellite.network.frame import one_line

log = logging.getLogger(__name__)

# So long a command may take; then it is ended, with all that it started.
LIMIT_S = 30.0
AT_ONCE = 4
# More wait for one of them to end, in order; what comes then is skipped.
WAITING = 16
# So many one after the other, and so many a second later on: a busy conversation has fewer.
BURST, PER_S = 60.0, 2.0
TEXT = 1_000
_SAID_BYTES = 4096
_READ_BYTES = 64 * 1024
# How often a command is looked after: its own children may hold its output open. One that writes a lot may write some
# 10 MB a second; one that never stops writing shall wait, not we.
_LOOK_S, _FLOOD_S = 0.05, 0.005


@dataclass(frozen=True, slots=True)
class HookStatistics:
    """`late`: took longer than 30 s and were ended; `skipped`: too many waited, or came at once."""

    waiting: int = 0
    running: int = 0
    started: int = 0
    failed: int = 0
    late: int = 0
    skipped: int = 0


class _Job(NamedTuple):
    name: str
    command: str
    environment: Mapping[str, str]


class Hooks:
    """Watches events and effects on the loop; up to four threads run the commands, and end when none is left."""

    def __init__(self, config: HooksConfig, *, muted: bool, limit_s: float = LIMIT_S) -> None:
        self._config = config
        self._limit_s = limit_s
        self._happenings = Happenings(muted=muted)
        self._closed = False
        self._allowance, self._allowed_at_s = BURST, 0.0
        self._lock = threading.Lock()
        self._statistics = HookStatistics()
        self._waiting: deque[_Job] = deque()
        self._workers = 0
        self._processes: set[subprocess.Popen[bytes]] = set()

    def statistics(self) -> HookStatistics:
        """Counters since the start."""
        return replace(self._statistics, waiting=len(self._waiting))

    def configure(self, config: HooksConfig) -> None:
        """These commands from now on."""
        self._config = config

    def close(self) -> None:
        """End those that run."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            for process in self._processes:
                _end(process)

    def write(self, now_s: float, what: ev.Event | fx.Effect) -> None:
        """Take note of one event or effect, at a time on the monotonic clock."""
        for name, about in self._happenings.of(what):
            self.run(now_s, name, about)

    def run(self, now_s: float, name: str, about: Mapping[str, object]) -> None:
        """Start the command for this, if there is one; returns at once."""
        command = getattr(self._config, name)
        if not command:
            return
        values = {f"HOOK_{key.upper()}": one_line(str(value), TEXT) for key, value in about.items()}
        with self._lock:
            if not self._may_come(now_s):
                self._count(skipped=1)
                return
            self._waiting.append(_Job(name, command, {**os.environ, "HOOK_EVENT": name, **values}))
            if self._workers == AT_ONCE:
                return
            self._workers += 1
        threading.Thread(target=self._work, name="hook", daemon=True).start()

    # --- one command, in its thread ---------------------------------------------------------------------------------

    def _may_come(self, now_s: float) -> bool:
        self._allowance = min(BURST, self._allowance + (now_s - self._allowed_at_s) * PER_S)
        self._allowed_at_s = now_s
        if len(self._waiting) >= WAITING or self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._workers -= 1
                    return
                job = self._waiting.popleft()
                self._count(running=1, started=1)
            fault, said, late = self._outcome(job)
            if fault:
                log.warning("hook %s %s%s", job.name, fault, f": {said}" if said else "")
            elif said:
                log.info("hook %s: %s", job.name, said)
            with self._lock:
                self._count(running=-1, failed=int(bool(fault)), late=int(late))

    def _outcome(self, job: _Job) -> tuple[str, str, bool]:
        """What was wrong with it, the last line that it wrote, and whether it took too long."""
        try:
            code, said = self._lived(job)
        except OSError as error:
            return f"cannot be started: {error.strerror}", "", False
        except ValueError as error:
            # A quote that is not closed, or a zero byte.
            return f"cannot be started: {error}", "", False
        lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
        last = one_line(lines[-1]) if lines else ""
        if code is None:
            return f"took longer than {self._limit_s:g} s and was ended", last, True
        if code < 0:
            return f"was ended by signal {-code}", last, False
        return f"ended with exit code {code}" if code else "", last, False

    def _lived(self, job: _Job) -> tuple[int | None, bytes]:
        """Its exit code, or None when it took too long; and the end of what it wrote."""
        with subprocess.Popen(
            _words(job.command),
            env=job.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,
        ) as process:
            with self._lock:
                self._processes.add(process)
                limit_s = 0.0 if self._closed else self._limit_s
            said, in_time = _heard(process, time.monotonic() + limit_s)
            _end(process)
            with self._lock:
                self._processes.discard(process)
        return process.returncode if in_time else None, said

    def _count(self, **more: int) -> None:
        """Under the lock."""
        now = self._statistics
        self._statistics = replace(now, **{name: getattr(now, name) + count for name, count in more.items()})


def _words(command: str) -> list[str]:
    """Its program and arguments, without the priority that the service gives to sound.

    To take that away once it runs is too late for a short one, and without it this thread would hold all up in fork.
    """
    program, *arguments = shlex.split(command)
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    lower = ["nice", "-n", str(-ours), "--"] if ours < 0 else []
    return [*lower, str(expanded(program)), *arguments]


def _heard(process: subprocess.Popen[bytes], until_s: float) -> tuple[bytes, bool]:
    """The end of what it wrote, and whether it ended in time. What it left behind is not waited for."""
    said, pipe = b"", process.stdout.fileno() if process.stdout else -1
    os.set_blocking(pipe, False)
    while time.monotonic() < until_s:
        over, new = _is_over(process), b""
        with suppress(BlockingIOError):
            new = os.read(pipe, _READ_BYTES)
        said = (said + new)[-_SAID_BYTES:]
        if over:
            return said, True
        time.sleep(_FLOOD_S if len(new) == _READ_BYTES else _LOOK_S)
    return said, False


def _is_over(process: subprocess.Popen[bytes]) -> bool:
    """It ended; it is not waited for yet, so that nobody else has its number."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end(process: subprocess.Popen[bytes]) -> None:
    """It and all that it started, unless they made themselves independent."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
