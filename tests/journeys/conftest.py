"""What every journey starts from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from fakes_ha import FakeHomeAssistant, Habits
from journeys.box import ASK_AGAIN_S, PATIENCE_S, Box, clip, quiet
from satcard.satcard import VirtualCards

# The cards' clocks against real time. Two cores that also run other tests keep up with this.
SPEED = 2.0
# The satellite is silent until it has heard 1.28 s.
WARM_UP_S = 2.0
HABITS = Habits(refuses_duplicates=False, setup_describes=1, announce_extra_s=10.0).faster(SPEED)


class Home:
    """A satellite, its cards, a Home Assistant, and a person who speaks."""

    def __init__(self, box: Box, ha: FakeHomeAssistant) -> None:
        self.box = box
        self.ha = ha
        self.cards = box.cards

    def say(self, *sounds: npt.NDArray[np.int16]) -> None:
        """Speak into the microphone."""
        self.cards.say(np.concatenate(sounds))

    def say_wake_word(self, *then: npt.NDArray[np.int16]) -> None:
        """Say the wake word, and `then`."""
        self.say(clip("hey_jarvis"), *then, quiet(0.5))

    def say_command(self, gap_s: float = 0.3) -> None:
        """Wake word and command, and a second of quiet that ends it."""
        self.say_wake_word(quiet(gap_s), clip("kitchen_light"), quiet(1.0))

    async def heard_out(self) -> None:
        """Wait until the microphone has heard all that was said."""
        deadline_s = asyncio.get_running_loop().time() + PATIENCE_S
        while (rest := self.cards.unheard()) > 0:
            assert asyncio.get_running_loop().time() < deadline_s, f"{rest} bytes were not heard"
            await asyncio.sleep(ASK_AGAIN_S)

    async def until(self, fact: Callable[[], bool], what: str) -> None:
        """Wait for something that nobody tells of."""
        deadline_s = asyncio.get_running_loop().time() + PATIENCE_S
        while not fact():
            assert asyncio.get_running_loop().time() < deadline_s, f"never: {what}; log: {self.box.log[-10:]}"
            await asyncio.sleep(ASK_AGAIN_S)

    async def streaming(self, count: int = 1) -> None:
        """Wake it, and wait until it streams."""
        self.say_wake_word()
        await self.ha.running(count)
        await self.ha.heard(1.0)


@pytest.fixture
def home(tmp_path: Path) -> Callable[..., None]:
    """Runs a story in a home: home(story, on_stream=script, settings={...})."""

    def run(
        story: Callable[[Home], Coroutine[Any, Any, None]],
        on_stream: Callable[[FakeHomeAssistant], Coroutine[Any, Any, None]] | None = None,
        settings: dict[str, str] | None = None,
        habits: Habits = HABITS,
        *,
        mic_speed: float = SPEED,
        speaker_speed: float = SPEED,
        **abilities: Any,
    ) -> None:
        cards = VirtualCards(tmp_path / "cards", **abilities)
        cards.speed("mic", mic_speed)
        cards.be_patient()
        cards.speed("speaker", speaker_speed)
        cards.say(quiet(WARM_UP_S), RATE_HZ)
        asyncio.run(_live(story, Box(tmp_path, cards, settings), habits, on_stream))

    return run


RATE_HZ = 16_000


async def _live(
    story: Callable[[Home], Coroutine[Any, Any, None]],
    box: Box,
    habits: Habits,
    on_stream: Callable[[FakeHomeAssistant], Coroutine[Any, Any, None]] | None,
) -> None:
    async with box, FakeHomeAssistant(box.port, habits=habits, on_stream=on_stream) as ha:
        await ha.connected()
        await story(Home(box, ha))
        assert not [line for line in box.log if "Traceback" in line or " ERROR " in line], box.log
