"""ALSA: the only place that imports alsaaudio, and where its one exception becomes ours.

pyalsaaudio tells one failure from another by text alone: "strerror [pcm name]". Its open holds the interpreter lock,
and a frozen sound server or USB device can hold an open for half a minute; so a child process opens the device first,
and only a device that answered the child is opened here. The child also takes the complaints that libasound prints.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import alsaaudio

from satellite.config import MicrophoneConfig, SpeakerConfig
from satellite.core.audio import AudioFormat
from satellite.core.encoding import Encoding, decode, encode
from satellite.core.errors import DeviceLost, DeviceUnsupported
from satellite.core.ports import Captured
from satellite.device import kernel
from satellite.device.kernel import Direction
from satellite.device.rates import alsa_converts_well, rate_to_ask
from satellite.device.refusal import WORDS, reason, refusal

# Bluetooth and some USB devices need 1 to 2 s; a frozen server would need 30.
ANSWER_S = 4
FIRST_SOUND_S = 5.0
# A write that gets nowhere so often in a row never will.
_FUTILE_WRITES = 16
_DRAIN_MARGIN_S = 0.5
_NOTHING = Captured(b"")

_CHILD = """
import json, os, signal, sys
folder, device, direction, seconds, curious = sys.argv[1:]
sys.path.append(folder)
import alsaaudio
# Only now: a slow board needs a second to get here.
signal.alarm(int(seconds))
kind = alsaaudio.PCM_CAPTURE if direction == "capture" else alsaaudio.PCM_PLAYBACK
try:
    pcm = alsaaudio.PCM(kind, alsaaudio.PCM_NONBLOCK, device=device, rate=48000, channels=1, periodsize=1024)
    answer = {}
    if curious == "True":
        answer = {"formats": sorted(pcm.getformats()), "rates": pcm.getratebounds(), "listed": pcm.getrates(),
                  "channels": pcm.getchannels()[:32], "card": pcm.info()["card_no"]}
except alsaaudio.ALSAAudioError as error:
    answer = {"error": str(error)}
print(json.dumps(answer), flush=True)
os._exit(0)
"""


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a PCM can do. `card`: number of the card behind it, None where there is none."""

    formats: tuple[str, ...]
    rates_hz: tuple[int, ...]
    channels: tuple[int, ...]
    card: int | None


def library_version() -> str:
    """Of the system's alsa-lib."""
    return str(alsaaudio.asoundlib_version())


def pcm_names(direction: Direction) -> list[str]:
    """The PCMs that the ALSA configuration shows; it may know more."""
    kind = alsaaudio.PCM_CAPTURE if direction == "capture" else alsaaudio.PCM_PLAYBACK
    return list(alsaaudio.pcms(kind))


def probe(pcm: str, direction: Direction, answer_s: int = ANSWER_S) -> Abilities:
    """Open a PCM for a moment, in a child process, and ask it what it can do.

    Raises:
        DeviceError: it does not open, or does not answer in time.
    """
    can = _ask_child(pcm, direction, curious=True, answer_s=answer_s)
    card = can["card"] if can["card"] >= 0 else None
    return Abilities(tuple(can["formats"]), _rates(can["listed"], *can["rates"]), tuple(can["channels"]), card)


def check(pcm: str, direction: Direction, answer_s: int = ANSWER_S) -> None:
    """Raise DeviceError when a PCM does not open, or does not answer in time."""
    _ask_child(pcm, direction, curious=False, answer_s=answer_s)


def _ask_child(pcm: str, direction: Direction, *, curious: bool, answer_s: int) -> dict[str, Any]:
    folder = str(Path(alsaaudio.__file__).parent)
    command = [sys.executable, "-I", "-S", "-c", _CHILD, folder, pcm, direction, str(answer_s), str(curious)]
    # What libasound prints about a device that does not open is of no use to the owner.
    child = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
    )
    if child.returncode == -signal.SIGALRM:
        raise DeviceLost(f"{WORDS[direction]} {pcm} does not answer: its sound server or its driver hangs")
    if child.returncode:
        raise DeviceLost(f"{WORDS[direction]} {pcm} breaks the program that opens it (exit code {child.returncode})")
    answer: dict[str, Any] = json.loads(child.stdout)
    if "error" in answer:
        raise refusal(answer["error"], pcm, direction)
    return answer


