"""Found by Home Assistant without being told where it is."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from journeys.conftest import Home
from network.browser import browsing

RunHome = Callable[..., None]


def test_it_is_found_under_one_name_for_ever_and_gone_when_it_is_stopped(home: RunHome) -> None:
    async def story(home: Home) -> None:
        identity = (home.box.folder / "state" / "identity").read_text().strip()
        async with asyncio.timeout(50), browsing() as browser:
            for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM):
                # One that was killed is still remembered.
                await home.box.says(f"announced {identity} at 127.0.0.1")
                await browser.until(lambda names: identity in names)
                found = await browser.resolve(identity)
                assert (found.port, found.parsed_addresses()) == (home.box.port, ["127.0.0.1"])
                assert found.decoded_properties["name"] == "Test"
                await home.box.stop(number)
                if number == signal.SIGTERM:
                    await browser.until(lambda names: identity not in names)
                await home.box.start()

    home(story, settings={"discovery": "enabled = true"})
