"""Saving beside the loop: nobody waits for a slow card, and what came last is saved."""

from __future__ import annotations

import asyncio
import threading

from satellite.app.saving import Saving

PATIENCE_S = 20.0


def test_a_slow_card_holds_nobody_up_and_many_changes_are_saved_at_once_the_last_one_included() -> None:
    state, saved = [0], list[int]()
    slow, begun = threading.Event(), threading.Event()

    def save() -> None:
        now = state[0]
        begun.set()
        assert slow.wait(PATIENCE_S)
        saved.append(now)

    async def live() -> None:
        saving = Saving(save)
        state[0] = 1
        saving.soon()
        assert await asyncio.to_thread(begun.wait, PATIENCE_S)
        for state[0] in range(2, 1_000):
            saving.soon()
        slow.set()
        async with asyncio.timeout(PATIENCE_S):
            while saved != [1, 999]:
                await saving.close()

    asyncio.run(live())
    assert saved == [1, 999]


def test_what_was_asked_for_just_before_the_end_is_saved() -> None:
    saved = threading.Event()

    async def live() -> None:
        saving = Saving(saved.set)
        await saving.close()
        saving.soon()
        await saving.close()

    asyncio.run(live())
    assert saved.is_set()
