"""The satellite in this process, with programs for devices: what its parts do to one another."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fakes_ha import FakeHomeAssistant

from satellite.app.dialogue import Observer
from satellite.app.health import dead_thread
from satellite.app.satellite import Satellite
from satellite.config import Config
from satellite.core import effects as fx
from satellite.core import events as ev
from satellite.core import messages as msg
from satellite.core.audio import Frame
from satellite.core.errors import ModelError, ServerError
from satellite.device.capture import Capture
from satellite.device.opening import open_source
from satellite.session import Phase
from satellite.state import State

WAKE = ev.WakeDetected("hey_jarvis", "Hey Jarvis", 0.9, 16_000, -55.0)


def config(folder: Path) -> Config:
    """No sound card, no models, no network but this machine."""
    plain = Config()
    return replace(
        plain,
        microphone=replace(plain.microphone, device="command:cat /dev/zero", aec="off"),
        speaker=replace(plain.speaker, device="none"),
        server=replace(plain.server, host="127.0.0.1", port=0),
        discovery=replace(plain.discovery, enabled=False),
        paths=replace(plain.paths, models=str(folder / "models")),
    )


def lived(
    folder: Path,
    story: Callable[[Satellite], Coroutine[Any, Any, None]],
    observe: Observer = lambda _now_s, _what: None,
) -> None:
    """Run a story with a satellite that serves and does not hear."""

    async def live() -> None:
        satellite = Satellite(config(folder), State(folder), observe)
        try:
            await satellite.serve()
            async with asyncio.timeout(20):
                await story(satellite)
        finally:
            await satellite.stop()

    asyncio.run(live())


async def until(fact: Callable[[], bool]) -> None:
    """Wait for it; the story has a deadline."""
    loop = asyncio.get_running_loop()
    true = loop.create_future()

    def look() -> None:
        if fact():
            true.set_result(None)
        else:
            loop.call_later(0.01, look)

    look()
    await true


def test_a_bug_in_one_effect_costs_neither_the_other_effects_nor_the_events_behind(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def observe(_now_s: float, what: ev.Event | fx.Effect) -> None:
        if isinstance(what, ev.DeviceReady | fx.TellServer):
            raise ZeroDivisionError

    async def story(satellite: Satellite) -> None:
        satellite.dialogue.inbox.post(ev.ServerConnected(1, "peer"))
        satellite.dialogue.inbox.post(ev.DeviceReady(ev.Device.SPEAKER, "there"))
        satellite.dialogue.inbox.post(WAKE)
        await until(lambda: satellite.dialogue.state.turn == 1)
        assert satellite.dialogue.bugs == 3
        assert satellite.dialogue.state.phase is Phase.REQUESTED

    lived(tmp_path, story, observe)
    assert "a bug; the conversation goes on" in caplog.text


def test_a_server_that_is_renewed_is_lost_to_the_conversation(tmp_path: Path) -> None:
    async def story(satellite: Satellite) -> None:
        async with FakeHomeAssistant(satellite.server.port) as ha:
            await ha.connected()
            await until(lambda: satellite.dialogue.state.connection is not None)
            settings = replace(satellite.config.server, allow=("127.0.0.1",))
            await satellite.reload(replace(satellite.config, server=settings))
            assert satellite.dialogue.state.connection is None
            satellite.dialogue.inbox.post(WAKE)
            await asyncio.sleep(0)
            assert satellite.dialogue.state.accept_by is None, "nobody is there to accept it"

    lived(tmp_path, story)


def test_a_port_that_is_taken_leaves_the_old_one_served_and_can_be_tried_again(tmp_path: Path) -> None:
    async def story(satellite: Satellite) -> None:
        before = satellite.config
        other = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
        taken = other.sockets[0].getsockname()[1]
        wanted = replace(
            before, server=replace(before.server, port=taken), satellite=replace(before.satellite, name="New")
        )
        with pytest.raises(ServerError):
            await satellite.reload(wanted)
        async with FakeHomeAssistant(satellite.server.port) as ha:
            assert (await ha.describe())["satellite"]["name"] == "New"
        other.close()
        await other.wait_closed()
        await satellite.reload(wanted)
        assert satellite.server.port == taken

    lived(tmp_path, story)


def test_a_model_that_is_missing_leaves_all_as_it_was(tmp_path: Path) -> None:
    async def story(satellite: Satellite) -> None:
        before = satellite.config
        with pytest.raises(ModelError):
            await satellite.reload(replace(before, command=replace(before.command, max_s=10.0)))
        assert satellite.config is before
        assert satellite.dialogue.state.max_s == before.command.max_s

    lived(tmp_path, story)


def test_a_speaker_and_a_server_that_hang_are_left_together_not_one_after_the_other(tmp_path: Path) -> None:
    took_s: list[float] = []

    async def story(satellite: Satellite) -> None:
        speaker = replace(satellite.config.speaker, device="command:sleep 60")
        await satellite.reload(replace(satellite.config, speaker=speaker))
        _, writer = await asyncio.open_connection("127.0.0.1", satellite.server.port)
        writer.transport.pause_reading()
        writer.write(b'{"type": "run-satellite"}\n{"type": "audio-start"}\n')
        writer.write(b'{"type": "audio-chunk", "payload_length": 1000000}\n' + bytes(1_000_000))
        await until(lambda: satellite.playback.statistics().hung_s > 0.2)
        for _ in range(30):
            satellite.server.tell(msg.MicAudio(bytes(32_000)))
            await asyncio.sleep(0)
        began_s = asyncio.get_running_loop().time()
        await satellite.stop()
        took_s.append(asyncio.get_running_loop().time() - began_s)
        writer.close()

    # Each takes a second. What other programs add to it is not ours: once is enough.
    while min(took_s, default=2.0) >= 1.8 and len(took_s) < 5:
        lived(tmp_path, story)
    assert min(took_s) < 1.8, took_s


class Broken:
    """Ears with a bug."""

    def feed(self, frame: Frame, settings: fx.ListenSettings, playing: bool) -> list[ev.Event]:
        raise ZeroDivisionError

    def lost(self, count: int, cause: str) -> list[ev.Event]:
        return []

    def took(self, samples: int, ms: float) -> list[ev.Event]:
        return []

    def flush(self) -> list[ev.Event]:
        return []


def started(number: str, seconds: float) -> ev.TimerChanged:
    return ev.TimerChanged("started", number, {"total_seconds": seconds})


class SlowState(State):
    """On a card that takes its time."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.writes, self.at_last = 0, threading.Event()

    def save(self) -> None:
        self.writes += 1
        in_time = self.at_last.wait(20)
        self.at_last.set()
        assert in_time
        super().save()


