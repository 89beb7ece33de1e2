"""Home Assistant as a process that is stopped and goes on: SIGSTOP, SIGCONT. Its kernel answers for it meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest
from journeys.box import PATIENCE_S, Box, clip, quiet
from journeys.conftest import SPEED, WARM_UP_S
from satcard.satcard import VirtualCards

TESTS = Path(__file__).parents[1]
COMMAND = np.concatenate([clip("hey_jarvis"), quiet(0.3), clip("kitchen_light"), quiet(1.5)])


class OtherHome:
    """The process, and what it says."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def says(self, text: str) -> None:
        """The next line that it prints."""
        assert self._process.stdout
        async with asyncio.timeout(PATIENCE_S):
            assert (await self._process.stdout.readline()).decode().strip() == text

    def stop(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)


@contextlib.asynccontextmanager
async def other_home(port: int) -> AsyncIterator[OtherHome]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "journeys.other_home", str(port), cwd=TESTS, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield OtherHome(process)
    finally:
        process.kill()
        await process.communicate()


@pytest.fixture
def frozen(tmp_path: Path) -> Callable[..., None]:
    """Runs a story with a satellite and a Home Assistant that can be stopped, after one command that was answered."""

    def run(story: Callable[[Box, OtherHome], object]) -> None:
        cards = VirtualCards(tmp_path / "cards")
        cards.speed("mic", SPEED)
        cards.be_patient()
        cards.speed("speaker", SPEED)
        cards.say(np.concatenate([quiet(WARM_UP_S)]))

        async def live() -> None:
            async with Box(tmp_path, cards) as box, other_home(box.port) as ha:
                await ha.says("connection 1")
                cards.say(COMMAND)
                await ha.says("command 1 whole")
                await story(box, ha)  # type: ignore[misc]
                assert not [line for line in box.log if "Traceback" in line or " ERROR " in line]

        asyncio.run(live())

    return run


@pytest.mark.long
def test_one_that_stands_still_is_given_up_and_served_when_it_goes_on(frozen: Callable[..., None]) -> None:
    async def story(box: Box, ha: OtherHome) -> None:
        ha.stop()
        await box.says("Home Assistant is gone: silent for 8 s")
        ha.go_on()
        await ha.says("connection 2")
        box.cards.say(COMMAND)
        await ha.says("command 2 whole")

    frozen(story)


def test_a_command_that_it_does_not_take_is_taken_whole_when_it_goes_on(frozen: Callable[..., None]) -> None:
    async def story(box: Box, ha: OtherHome) -> None:
        ha.stop()
        box.cards.say(np.concatenate([quiet(2.0), COMMAND]))
        await box.says("no answer to run-pipeline")
        await box.in_state("transcribing")
        ha.go_on()
        await ha.says("connection 2")
        await ha.says("command 2 whole")

    frozen(story)
