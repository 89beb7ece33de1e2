"""A Home Assistant that is a process of its own, so that it can be stopped as one. python -m journeys.other_home PORT

It prints a line for each connection that was answered and for each command whose answer was heard out.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator

from fakes_ha import FakeHomeAssistant
from journeys.box import clip
from journeys.conftest import HABITS
from journeys.faults import answer

COMMAND = clip("kitchen_light").tobytes()


def lines(ha: FakeHomeAssistant) -> Iterator[str]:
    """What has happened so far."""
    connections, commands = 0, 0
    for event in ha.received:
        if event.type == "info" and event.connection > connections:
            connections = event.connection
            yield f"connection {connections}"
        if event.type == "played":
            commands += 1
            yield f"command {commands} {'whole' if COMMAND in ha.run.pcm else 'not whole'}"


async def main(port: int) -> None:
    """Live until killed."""
    printed = 0
    async with FakeHomeAssistant(port, habits=HABITS, on_stream=answer) as ha:
        while True:
            for line in list(lines(ha))[printed:]:
                print(line, flush=True)
                printed += 1
            ha.news.clear()
            await ha.news.wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
