"""Threads and coroutines wait on one lock."""

from __future__ import annotations

import asyncio
import threading

from satellite.core.waiting import Bell


def test_a_thread_wakes_a_coroutine() -> None:
    bell, done = Bell(), threading.Event()

    def ring() -> None:
        with bell:
            done.set()
            bell.ring()

    async def wait() -> None:
        asyncio.get_running_loop().call_soon(threading.Thread(target=ring).start)
        async with asyncio.timeout(20):
            await bell.wait_async(done.is_set)

    asyncio.run(wait())


def test_who_is_rung_too_early_waits_on() -> None:
    bell, answers = Bell(), [False, False, True]

    async def wait() -> None:
        waiting = asyncio.create_task(bell.wait_async(lambda: answers.pop(0)))
        for _ in range(10):
            await asyncio.sleep(0)
            with bell:
                bell.ring()
        async with asyncio.timeout(20):
            await waiting

    asyncio.run(wait())
    assert answers == []


def test_a_coroutine_that_is_cancelled_is_forgotten() -> None:
    bell = Bell()

    async def give_up() -> None:
        waiting = asyncio.create_task(bell.wait_async(lambda: False))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    asyncio.run(give_up())
    assert not bell._wakers


def test_a_loop_that_is_gone_does_not_stop_the_bell() -> None:
    bell = Bell()
    loop = asyncio.new_event_loop()
    waiting = loop.create_task(bell.wait_async(lambda: False))
    loop.run_until_complete(asyncio.sleep(0))
    (wake,) = bell._wakers
    loop.call_soon(waiting.cancel)
    loop.run_until_complete(asyncio.gather(waiting, return_exceptions=True))
    loop.close()
    bell._wakers.append(wake)
    with bell:
        bell.ring()


def test_a_wait_gives_what_was_taken_and_none_after_its_time() -> None:
    bell, waiting = Bell(), ["first", "second"]

    def take() -> str | None:
        return waiting.pop(0) if waiting else None

    assert (bell.wait(take), asyncio.run(bell.wait_async(take))) == ("first", "second")
    assert (bell.wait(take, 0), asyncio.run(bell.wait_async(take, 0.001))) == (None, None)


def test_who_holds_the_lock_gives_it_up_while_it_waits() -> None:
    bell, done = Bell(), threading.Event()

    def ring() -> None:
        with bell:
            done.set()
            bell.ring()

    with bell:
        threading.Thread(target=ring).start()
        assert bell.wait(done.is_set, 20)