def _rates(listed: Any, low: int, high: int) -> tuple[int, ...]:
    # One rate comes as a number, a continuous range as a pair, rates one by one as a list of more.
    if isinstance(listed, list) and len(listed) > 2:
        return tuple(listed)
    return tuple(rate for rate in kernel.STANDARD_RATES_HZ if low <= rate <= high) or (low,)


class AlsaSource:
    """A microphone. Its reads never wait.

    Args:
        pcm: ALSA's name of it.

    Raises:
        DeviceError: it cannot be opened, or delivers nothing that can be converted.
    """

    def __init__(self, pcm: str, config: MicrophoneConfig) -> None:
        self._name = pcm
        ask = _Ask(config.rate_hz, config.channels, config.period_ms, config.buffer_ms)
        self._pcm, self._granted = _open(pcm, "capture", alsaaudio.PCM_NONBLOCK, ask)

    @property
    def format(self) -> AudioFormat:
        return self._granted.format

    @property
    def first_sound_s(self) -> float:
        return FIRST_SOUND_S

    @property
    def period_s(self) -> float:
        return self._granted.period_frames / self._granted.format.rate_hz

    @property
    def buffer_s(self) -> float:
        return self._granted.buffer_frames / self._granted.format.rate_hz

    @property
    def description(self) -> str:
        return f"{self._name}: {self._granted}"

    def read(self) -> Captured:
        if self._pcm is None:
            raise DeviceLost(f"microphone {self._name} is closed")
        try:
            count, data = self._pcm.read()
        except alsaaudio.ALSAAudioError as error:
            if _interrupted(error):
                return _NOTHING
            raise _loss(error, self._name, "capture") from None
        if count < 0:
            return Captured(b"", overrun=True)
        return Captured(data if self._granted.encoding is Encoding.S16 else self._granted.narrowed(data))

    def close(self) -> None:
        pcm, self._pcm = self._pcm, None
        if pcm:
            pcm.close()


class AlsaSink:
    """A speaker. Its writes wait for room, without holding the interpreter lock.

    Writing blocks because a card opened without blocking loses the tail of the sound at its close.

    Args:
        pcm: ALSA's name of it.

    Raises:
        DeviceError: it cannot be opened, or takes nothing that can be converted to.
    """

    def __init__(self, pcm: str, config: SpeakerConfig) -> None:
        self._name = pcm
        ask = _Ask(config.rate_hz, config.channels, config.period_ms, config.buffer_ms)
        self._pcm, self._granted = _open(pcm, "playback", alsaaudio.PCM_NORMAL, ask)
        self._underruns = 0
        # Of a card that was dropped or lost, some plugins tell the position that it had.
        self._moves = False

    @property
    def format(self) -> AudioFormat:
        return self._granted.format

    @property
    def period_frames(self) -> int:
        return self._granted.period_frames

    @property
    def description(self) -> str:
        return f"{self._name}: {self._granted}"

    @property
    def may_hang(self) -> bool:
        return True

    def give_up(self) -> None:
        pass

    @property
    def underruns(self) -> int:
        return self._underruns

    def write(self, pcm: bytes) -> None:
        rest = memoryview(self._granted.widened(pcm))
        futile = 0
        while rest:
            written = self._write_some(rest)
            if written > 0:
                futile = 0
                rest = rest[written * self._granted.frame_bytes :]
                continue
            futile += 1
            if futile == _FUTILE_WRITES:
                raise DeviceLost(f"speaker {self._name} takes no sound: it runs dry again and again")

    def _write_some(self, data: memoryview) -> int:
        try:
            written: int = self._open_pcm().write(data)
        except alsaaudio.ALSAAudioError as error:
            if _interrupted(error):
                return 0
            self._moves = False
            raise _loss(error, self._name, "playback") from None
        self._underruns += written < 0
        self._moves = True
        return written

    def queued_frames(self) -> int:
        if not self._moves:
            return 0
        available: int = self._open_pcm().avail()
        if available == -errno.EPIPE:
            # It ran dry: all was heard.
            return 0
        if available < 0:
            self._moves = False
            raise DeviceLost(f"speaker {self._name} failed: {os.strerror(-available)}")
        return max(0, self._granted.buffer_frames - available)

    def drop(self) -> None:
        self._moves = False
        try:
            self._open_pcm().drop()
        except alsaaudio.ALSAAudioError as error:
            raise _loss(error, self._name, "playback") from None

    def drain(self) -> None:
        # ALSA's own drain waits for ever on a card that stands still.
        rate_hz = self._granted.format.rate_hz
        deadline_s = time.monotonic() + self.queued_frames() / rate_hz + _DRAIN_MARGIN_S
        while (queued := self.queued_frames()) and time.monotonic() < deadline_s:
            time.sleep(min(queued, self._granted.period_frames) / rate_hz)
        self.drop()

    def close(self) -> None:
        pcm, self._pcm = self._pcm, None
        if pcm:
            # close() plays out what is queued first, unless it was dropped.
            with contextlib.suppress(alsaaudio.ALSAAudioError):
                pcm.drop()
            pcm.close()

    def _open_pcm(self) -> Any:
        if self._pcm is None:
            raise DeviceLost(f"speaker {self._name} is closed")
        return self._pcm


