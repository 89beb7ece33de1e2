"""Devices that are not there, not yet, or not as they should be."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes_ha import FakeHomeAssistant
from journeys.box import Box, quiet, tone
from journeys.conftest import HABITS, SPEED, WARM_UP_S, Home
from journeys.faults import answer
from satcard.satcard import VirtualCards

RunHome = Callable[..., None]
Story = Callable[[Home], Coroutine[Any, Any, None]]
# Far more than any pause between two tries; two cores run other tests.
BACK_S = 30.0


@pytest.fixture
def poor_home(tmp_path: Path) -> Callable[..., None]:
    """Runs a story in a home where something is wrong with the cards at the start: poor_home(story, wrong)."""

    def run(story: Story, wrong: Callable[[VirtualCards], None], *, hears: bool) -> None:
        cards = VirtualCards(tmp_path / "cards")
        cards.speed("mic", SPEED)
        cards.be_patient()
        cards.speed("speaker", SPEED)
        wrong(cards)

        async def live() -> None:
            box = Box(tmp_path, cards, hears=hears)
            async with box, FakeHomeAssistant(box.port, habits=HABITS, on_stream=answer) as ha:
                await ha.connected()
                await story(Home(box, ha))

        asyncio.run(live())

    return run


def is_lost(device: str) -> Callable[[dict[str, Any]], bool]:
    return lambda status: status[device]["state"] == "lost"


async def takes_a_turn(home: Home) -> None:
    """Its microphone is there now: warm up, and hear one command."""
    await home.box.says("INFO    microphone: satmic", BACK_S)
    home.say(quiet(WARM_UP_S))
    home.say_command()
    await home.ha.wait_for("played", len(home.ha.of("played")) + 1)


@pytest.mark.parametrize(
    ("wrong", "back", "says"),
    [
        (lambda cards: cards.unplug("mic"), lambda cards: cards.plug("mic"), "does not exist or is unplugged"),
        pytest.param(
            lambda cards: cards.openerr("mic", errno.EBUSY),
            lambda cards: cards.openerr("mic", None),
            "microphone satmic is in use by",
            marks=pytest.mark.long,
        ),
        pytest.param(
            lambda cards: cards.opendelay("mic", 20_000),
            lambda cards: cards.opendelay("mic", None),
            "microphone satmic does not answer",
            marks=pytest.mark.long,
        ),
    ],
    ids=["missing", "busy", "hangs in its open"],
)
def test_without_a_microphone_at_the_start_it_says_why_once_announces_and_hears_when_there_is_one(
    poor_home: Callable[..., None],
    wrong: Callable[[VirtualCards], None],
    back: Callable[[VirtualCards], None],
    says: str,
) -> None:
    async def story(home: Home) -> None:
        await home.box.says(says)
        assert await home.ha.announce(tone(0.5))
        assert np.count_nonzero(home.cards.heard()) > 0.45 * 48_000
        await home.box.reports(is_lost("microphone"))
        back(home.cards)
        await takes_a_turn(home)
        assert sum("WARNING microphone" in line for line in home.box.log) == 1, "once for each change of state"

    poor_home(story, wrong, hears=False)


def test_it_ends_at_once_also_while_a_microphone_hangs_in_its_open(poor_home: Callable[..., None]) -> None:
    async def story(home: Home) -> None:
        await home.until(lambda: bool(home.cards.events("speaker")), "the speaker's open")
        code, took_s = await home.box.stop()
        assert (code, took_s < 2.0) == (0, True), took_s

    poor_home(story, lambda cards: cards.opendelay("mic", 20_000), hears=False)


def test_without_a_speaker_at_the_start_it_hears_and_is_heard_when_there_is_one(
    poor_home: Callable[..., None],
) -> None:
    async def story(home: Home) -> None:
        await takes_a_turn(home)
        assert len(home.cards.heard()) == 0
        home.cards.openerr("speaker", None)
        await home.box.says("INFO    speaker: satspk", BACK_S)
        assert await home.ha.announce(tone(0.5))
        assert np.count_nonzero(home.cards.heard()) > 0.45 * 48_000
        assert sum("WARNING speaker" in line for line in home.box.log) == 1

    poor_home(story, lambda cards: cards.openerr("speaker", errno.EBUSY), hears=True)


def test_a_microphone_that_comes_back_as_another_card_is_found_by_its_name(home: RunHome) -> None:
    async def story(home: Home) -> None:
        home.cards.unplug("mic")
        await home.box.reports(is_lost("microphone"))
        home.cards.move("mic")
        home.say(quiet(2.0))
        home.say_command()
        await home.ha.wait_for("played", within_s=BACK_S)

    home(story, on_stream=answer)


def test_a_dead_or_muted_microphone_is_named_in_log_and_status_until_it_gives_sound(home: RunHome) -> None:
    """Thirty seconds of the card's own time; it is twenty times as fast as ours."""

    async def story(home: Home) -> None:
        await home.box.says("microphone: nothing but digital silence for 30 s", BACK_S)
        status = await home.box.status()
        assert status["microphone"]["silent"]
        assert status["listener"]["digital_silence_s"] >= 30
        home.say(quiet(5.0))
        await home.box.says("microphone: sound again after")
        await home.box.reports(lambda status: status["listener"]["digital_silence_s"] < 30)

    home(story, mic_speed=20)


def test_a_speaker_that_hangs_ends_the_process_and_the_next_one_knows_all_that_it_knew(
    home: RunHome,
) -> None:
    async def story(home: Home) -> None:
        await home.box.set(volume="55")
        await home.ha.timer("started", "a", total_seconds=3600, name="tea")
        await home.box.says("timer 'a' started")
        identity = (home.box.folder / "state" / "identity").read_text()
        home.cards.stall("speaker")
        await home.ha.speak(tone(3))
        assert await home.box.ended() == 70
        assert "the speaker hangs; the process ends so that its supervisor can start it anew" in home.box.log[-1]
        home.cards.go("speaker")
        await home.box.start()
        status = await home.box.status()
        assert status["settings"]["volume"] == 55
        assert [timer["name"] for timer in status["timers"]["running"]] == ["tea"]
        assert (home.box.folder / "state" / "identity").read_text() == identity
        home.say(quiet(WARM_UP_S))
        await home.ha.connected(2)
        home.say_command()
        await home.ha.wait_for("played")

    home(story, on_stream=answer)
