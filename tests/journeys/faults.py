"""Faults that a satellite must survive. Each happens to a running one, in its own way; when it returns, all is back."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import random
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import numpy as np
from fakes_ha import FakeHomeAssistant
from journeys.box import clip, quiet, tone
from journeys.conftest import Home

Dice = random.Random
Fault = Callable[[Home, Dice], Awaitable[None]]

# The cards' clocks against real time.
SPEED = 5.0
# After these Home Assistant comes back: a lost connection; a restart of the satellite; the same, not listening yet.
COMES_BACK_AFTER_S = (3.0, 10.0, 13.0)
# Of an answer that something happens to.
LONG_S = 6.0
FAULTS: dict[str, Fault] = {}
# Those that take too long for every run.
LONG_FAULTS: dict[str, Fault] = {}


def fault(act: Fault) -> Fault:
    """A kind of fault, known by the name of its function."""
    FAULTS[_name(act)] = act
    return act


def _name(act: Fault) -> str:
    return act.__name__.replace("_", " ")


async def answer(ha: FakeHomeAssistant, seconds: float = 0.3) -> None:
    """What Home Assistant does with every command."""
    await ha.stream_ended()
    await ha.transcript("x")
    await ha.answer("Done", tone(seconds))


async def _lasts(dice: Dice, longest_s: float = 1.5) -> None:
    # Not a wait for something: how long a fault lasts is a part of it.
    await asyncio.sleep(dice.uniform(0.05, longest_s))


async def _streaming(home: Home) -> None:
    runs = len(home.ha.runs)
    home.say_wake_word()
    await home.ha.running(runs + 1)
    await home.ha.heard(1.0)


async def _answering(home: Home) -> None:
    async def at_length(ha: FakeHomeAssistant) -> None:
        home.ha.on_stream = answer
        await answer(ha, LONG_S)

    home.ha.on_stream = at_length
    heard = home.cards.heard_bytes()
    home.say_command()
    await home.box.in_state("answering")
    await home.until(lambda: home.cards.heard_bytes() > heard + 24_000, "the answer")


async def _lost(home: Home, what: str) -> None:
    await home.box.reports(lambda status: status[what]["state"] == "lost")


async def _unplugged(home: Home, dice: Dice, card: str) -> None:
    home.cards.unplug(card)
    await _lost(home, {"mic": "microphone"}.get(card, card))
    await _lasts(dice)
    home.cards.plug(card)


@contextlib.asynccontextmanager
async def _server_comes_back(home: Home, dice: Dice):  # type: ignore[no-untyped-def]
    before = home.ha.connections
    home.ha.habits = replace(home.ha.habits, restart_after_s=dice.choice(COMES_BACK_AFTER_S) / SPEED)
    yield
    # From now on it is there, whether it is served or not.
    await home.ha.until(lambda: home.ha.connections > before, "another connection")


# --- microphone -------------------------------------------------------------------------------------------------------


@fault
async def microphone_unplugged_while_idle(home: Home, dice: Dice) -> None:
    await _unplugged(home, dice, "mic")


@fault
async def microphone_unplugged_while_streaming(home: Home, dice: Dice) -> None:
    await _streaming(home)
    await _unplugged(home, dice, "mic")
    home.say(quiet(2.0))  # the same word is not heard twice within 2 s


@fault
async def microphone_unplugged_while_answering(home: Home, dice: Dice) -> None:
    await _answering(home)
    await _unplugged(home, dice, "mic")


async def microphone_unplugged_for_long(home: Home, dice: Dice) -> None:
    home.cards.unplug("mic")
    await asyncio.sleep(dice.uniform(8.0, 14.0))  # by then the pauses between two tries are the longest
    home.cards.plug("mic")


LONG_FAULTS[_name(microphone_unplugged_for_long)] = microphone_unplugged_for_long


@fault
async def microphone_gives_no_frames(home: Home, dice: Dice) -> None:
    home.cards.stall("mic")
    await _lost(home, "microphone")
    await _lasts(dice, 0.5)
    home.cards.go("mic")


@fault
async def microphone_fails(home: Home, dice: Dice) -> None:
    before = (await home.box.status())["microphone"]["reopens"]
    number = dice.choice([errno.EIO, errno.ESTRPIPE, errno.ENODEV])

    def failed(status: dict[str, Any]) -> bool:
        again = status["microphone"]["reopens"] == before and status["microphone"]["state"] == "open"
        home.cards.errno("mic", number if again else None)
        return not again

    await home.box.reports(failed)


@fault
async def microphone_overruns_in_a_burst(home: Home, dice: Dice) -> None:
    before = (await home.box.status())["microphone"]["overruns"]
    for number in range(1, dice.randint(3, 10)):
        home.cards.xrun("mic")
        await home.box.reports(lambda status, n=number: status["microphone"]["overruns"] >= before + n)


@fault
async def microphone_busy_when_it_is_back(home: Home, dice: Dice) -> None:
    home.cards.openerr("mic", errno.EBUSY)
    await _unplugged(home, dice, "mic")
    await _lasts(dice)
    home.cards.openerr("mic", None)


@fault
async def microphone_hangs_in_its_open(home: Home, dice: Dice) -> None:
    home.cards.opendelay("mic", 20_000)
    await _unplugged(home, dice, "mic")
    await _lasts(dice)
    home.cards.opendelay("mic", None)


# --- speaker ----------------------------------------------------------------------------------------------------------


@fault
async def speaker_unplugged_while_answering(home: Home, dice: Dice) -> None:
    await _answering(home)
    await _unplugged(home, dice, "speaker")


@fault
async def speaker_busy_when_it_is_back(home: Home, dice: Dice) -> None:
    home.cards.openerr("speaker", errno.EBUSY)
    await _answering(home)
    await _unplugged(home, dice, "speaker")
    home.cards.openerr("speaker", None)


@fault
async def speaker_underruns_in_a_burst(home: Home, dice: Dice) -> None:
    await _answering(home)
    for _ in range(dice.randint(3, 10)):
        home.cards.xrun("speaker")
        await _lasts(dice, 0.1)


@fault
async def speaker_stands_still_for_a_moment(home: Home, dice: Dice) -> None:
    await _answering(home)
    home.cards.stall("speaker")
    await _lasts(dice, 1.0)
    home.cards.go("speaker")


@fault
async def both_cards_unplugged(home: Home, dice: Dice) -> None:
    home.cards.unplug("speaker")
    await _unplugged(home, dice, "mic")
    await _lasts(dice, 0.5)
    home.cards.plug("speaker")


# --- Home Assistant ---------------------------------------------------------------------------------------------------


@fault
async def server_stops(home: Home, dice: Dice) -> None:
    async with _server_comes_back(home, dice):
        home.ha.hang_up()


@fault
async def server_killed_in_mid_utterance(home: Home, dice: Dice) -> None:
    await _streaming(home)
    async with _server_comes_back(home, dice):
        home.ha.hang_up(rudely=True)
        home.say(clip("kitchen_light"), quiet(1.5))


@fault
async def server_killed_in_mid_answer(home: Home, dice: Dice) -> None:
    await _answering(home)
    async with _server_comes_back(home, dice):
        home.ha.hang_up(rudely=True)


@fault
async def network_cut_while_idle(home: Home, dice: Dice) -> None:
    async with _server_comes_back(home, dice):
        home.ha.vanish()


@fault
async def network_cut_in_mid_utterance(home: Home, dice: Dice) -> None:
    await _streaming(home)
    async with _server_comes_back(home, dice):
        home.ha.vanish()
        home.say(clip("kitchen_light"), quiet(1.5))


@fault
async def network_cut_in_mid_answer(home: Home, dice: Dice) -> None:
    await _answering(home)
    async with _server_comes_back(home, dice):
        home.ha.vanish()


@fault
async def server_reads_slowly(home: Home, dice: Dice) -> None:
    await _streaming(home)
    transport = home.ha._writer.transport  # type: ignore[union-attr]
    transport.pause_reading()
    home.say(clip("kitchen_light"), quiet(1.5))
    await _lasts(dice)
    transport.resume_reading()


@fault
async def answer_never_comes(home: Home, dice: Dice) -> None:
    async def too_little(ha: FakeHomeAssistant) -> None:
        ha.on_stream = answer
        await ha.stream_ended()
        if dice.random() < 0.5:
            await ha.transcript("x")

    home.ha.on_stream = too_little
    runs = len(home.ha.runs)
    home.say_command()
    await home.ha.running(runs + 1)
    await home.ha.stream_ended()


@fault
async def answer_without_end(home: Home, dice: Dice) -> None:
    await home.ha.send("audio-start", {"rate": 22_050, "width": 2, "channels": 1})
    await home.ha.send("audio-chunk", {"rate": 22_050, "width": 2, "channels": 1}, tone(dice.uniform(0.1, 1.0)))
    await home.box.in_state("answering")


@fault
async def server_says_nonsense(home: Home, dice: Dice) -> None:
    async with _server_comes_back(home, dice):
        home.ha._writer.write(dice.randbytes(200) + b"\n")  # type: ignore[union-attr]


@fault
async def second_server_takes_over(home: Home, dice: Dice) -> None:
    async with (
        _server_comes_back(home, dice),
        FakeHomeAssistant(home.box.port, habits=home.ha.habits, on_stream=answer) as other,
    ):
        await other.connected()


@fault
async def muted_by_the_server(home: Home, dice: Dice) -> None:
    async with _server_comes_back(home, dice):
        await home.ha.mute()
        await home.box.reports(lambda status: status["paused"])
        await _lasts(dice)
        home.ha.unmute()


# --- the machine ------------------------------------------------------------------------------------------------------


@fault
async def microphone_and_network_gone_at_once(home: Home, dice: Dice) -> None:
    async with _server_comes_back(home, dice):
        home.ha.vanish()
        await _unplugged(home, dice, "mic")


@fault
async def process_stands_still(home: Home, dice: Dice) -> None:
    home.box.signal(signal.SIGSTOP)
    await _lasts(dice)
    home.box.signal(signal.SIGCONT)


@fault
async def process_killed_and_started_anew(home: Home, dice: Dice) -> None:
    async with _server_comes_back(home, dice):
        await home.box.stop(signal.SIGKILL)
        await home.box.start()
        home.say(quiet(2.0))


def spoken(number: int) -> np.ndarray:
    """A command that no other is like: int16, (n,). All of it is to reach Home Assistant."""
    return np.concatenate([clip("kitchen_light"), quiet(0.2, seed=1_000 + number)])
