"""What every way of hearing the wake word has in common: a command may be asked for, and mute is mute."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
from fakes_ha import FakeHomeAssistant
from fakes_wake import FakeWakeService
from journeys.box import clip, free_port, quiet, tone
from journeys.conftest import Home

RunHome = Callable[..., None]


async def answer_commands(ha: FakeHomeAssistant) -> None:
    """What is streamed for the sake of a wake word is no command."""
    if not ha.run.from_wake:
        await ha.stream_ended()
        await ha.transcript("turn on the light")
        await ha.answer("Done.", tone(0.3))


def commands(home: Home) -> list[bytes]:
    return [bytes(run.pcm) for run in home.ha.runs if not run.from_wake]


async def a_command_asked_for(home: Home, number: int) -> None:
    await home.box.set(listen="now")
    await home.until(lambda: len(commands(home)) == number, "a run for the command")
    home.say(quiet(0.5), clip("kitchen_light"), quiet(1.5))
    await home.ha.wait_for("played", number)
    assert clip("kitchen_light").tobytes() in commands(home)[-1]


def sent(home: Home) -> int:
    return sum(len(run.pcm) for run in home.ha.runs)


@pytest.mark.parametrize("mode", ["local", "service", "stream-voice"])
def test_in_every_mode_a_command_is_heard_when_asked_for_and_nothing_while_muted(home: RunHome, mode: str) -> None:
    port = free_port()
    elsewhere: AbstractAsyncContextManager[object] = (
        FakeWakeService(port) if mode == "service" else contextlib.nullcontext()
    )

    async def story(home: Home) -> None:
        async with elsewhere:
            home.say(quiet(2.0))
            await a_command_asked_for(home, 1)
            await home.box.in_state("idle")
            await home.box.set(mute="on")
            await home.box.reports(lambda status: status["settings"]["mute"])
            await home.heard_out()
            before = sent(home)
            home.say(clip("hey_jarvis"), quiet(0.3), clip("kitchen_light"), quiet(1.5))
            await home.heard_out()
            assert (sent(home), len(commands(home))) == (before, 1)
            assert (await home.box.status())["state"] == "idle"
            await home.box.set(mute="off")
            await a_command_asked_for(home, 2)
            assert home.ha.of("detection") == []

    address = f'\nwake_uri = "tcp://127.0.0.1:{port}"' if mode == "service" else ""
    home(story, on_stream=answer_commands, settings={"listening": f'mode = "{mode}"{address}'})
