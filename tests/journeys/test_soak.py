"""A long life: nothing grows, and no command is lost.

SOAK_TURNS and SOAK_HOURS in the environment make it shorter or longer.
"""

from __future__ import annotations

import gc
import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pytest
from journeys.box import RATE_HZ, clip, quiet
from journeys.conftest import Home
from journeys.faults import spoken
from journeys.test_faults import HOME, full_turn

from satellite import session
from satellite.app import build
from satellite.config import Config
from satellite.core import effects as fx
from satellite.core import events as ev
from satellite.core import messages as msg
from satellite.core.audio import Frame, Int16
from satellite.listen.listener import Listener
from satellite.session import Phase

RunHome = Callable[..., None]
pytestmark = [pytest.mark.long, pytest.mark.timeout(3 * 3600)]
TURNS = int(os.environ.get("SOAK_TURNS", "2000"))
HOURS = float(os.environ.get("SOAK_HOURS", "24"))
# 2,000 turns in 24 hours.
EVERY_S = 43.2
WARM_TURNS = 100
MOST_GROWTH_BYTES = 1 << 20


@dataclass(frozen=True)
class Usage:
    """What a process has."""

    rss_bytes: int
    threads: int
    descriptors: int

    @classmethod
    def of(cls, pid: int) -> Self:
        """Now."""
        process = Path(f"/proc/{pid}")
        rss_bytes = int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return cls(rss_bytes, len(list((process / "task").iterdir())), len(list((process / "fd").iterdir())))


def has_not_grown(first: Usage, last: Usage) -> str:
    """Hold it to the bounds: the line to show."""
    grown = last.rss_bytes - first.rss_bytes
    assert grown < MOST_GROWTH_BYTES
    assert last.threads <= first.threads
    assert last.descriptors <= first.descriptors + 1, "one for who asks for the status or the info just now"
    return (
        f"memory {first.rss_bytes} bytes after {WARM_TURNS} turns, {grown} more in the end (of {MOST_GROWTH_BYTES}); "
        f"threads {first.threads} and {last.threads}, descriptors {first.descriptors} and {last.descriptors}"
    )


def test_thousands_of_turns_of_the_whole_satellite_cost_no_memory(home: RunHome, show: Callable[[str], None]) -> None:
    async def story(home: Home) -> None:
        first = Usage.of(home.box.pid)
        for turn in range(1, TURNS + 1):
            await full_turn(home, turn)
            home.ha.received.clear()
            home.ha.runs.clear()
            home.cards.forget_heard()
            home.box.log.clear()
            home.say(quiet(1.0))
            if turn == min(WARM_TURNS, TURNS // 2):
                first = Usage.of(home.box.pid)
        status = await home.box.status()
        assert status["turns"] == TURNS
        assert home.ha.lost == []
        assert status["inbox"]["events_dropped"] == status["inbox"]["speech_bytes_dropped"] == 0
        show(f"{TURNS} turns of the whole satellite: {has_not_grown(first, Usage.of(home.box.pid))}")

    home(story, **HOME)


class Centre:
    """Listener and session without device, socket and clock: time is what has been heard."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._state = session.State()
        self._settings = fx.ListenSettings()
        self._deadline_s: float | None = None
        self._played: deque[tuple[float, ev.Event]] = deque()
        self._replies: deque[ev.Event] = deque([ev.ServerConnected(1, "peer")])
        self.samples = 0
        self.commands: list[bytes] = []
        self._pcm = bytearray()

    def hear(self, sound: Int16) -> None:
        """All of it, as fast as it goes."""
        for at in range(0, len(sound), 1280):
            piece = sound[at : at + 1280]
            events = self._listener.feed(Frame(piece, self.samples), self._settings, bool(self._played))
            self.samples += len(piece)
            self._replies.extend(events)
            while self._played and self._played[0][0] <= self._now_s:
                self._replies.append(self._played.popleft()[1])
            if self._deadline_s is not None and self._deadline_s <= self._now_s:
                self._replies.append(ev.Tick())
            while self._replies:
                self._step(self._replies.popleft())

    @property
    def idle(self) -> bool:
        """Nothing is under way."""
        return self._state.phase is Phase.IDLE

    @property
    def _now_s(self) -> float:
        return self.samples / RATE_HZ

    def _step(self, event: ev.Event) -> None:
        self._state, effects, self._deadline_s = session.step(self._state, event, self._now_s)
        for effect in effects:
            match effect:
                case fx.ListenFor(command, muted):
                    self._settings = fx.ListenSettings(command, muted)
                case fx.TellServer(message):
                    self._serve(message)
                case fx.PlayEnd(source):
                    self._played.append((self._now_s + 1.0, ev.PlaybackFinished(source)))

    def _serve(self, message: msg.Message) -> None:
        match message:
            case msg.RunPipeline():
                self._replies.append(ev.Transcribing())
            case msg.MicAudio(pcm):
                self._pcm += pcm
            case msg.MicStop():
                self.commands.append(bytes(self._pcm))
                self._pcm.clear()
                answer = ev.AnswerStarted(22_050, 1, 2), ev.AnswerAudio(bytes(44_100)), ev.AnswerEnded()
                self._replies.extend((ev.TranscriptReceived("x"), *answer))


def test_a_day_of_listening_costs_no_memory_and_no_command_is_lost(show: Callable[[str], None]) -> None:
    centre, room, turn, began_s = Centre(build.listener(Config())), quiet(120), 0, time.monotonic()
    first = Usage.of(os.getpid())
    while centre.samples < HOURS * 3600 * RATE_HZ:
        turn += 1
        sound = spoken(turn)
        said = np.concatenate([clip("hey_jarvis"), quiet(0.3), sound])
        rest = round(EVERY_S * RATE_HZ) - len(said)
        centre.hear(np.concatenate([said, np.roll(room, 7_919 * turn)[:rest]]))
        assert len(centre.commands) == 1, f"turn {turn}"
        assert sound.tobytes() in centre.commands.pop(), f"turn {turn}"
        assert centre.idle
        if turn == min(WARM_TURNS, round(HOURS * 3600 / EVERY_S / 2)):
            gc.collect()
            first = Usage.of(os.getpid())
    gc.collect()
    hours = f"{centre.samples / RATE_HZ / 3600:.2f} hours, {turn} turns, in {time.monotonic() - began_s:.0f} s"
    show(f"{hours}: {has_not_grown(first, Usage.of(os.getpid()))}")
