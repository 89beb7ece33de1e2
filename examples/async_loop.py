"""Hear yourself, a chunk later, in asyncio: python async_loop.py [SECONDS]."""

import asyncio
import sys

from satellite import AsyncMicrophone, AsyncSpeaker


async def main(seconds: float) -> None:
    async with (
        await AsyncMicrophone.open(frames_per_buffer=320) as mic,
        await AsyncSpeaker.open() as speaker,
    ):
        async for chunk in mic.aiter_with_metadata():
            await speaker.write(chunk.data)
            if chunk.sequence * mic.settings.chunk_s >= seconds:
                break
    print(f"heard {seconds:g} s")


asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 10))
