"""A small Home Assistant: a TCP client that treats a satellite as the real one does, and writes down what it gets.

It speaks through the wyoming package's own reader and writer, as the real one does, so that our frames are read by
code that is not ours.

    async with FakeHomeAssistant(port, on_stream=script) as ha:
        await ha.wait_for("played")

`script` is called for every accepted run, and is cancelled by the next one, a mute, or the end of the connection:

    async def script(ha: FakeHomeAssistant) -> None:
        await ha.stream_ended()
        await ha.transcript("turn on the light")
        await ha.answer("Done", pcm)
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Self

from fakes_ha_notes import Notebook, Received, Run
from wyoming.event import Event, async_read_event, async_write_event

CHUNK_BYTES = 2048
ANSWER_RATE_HZ = 22_050


@dataclass(frozen=True)
class Habits:
    """What the real one does when; `faster` makes all of it quicker for tests."""

    ping_after_s: float = 2.0
    silence_limit_s: float = 5.0
    restart_after_s: float = 3.0
    reconnect_after_s: float = 10.0
    info_limit_s: float = 5.0
    transcribe_after_s: float = 0.005
    describe_every_s: float = 30.0
    announce_extra_s: float = 0.5
    duplicate_s: float = 2.0
    setup_describes: int = 2
    transcribes: bool = True
    refuses_duplicates: bool = True

    def faster(self, times: float) -> Habits:
        """All waits divided; what a satellite must keep to (silence, info) is not."""
        return replace(
            self,
            ping_after_s=self.ping_after_s / times,
            restart_after_s=self.restart_after_s / times,
            reconnect_after_s=self.reconnect_after_s / times,
            describe_every_s=self.describe_every_s / times,
        )


class FakeHomeAssistant(Notebook):
    """The satellite's server. What it got, and how to wait for it: see Notebook.

    Args:
        on_stream: called for every run that is accepted; whatever ends the run from outside cancels it.
    """

    def __init__(
        self,
        port: int,
        *,
        host: str = "127.0.0.1",
        habits: Habits | None = None,
        on_stream: Callable[[FakeHomeAssistant], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__()
        self.host, self.port = host, port
        self.habits = habits or Habits()
        self.on_stream = on_stream
        self._frozen = False
        self._phrase: str | None = None
        self._woke = False
        self._phrases_heard: dict[str, float] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._half_open: list[asyncio.StreamWriter] = []
        self._script: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._patience = asyncio.Timeout(None)
        self._unmuted = asyncio.Event()
        self._unmuted.set()

    async def __aenter__(self) -> Self:
        self.began_s = asyncio.get_running_loop().time()
        self._spawn(self._live())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._half_open:
            writer.transport.abort()
        await self._leave()
        if self.failure is not None and kind is None:
            raise self.failure

    @property
    def address(self) -> str:
        """Of our end of the long connection, as the satellite names it; "" while there is none."""
        if self._writer is None or self._writer.is_closing():
            return ""
        host, port = self._writer.get_extra_info("sockname")[:2]
        return f"{host}:{port}"

    # --- what it says -------------------------------------------------------------------------------------------------

    async def send(self, kind: str, data: dict[str, Any] | None = None, payload: bytes | None = None) -> None:
        """Any event, on the long connection.

        Raises:
            ConnectionError: there is none.
        """
        if self._writer is None or self._writer.is_closing():
            raise ConnectionResetError("not connected")
        await async_write_event(Event(kind, data or {}, payload), self._writer)

    async def wake(self, name: str) -> None:
        """Our wake word engine heard it in the run that began with it: now we transcribe."""
        assert self.run.from_wake
        self._woke = True
        await self.send("detection", {"name": name, "timestamp": round(self.run.seconds * 1000)})
        await self.send("transcribe", {"language": "en"})

    async def voice_stopped(self) -> None:
        """Our detector found the end of the speech."""
        await self.send("voice-stopped", {"timestamp": round(self.run.seconds * 1000)})

    async def transcript(self, text: str) -> None:
        """What was understood; the run takes no more sound."""
        self._end_run("transcript")
        self.state = "processing"
        await self.send("transcript", {"text": text})

    async def error(self, code: str, text: str = "it failed") -> None:
        """The pipeline failed."""
        self._end_run("error")
        self.state = "idle"
        await self.send("error", {"text": text, "code": code})

    async def answer(self, text: str, pcm: bytes, rate_hz: int = ANSWER_RATE_HZ) -> None:
        """Text and speech, unpaced."""
        self.state = "responding"
        await self.send("synthesize", {"text": text, "voice": {"language": "en"}})
        await self.speak(pcm, rate_hz)

    async def speak(self, pcm: bytes, rate_hz: int = ANSWER_RATE_HZ, width: int = 2, channels: int = 1) -> None:
        """Sound in pieces of 2048 bytes, as fast as the socket takes them."""
        sound = {"rate": rate_hz, "width": width, "channels": channels}
        await self.send("audio-start", {**sound, "timestamp": 0})
        for at in range(0, len(pcm), CHUNK_BYTES):
            milliseconds = 1000 * at // (rate_hz * width * channels)
            await self.send("audio-chunk", {**sound, "timestamp": milliseconds}, pcm[at : at + CHUNK_BYTES])
        await self.send("audio-stop", {"timestamp": None})

    async def announce(self, pcm: bytes) -> bool:
        """Sound without a run. Waits for `played`, hardly longer than the sound lasts: whether it came."""
        self._cancel_run("announcement")
        played, patience_s = len(self.of("played")), len(pcm) / (2 * ANSWER_RATE_HZ) + self.habits.announce_extra_s
        self.state = "responding"
        await self.speak(pcm)
        with contextlib.suppress(AssertionError):
            await self.wait_for("played", played + 1, within_s=patience_s)
        return len(self.of("played")) > played

    async def timer(self, kind: str, number: str, **data: object) -> None:
        """timer-started, -updated, -cancelled, -finished."""
        await self.send(f"timer-{kind}", {"id": number, **data})

    # --- what it does to connections ----------------------------------------------------------------------------------

    async def mute(self) -> None:
        """pause-satellite; then neither read nor ping, and leave the connection open."""
        self._cancel_run("paused")
        self._unmuted.clear()
        await self.send("pause-satellite")
        self.freeze()

    def unmute(self) -> None:
        """Close the unread connection and come back on a new one at once."""
        self._unmuted.set()
        self.hang_up()

    def freeze(self) -> None:
        """Neither read nor ping any more, and never close: the power was cut, or the network."""
        assert self._writer is not None
        self._cancel_run("frozen")
        self._frozen = True
        with contextlib.suppress(RuntimeError):  # it is not reading just now
            self._patience.reschedule(None)
        assert isinstance(self._writer.transport, asyncio.Transport)
        self._writer.transport.pause_reading()

    def vanish(self) -> None:
        """The network is cut; later it comes back on another connection, and the old one is never closed."""
        assert self._writer is not None
        self.freeze()
        self._half_open.append(self._writer)
        self._writer = None
        self._patience.reschedule(0)

    def hang_up(self, *, rudely: bool = False) -> None:
        """Close the long connection (FIN, or RST); it comes back after restart_after_s."""
        assert self._writer is not None
        self._cancel_run("hung up")
        if rudely:
            self._writer.transport.abort()
        else:
            self._writer.close()

    async def describe(self) -> dict[str, Any]:
        """Connect, ask, close, as at setup and every 30 s: the info.

        Raises:
            TimeoutError: no info in time.
            ConnectionError: closed instead of an info.
        """
        async with asyncio.timeout(self.habits.info_limit_s):
            reader, writer = await asyncio.open_connection(self.host, self.port)
            try:
                await async_write_event(Event("describe"), writer)
                while (event := await _read(reader)) is not None and event.type != "info":
                    pass
            finally:
                writer.close()
                await writer.wait_closed()
        if event is None:
            raise ConnectionResetError("closed instead of an info")
        self.infos.append(event.data)
        return event.data

    # --- its own life -------------------------------------------------------------------------------------------------

    async def _live(self) -> None:
        for _ in range(self.habits.setup_describes):
            await self.describe()
        self._spawn(self._describe_for_ever())
        while True:
            await self._unmuted.wait()
            await self._leave()
            try:
                reader, self._writer = await asyncio.open_connection(self.host, self.port)
            except ConnectionError:
                await asyncio.sleep(self.habits.reconnect_after_s)
                continue
            try:
                await self._converse(reader)
            except (ConnectionError, TimeoutError) as error:
                await self._give_up("silence" if isinstance(error, TimeoutError) else "closed")

    async def _describe_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self.habits.describe_every_s)
            with contextlib.suppress(ConnectionError):
                await self.describe()

    async def _while_connected(self, work: Callable[..., Awaitable[None]], *about: Any) -> None:
        """What it does beside reading ends with the connection; that this is gone is noticed where it reads."""
        with contextlib.suppress(ConnectionError):
            await work(*about)

    async def _converse(self, reader: asyncio.StreamReader) -> None:
        """Until it is time for another connection: at once when this returns, later when it raises."""
        self.connections += 1
        self.news.set()
        self.state, self._phrase, self._frozen = "idle", None, False
        await self.send("run-satellite")
        await self.send("describe")
        self._spawn(self._while_connected(self._ping_later, self.connections))
        while True:
            if self._writer is None:  # vanished while an event was being read
                raise TimeoutError
            # Frozen, what has come already is not read either, and nobody waits for more.
            async with asyncio.timeout(None if self._frozen else self.habits.silence_limit_s) as self._patience:
                event = await _read(reader)
            if event is None and self._frozen:
                return
            if event is None:
                raise ConnectionResetError("satellite disconnected")
            if self._frozen:
                continue
            self._take(Received(self.now_s, self.connections, event.type, event.data or {}, event.payload or b""))
            self.news.set()

    async def _give_up(self, why: str) -> None:
        """The old connection stays open and unread until the next one is made."""
        self.lost.append(why)
        self._cancel_run("lost")
        self.state = "unavailable"
        self.news.set()
        await asyncio.sleep(self.habits.restart_after_s)

    async def _leave(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _ping_later(self, connection: int) -> None:
        await asyncio.sleep(self.habits.ping_after_s)
        if connection == self.connections and not self._frozen:
            await self.send("ping", {"text": None})

    def _take(self, event: Received) -> None:
        self.received.append(event)
        match event.type:
            case "pong":
                self._spawn(self._while_connected(self._ping_later, self.connections))
            case "ping":
                self._spawn(self._while_connected(self.send, "pong", {"text": event.data.get("text")}))
            case "info":
                self.infos.append(event.data)
            case "detection":
                self._phrase = self._phrase_of(event.data.get("name"))
            case "run-pipeline":
                self._begin_run(event)
            case "audio-chunk":
                self._hear(event)
            case "audio-stop":
                self._end_run("audio-stop")
            case "played":
                self.state = "idle"

    def _phrase_of(self, name: str | None) -> str | None:
        models = [model for program in self.infos[-1]["wake"] for model in program["models"]]
        return next((model["phrase"] or name for model in models if model["name"] == name), name)

    def _begin_run(self, event: Received) -> None:
        assert event.data["start_stage"] in {"wake", "asr", "tts"}, event.data
        # Its own run waits for sound that goes to the new one, and the new one waits for its end: for ever.
        stuck = bool(self.runs) and self.run.from_wake and not self.run.ended and not self._woke
        self._cancel_run("replaced")
        phrase, self._phrase = self._phrase, None
        self.runs.append(Run(phrase, event.at_s, from_wake=event.data["start_stage"] == "wake"))
        self.state = "listening"
        self._woke = False
        if not stuck:
            self._script = self._spawn(self._while_connected(self._pipeline, phrase, event.at_s))

    async def _pipeline(self, phrase: str | None, now_s: float) -> None:
        await asyncio.sleep(self.habits.transcribe_after_s)
        if phrase is not None and self.habits.refuses_duplicates:
            before_s = self._phrases_heard.get(phrase, -self.habits.duplicate_s)
            self._phrases_heard[phrase] = now_s
            if now_s - before_s < self.habits.duplicate_s:
                await self.error("duplicate_wake_up_detected", "Duplicate wake-up detected")
                return
        if self.run.from_wake:
            await self.send("detect", {"names": None})
        elif self.habits.transcribes:
            await self.send("transcribe", {"language": "en"})
        if self.on_stream is not None:
            await self.on_stream(self)

    def _hear(self, event: Received) -> None:
        if not self.runs:
            return
        assert (event.data["rate"], event.data["width"], event.data["channels"]) == (16_000, 2, 1)
        if self.run.ended:
            self.run.late_chunks += 1
            return
        self.run.pcm += event.payload
        self.run.chunks_at_s.append(event.at_s)
        if not event.payload:  # the real one takes it for the end of the stream
            self._end_run("empty chunk")

    def _cancel_run(self, why: str) -> None:
        """The run is over, and so is its script, unless it is the script that asks for it."""
        script, self._script = self._script, None
        if script is not None and script is not asyncio.current_task():
            script.cancel()
        self._end_run(why)

    def _end_run(self, why: str) -> None:
        if self.runs and not self.run.ended:
            self.run.ended, self.run.ended_at_s = why, self.now_s
            self.news.set()

    def _spawn(self, coroutine: Any) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            self.failure = self.failure or task.exception()
        self.news.set()


async def _read(reader: asyncio.StreamReader) -> Event | None:
    """The next event; None when the connection is closed, in the middle of one too."""
    try:
        return await async_read_event(reader)
    except EOFError:
        return None