def test_a_flood_of_timers_and_a_slow_card_hold_no_event_up_and_the_last_timer_is_kept(tmp_path: Path) -> None:
    async def live() -> None:
        memory = SlowState(tmp_path)
        satellite = Satellite(config(tmp_path), memory)
        await satellite.serve()
        try:
            async with asyncio.timeout(20):
                satellite.dialogue.handle(ev.ServerConnected(1, "peer"))
                satellite.dialogue.handle(started("first", 60))
                await until(lambda: memory.writes == 1)
                for count in range(1_000):
                    satellite.dialogue.handle(started(str(count % 8), 60 + count))
        finally:
            memory.at_last.set()
            await satellite.stop()
        assert memory.writes == 2

    asyncio.run(live())
    kept = {timer["id"]: timer["left_s"] for timer in State(tmp_path).timers}
    assert len(kept) == 9
    assert kept["7"] > 900


def test_a_thread_that_a_bug_has_ended_is_found(tmp_path: Path) -> None:
    async def story(satellite: Satellite) -> None:
        assert dead_thread(satellite) == ""
        microphone = satellite.config.microphone
        source = partial(open_source, microphone)
        satellite.capture = Capture(source, microphone, Broken(), satellite.dialogue.inbox.post, lambda: False)
        satellite.capture.start()
        await until(lambda: dead_thread(satellite) == "capture")

    lived(tmp_path, story)
