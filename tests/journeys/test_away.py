"""Home Assistant is away when a person speaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes_ha import FakeHomeAssistant
from journeys.box import ASK_AGAIN_S, PATIENCE_S, Box, clip, quiet, tone
from journeys.conftest import HABITS, RATE_HZ, SPEED, WARM_UP_S, Home
from satcard.satcard import VirtualCards

SPOKEN = np.concatenate([clip("hey_jarvis"), quiet(0.3), clip("kitchen_light"), quiet(1.5)])
LEAD_IN_BYTES = round(0.8 * RATE_HZ) * 2


@pytest.fixture
def alone(tmp_path: Path) -> Callable[..., None]:
    """Runs a story with a satellite that no Home Assistant is connected to: alone(story, keep_s=5)."""

    def run(story: Callable[[Box], Coroutine[Any, Any, None]], keep_s: float) -> None:
        cards = VirtualCards(tmp_path / "cards")
        cards.speed("mic", SPEED)
        cards.be_patient()
        cards.speed("speaker", SPEED)
        cards.say(quiet(WARM_UP_S), RATE_HZ)

        async def live() -> None:
            async with Box(tmp_path, cards, {"command": f"keep_s = {keep_s}"}) as box:
                await story(box)

        asyncio.run(live())

    return run


async def answer(ha: FakeHomeAssistant) -> None:
    await ha.stream_ended()
    await ha.transcript("turn on the light")
    await ha.answer("Done", tone(0.5))


async def more_is_heard_than(samples: int, cards: VirtualCards) -> None:
    deadline_s = asyncio.get_running_loop().time() + PATIENCE_S
    while np.count_nonzero(cards.heard()) <= samples:
        assert asyncio.get_running_loop().time() < deadline_s, "no further sound"
        await asyncio.sleep(ASK_AGAIN_S)


def holds_the_command(pcm: bytes) -> bool:
    """From before the command to its end, to the sample."""
    return clip("kitchen_light").tobytes() in pcm[LEAD_IN_BYTES:]


def test_a_command_spoken_while_home_assistant_is_away_is_carried_out_when_it_is_back(
    alone: Callable[..., None],
) -> None:
    async def story(box: Box) -> None:
        box.cards.say(SPOKEN)
        await box.in_state("transcribing")
        assert (await box.status())["kept_command"]["held_bytes"] > clip("kitchen_light").nbytes
        async with FakeHomeAssistant(box.port, habits=HABITS, on_stream=answer) as ha:
            await ha.wait_for("played")
            assert len(ha.runs) == 1
            assert holds_the_command(bytes(ha.run.pcm))
            assert ha.of("detection") == [], "a phrase heard twice within 2 s would be refused"
        assert (await box.status())["kept_command"]["held_bytes"] == 0

    alone(story, keep_s=60)


def test_when_it_does_not_come_back_the_person_hears_that(alone: Callable[..., None]) -> None:
    async def story(box: Box) -> None:
        box.cards.say(SPOKEN)
        await box.in_state("transcribing")
        heard = np.count_nonzero(box.cards.heard())
        assert heard, "somebody is listening"
        await box.in_state("idle")
        await box.says("turn 1 lost")
        await more_is_heard_than(heard, box.cards)
        assert (await box.status())["kept_command"]["held_bytes"] == 0

    alone(story, keep_s=2)


def test_a_command_that_is_cut_off_by_a_lost_connection_is_sent_again_whole(home: Callable[..., None]) -> None:
    async def story(home: Home) -> None:
        home.say(SPOKEN)
        await home.ha.running()
        await home.ha.heard(1.0)
        home.ha.hang_up(rudely=True)
        await home.ha.wait_for("played")
        assert len(home.ha.runs) == 2
        assert holds_the_command(bytes(home.ha.run.pcm))

    home(story, on_stream=answer, habits=replace(HABITS, restart_after_s=0.5))
