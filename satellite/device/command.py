"""Any program as a microphone or a speaker: raw 16-bit PCM through a pipe, as arecord and aplay speak it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import shlex
import signal
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path
from typing import IO

from satellite.config import MicrophoneConfig, SpeakerConfig
from satellite.core.audio import AudioFormat
from satellite.core.errors import DeviceDenied, DeviceLost, DeviceNotFound, DeviceUnsupported
from satellite.core.ports import Captured
from satellite.device.pacing import PlayClock

# How long a program gets to end by itself, and how long the machine gets to end one: that is sure to come.
_GRACE_S, _KILLED_S = 0.2, 2.0
# How long a program may take to start, or to connect: one in Python needs five seconds on a small board.
START_S = 20.0
# How long a speaker program may refuse sound after that.
REFUSAL_S = 2.0
# How soon one that waits for it sees that it is given up.
_LOOK_S = 0.1
_READ_BYTES = 64 * 1024
_LAST_WORDS_BYTES = 4096


class CommandSource:
    """A microphone that is a program's standard output.

    Args:
        command: the program and its arguments as in a shell, without a shell; {rate} and {channels} are replaced.

    Raises:
        DeviceError: the program cannot be started.
    """

    def __init__(self, command: str, config: MicrophoneConfig) -> None:
        self._format = AudioFormat(config.rate_hz, config.channels, 2)
        self._period_s = config.period_ms / 1000
        self._program = _Program(command, self._format, stdout=subprocess.PIPE)
        self._pipe = self._program.output.fileno()
        os.set_blocking(self._pipe, False)
        self._rest = b""

    @property
    def format(self) -> AudioFormat:
        return self._format

    @property
    def first_sound_s(self) -> float:
        return START_S

    @property
    def period_s(self) -> float:
        return self._period_s

    @property
    def buffer_s(self) -> float:
        return fcntl.fcntl(self._pipe, fcntl.F_GETPIPE_SZ) / self._format.second_bytes

    @property
    def description(self) -> str:
        return f"{self._program.text} ({self._format})"

    def read(self) -> Captured:
        if self._program.closed:
            raise DeviceLost(f"{self._program.name} is closed")
        try:
            data = os.read(self._pipe, _READ_BYTES)
        except BlockingIOError:
            return Captured(b"", self._program.overran())
        if not data:
            raise DeviceLost(self._program.farewell())
        joined = self._rest + data
        whole = len(joined) - len(joined) % self._format.frame_bytes
        self._rest = joined[whole:]
        return Captured(joined[:whole])

    def close(self) -> None:
        self._program.stop()


class CommandSink:
    """A speaker that is a program's standard input.

    A pipe does not tell how much of it has been heard: a clock stands for the card, and no more than the configured
    buffer is written ahead of it. What the program itself holds back (aplay: its --buffer-time) comes on top, unknown
    to us. To be silent at once, the program is ended, and started again by the next write.

    Args:
        command: as for CommandSource.
        start_s: how long it may take until it takes its first sound.
        refusal_s: how long it may take nothing later on.

    Raises:
        DeviceError: the program cannot be started.
    """

    def __init__(
        self, command: str, config: SpeakerConfig, *, start_s: float = START_S, refusal_s: float = REFUSAL_S
    ) -> None:
        self._format = AudioFormat(config.rate_hz, config.channels, 2)
        self._period_frames = round(config.rate_hz * config.period_ms / 1000)
        self._buffer_frames = round(config.rate_hz * config.buffer_ms / 1000)
        self._command = command
        self._start_s, self._refusal_s = start_s, refusal_s
        self._given_up = threading.Event()
        self._clock = PlayClock(config.rate_hz)
        self._program = self._start()
        self._dropped = False

    @property
    def format(self) -> AudioFormat:
        return self._format

    @property
    def period_frames(self) -> int:
        return self._period_frames

    @property
    def description(self) -> str:
        return f"{self._program.text} ({self._format})"

    @property
    def may_hang(self) -> bool:
        return False

    def give_up(self) -> None:
        self._given_up.set()

    @property
    def underruns(self) -> int:
        return self._clock.underruns

    def write(self, pcm: bytes) -> None:
        if self._dropped:
            self._program = self._start()
            self._dropped = False
        frames = len(pcm) // self._format.frame_bytes
        ahead = self._clock.queued + frames - self._buffer_frames
        if ahead > 0 and self._clock.queued:
            time.sleep(min(ahead, self._clock.queued) / self._format.rate_hz)
        self._program.send(pcm, self._start_s, self._refusal_s, self._given_up)
        self._clock.wrote(frames)

    def queued_frames(self) -> int:
        return self._clock.queued

    def drop(self) -> None:
        self._clock.rest()
        self._program.stop()
        self._dropped = True

    def drain(self) -> None:
        time.sleep(self._clock.queued / self._format.rate_hz)
        self._clock.rest()

    def close(self) -> None:
        self._program.stop()

    def _start(self) -> _Program:
        program = _Program(self._command, self._format, stdin=subprocess.PIPE)
        program.hold_at_most(self._buffer_frames * self._format.frame_bytes)
        return program


class _Program:
    """A running program in a process group of its own, and what it last said on its standard error."""

    def __init__(
        self, command: str, form: AudioFormat, stdin: int = subprocess.DEVNULL, stdout: int = subprocess.DEVNULL
    ) -> None:
        self.text = " ".join(command.split())
        arguments = _arguments(command, form)
        self.name = Path(arguments[0]).name
        self.closed = False
        self._sent_bytes = 0
        self._said = b""
        try:
            self._process = subprocess.Popen(
                arguments, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, bufsize=0, start_new_session=True
            )
        except FileNotFoundError:
            raise DeviceNotFound(
                f"there is no program {arguments[0]}: install it, or correct the device's name"
            ) from None
        except OSError as error:
            raise DeviceDenied(f"{arguments[0]} cannot be started: {error.strerror}") from None
        os.set_blocking(_open(self._process.stderr).fileno(), False)

    @property
    def output(self) -> IO[bytes]:
        return _open(self._process.stdout)

    def hold_at_most(self, size: int) -> None:
        """Make the pipe to the program small: what lies in it can still be heard after a stop."""
        pipe = _open(self._process.stdin).fileno()
        os.set_blocking(pipe, False)
        # The kernel rounds up to pages, and may refuse when the user has too many pipes: then it stays large.
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, size)

    def send(self, data: bytes, start_s: float, refusal_s: float, given_up: threading.Event) -> None:
        """Write all of it.

        Raises:
            DeviceLost: the program ends, or takes nothing for so long, at first or later, or until it is given up.
        """
        if self.closed:
            raise DeviceLost(f"{self.name} is closed")
        pipe = _open(self._process.stdin).fileno()
        rest = memoryview(data)
        while rest:
            try:
                sent = os.write(pipe, rest)
                self._sent_bytes += sent
                rest = rest[sent:]
            except BlockingIOError:
                patience_s = refusal_s if _unread_bytes(pipe) < self._sent_bytes else start_s
                if not _room_within(patience_s, pipe, given_up):
                    raise DeviceLost(f"{self.name} takes no sound") from None
            except BrokenPipeError:
                raise DeviceLost(self.farewell()) from None
        self._listen()

    def overran(self) -> bool:
        """It said so (arecord: "overrun!!!") since the last call."""
        return b"overrun" in self._listen()

    def farewell(self) -> str:
        """How it ended, with its last words."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_KILLED_S)
        self._listen()
        lines = [line.strip() for line in self._said.decode(errors="replace").splitlines() if line.strip()]
        return f"{self.name} {_end(self._process.returncode)}" + (f": {lines[-1]}" if lines else "")

    def stop(self) -> None:
        """End it and all that it started, within _GRACE_S, or a little later on a busy machine. Twice is harmless."""
        if self.closed:
            return
        self.closed = True
        for how, patience_s in ((signal.SIGTERM, _GRACE_S), (signal.SIGKILL, _KILLED_S)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(patience_s)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe:
                pipe.close()

    def _listen(self) -> bytes:
        heard = b""
        with contextlib.suppress(BlockingIOError):
            heard = os.read(_open(self._process.stderr).fileno(), _READ_BYTES)
        self._said = (self._said + heard)[-_LAST_WORDS_BYTES:]
        return heard


def _arguments(command: str, form: AudioFormat) -> list[str]:
    try:
        arguments = shlex.split(command)
    except ValueError as error:
        raise DeviceUnsupported(f"command:{command}: {error}") from None
    if not arguments:
        raise DeviceNotFound("command: names no program")
    values = {"{rate}": str(form.rate_hz), "{channels}": str(form.channels)}
    for placeholder, value in values.items():
        arguments = [argument.replace(placeholder, value) for argument in arguments]
    return arguments


def _room_within(patience_s: float, pipe: int, given_up: threading.Event) -> bool:
    deadline_s = time.monotonic() + patience_s
    while not given_up.is_set() and time.monotonic() < deadline_s:
        if select.select([], [pipe], [], min(_LOOK_S, patience_s))[1]:
            return True
    return False


def _unread_bytes(pipe: int) -> int:
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def _open(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise DeviceLost("the program has no such pipe")
    return pipe


def _end(code: int | None) -> str:
    if code is None:
        return "closed its pipe"
    return f"ended with exit code {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"
