"""Loading off the loop."""

from __future__ import annotations

import asyncio
import threading

import pytest

from satellite.app.loading import THREAD, in_background


def test_the_result_and_the_error_come_back() -> None:
    async def story() -> None:
        assert await in_background(lambda: 7) == 7
        with pytest.raises(ZeroDivisionError):
            await in_background(lambda: 1 // 0)

    asyncio.run(story())


def test_the_loop_goes_on_meanwhile_and_its_end_does_not_wait() -> None:
    goes_on = threading.Event()
    ended = threading.Event()

    def work() -> None:
        goes_on.wait(10)
        ended.set()

    async def story() -> None:
        task = asyncio.create_task(in_background(work))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(story())
    assert THREAD in [thread.name for thread in threading.enumerate()]
    goes_on.set()
    assert ended.wait(10)
