"""`satellite --demo`: a whole turn with no hardware and no server; with a microphone, a parrot to try a box with."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path

from satellite.app import build
from satellite.app.satellite import Satellite
from satellite.config import Config, HooksConfig, RecordingsConfig, WakeWordConfig
from satellite.core import effects as fx
from satellite.core import events as ev
from satellite.core.audio import WIRE_FORMAT
from satellite.core.errors import ProtocolError, SatelliteError
from satellite.diagnostics.assistant import Parrot
from satellite.diagnostics.timeline import Timeline
from satellite.listen.leadin import LEAD_IN_S
from satellite.state import State

HOST = "127.0.0.1"
CLIP = "data/demo.wav"
CLIP_WAKE_WORD = "hey_jarvis"
# After the clip's end the answer has so long to begin.
PATIENCE_S = 10.0


def run(config: Config, microphone: str | None, speaker: str | None, output: str) -> int:
    """Show a turn; with a `microphone`, turn after turn until Ctrl-C.

    Args:
        config: wake words, thresholds and the rest; its server and discovery are not used.
        microphone, speaker: devices that the person asked for; None: the bundled clip, the file `output`.
        output: WAV file that takes the answer when there is no speaker.

    Returns:
        0, or 1 when the clip led to no answer.

    Raises:
        SatelliteError: a model, device or file cannot be used.
    """
    with as_file(files("satellite") / CLIP) as clip:
        config = _demo_config(config, microphone or f"wav:{clip}", speaker or f"wav:{output}")
        if not microphone:
            config = replace(config, wake_word=(WakeWordConfig(CLIP_WAKE_WORD),))
        print(_headline(config, microphone, speaker, output), flush=True)
        try:
            answered = asyncio.run(_Demo(config, for_ever=microphone is not None).play())
        except KeyboardInterrupt:
            answered = True
    if answered and not speaker:
        print(f"\nThe answer, which is what was heard, is in {output}", flush=True)
    if not answered:
        print("\nNo answer came: see the lines above.", flush=True)
    return 0 if answered else 1


def _demo_config(config: Config, microphone: str, speaker: str) -> Config:
    return replace(
        config,
        microphone=replace(config.microphone, device=microphone),
        speaker=replace(config.speaker, device=speaker),
        server=replace(config.server, host=HOST, port=0, allow=()),
        discovery=replace(config.discovery, enabled=False),
        recordings=RecordingsConfig(),
        hooks=HooksConfig(),
    )


def _headline(config: Config, microphone: str | None, speaker: str | None, output: str) -> str:
    mouth = f"speaker {speaker}" if speaker else f"speaker {Path(output).name}"
    if not microphone:
        return f"Demonstration: bundled clip -> satellite -> stand-in for Home Assistant -> satellite -> {mouth}\n"
    words = " or ".join(f"'{build.phrase(word)}'" for word in config.wake_word)
    return (
        f"Parrot: say {words} and then something; you hear it again. Ctrl-C ends. Microphone {microphone}, {mouth}.\n"
    )


class _Demo:
    """A satellite and an assistant in one process, over a real socket."""

    def __init__(self, config: Config, *, for_ever: bool) -> None:
        self._config = config
        self._for_ever = for_ever
        self._over = asyncio.Event()
        self._answered = False

    async def play(self) -> bool:
        """Run to the end of the first answer, or for ever. True when there was an answer."""
        loop = asyncio.get_running_loop()
        self._timeline = Timeline(lambda line: print(line, flush=True), loop.time())
        with tempfile.TemporaryDirectory() as folder:
            satellite = Satellite(self._config, State(Path(folder)), self._observe)
            try:
                await satellite.serve()
                await self._talk(satellite)
            finally:
                await satellite.stop()
        return self._answered

    async def _talk(self, satellite: Satellite) -> None:
        """Hear and be answered, until it is over or the assistant is gone."""
        parrot = Parrot(HOST, satellite.server.port, round(LEAD_IN_S * WIRE_FORMAT.second_bytes))
        talk = asyncio.create_task(parrot.run())
        over = asyncio.create_task(self._over.wait())
        try:
            await satellite.hear()
            await asyncio.wait((talk, over), return_when=asyncio.FIRST_COMPLETED)
        finally:
            talk.cancel()
            over.cancel()
            (failure, _) = await asyncio.gather(talk, over, return_exceptions=True)
        if isinstance(failure, ProtocolError | OSError):
            raise SatelliteError(f"the stand-in for Home Assistant was hung up on: {failure}")

    def _observe(self, now_s: float, what: ev.Event | fx.Effect) -> None:
        self._timeline.write(now_s, what)
        if self._for_ever:
            return
        if isinstance(what, ev.PlaybackFinished):
            self._answered = not what.failed
            self._over.set()
        elif isinstance(what, ev.MicrophoneEnded):
            asyncio.get_running_loop().call_later(PATIENCE_S, self._over.set)
