"""What Home Assistant sees of mDNS: real multicast, on the loopback interface alone."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import secrets
from collections.abc import AsyncIterator, Callable

import pytest
from zeroconf import ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from satellite.network.discovery import SERVICE_TYPE
from satellite.network.interfaces import OwnAddress


def machine() -> OwnAddress:
    """A machine of its own. Unicast answers to one address with several mDNS programs reach only one of them."""
    address = ".".join(["127", *(str(1 + secrets.randbelow(254)) for _ in range(3))])
    return OwnAddress("lo", 1, ipaddress.ip_address(address), ipaddress.ip_network("127.0.0.0/8"))


class Browser:
    """What Home Assistant sees: names that come and go."""

    def __init__(self, zeroconf: AsyncZeroconf) -> None:
        self.names: set[str] = set()
        self._zeroconf = zeroconf
        self._news = asyncio.Event()
        self._browser = AsyncServiceBrowser(zeroconf.zeroconf, SERVICE_TYPE, handlers=[self._changed])

    def _changed(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        instance = name.removesuffix(f".{SERVICE_TYPE}")
        if state_change is ServiceStateChange.Removed:
            self.names.discard(instance)
        else:
            self.names.add(instance)
        self._news.set()

    async def until(self, fact: Callable[[set[str]], bool]) -> None:
        while not fact(self.names):
            self._news.clear()
            await self._news.wait()

    async def resolve(self, instance: str) -> AsyncServiceInfo:
        info = await self._zeroconf.async_get_service_info(SERVICE_TYPE, f"{instance}.{SERVICE_TYPE}", 20_000)
        assert info is not None
        return info


@contextlib.asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    try:
        zeroconf = AsyncZeroconf(interfaces=[str(machine().address)])
    except OSError as error:
        pytest.skip(f"this machine has no multicast: {error}")
    try:
        yield Browser(zeroconf)
    finally:
        await zeroconf.async_close()