@dataclass(frozen=True, slots=True)
class _Ask:
    rate_hz: int
    channels: int
    period_ms: float
    buffer_ms: float


@dataclass(frozen=True, slots=True)
class _Granted:
    format: AudioFormat
    encoding: Encoding
    period_frames: int
    buffer_frames: int

    @property
    def frame_bytes(self) -> int:
        return self.format.channels * self.encoding.width_bytes

    def narrowed(self, data: bytes) -> bytes:
        return decode(data, self.encoding).tobytes()

    def widened(self, pcm: bytes) -> bytes:
        return pcm if self.encoding is Encoding.S16 else encode(decode(pcm, Encoding.S16), self.encoding)

    def __str__(self) -> str:
        ms = 1000 / self.format.rate_hz
        return (
            f"{self.format.rate_hz} Hz, {self.format.channels} channel(s), {self.encoding}, "
            f"period {self.period_frames * ms:.0f} ms, buffer {self.buffer_frames * ms:.0f} ms"
        )


def _open(pcm: str, direction: Direction, mode: int, ask: _Ask) -> tuple[Any, _Granted]:
    check(pcm, direction)
    asked_hz = rate_to_ask(
        pcm, ask.rate_hz, lambda bare: probe(bare, direction).rates_hz, converts_well=alsa_converts_well()
    )
    handle = _open_at(pcm, direction, mode, ask, asked_hz)
    rate_hz = handle.info()["rate"]
    if rate_hz != asked_hz:
        # The period is asked for in frames: ask again, in frames of the rate that the card has.
        handle.close()
        handle = _open_at(pcm, direction, mode, ask, rate_hz)
    return handle, _granted(handle.info(), pcm, direction)


def _open_at(pcm: str, direction: Direction, mode: int, ask: _Ask, rate_hz: int) -> Any:
    try:
        return alsaaudio.PCM(
            alsaaudio.PCM_CAPTURE if direction == "capture" else alsaaudio.PCM_PLAYBACK,
            mode,
            device=pcm,
            rate=rate_hz,
            channels=ask.channels,
            format=alsaaudio.PCM_FORMAT_S16_LE,
            periodsize=round(rate_hz * ask.period_ms / 1000),
            periods=max(2, round(ask.buffer_ms / ask.period_ms)),
        )
    except alsaaudio.ALSAAudioError as error:
        raise refusal(str(error), pcm, direction) from None


def _granted(info: Mapping[str, Any], pcm: str, direction: Direction) -> _Granted:
    # ALSA grants another format without a word: what it granted is all that counts.
    try:
        encoding = Encoding(info["format_name"])
    except ValueError:
        raise DeviceUnsupported(
            f"{WORDS[direction]} {pcm} has samples of type {info['format_name']}, which cannot be converted: "
            f"name it through ALSA's converter, as plughw:... instead of hw:..."
        ) from None
    form = AudioFormat(info["rate"], info["channels"], 2)
    return _Granted(form, encoding, info["period_size"], info["buffer_size"])


def _interrupted(error: Exception) -> bool:
    return str(error).startswith("Interrupted system call")


def _loss(error: Exception, pcm: str, direction: Direction) -> DeviceLost:
    return DeviceLost(f"{WORDS[direction]} {pcm} failed: {reason(str(error))}")
