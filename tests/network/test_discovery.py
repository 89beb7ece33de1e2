"""Being found: real mDNS on the loopback interface alone, seen by another program's eyes."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Sequence

import pytest
from network.browser import browsing, machine
from network.wire import drive

from satellite.network.discovery import (
    Announcement,
    Discovery,
    DiscoveryStatistics,
    Service,
    Timing,
)
from satellite.network.interfaces import OwnAddress

QUICK = Timing(poll_s=0.02, retry_s=0.02, retry_max_s=0.05)


def service(identity: str, host: str = "", name: str = "Kitchen") -> Service:
    return Service(identity, name, "1.2.3", 10_700, host)


@pytest.fixture
def identity() -> str:
    """One that no other run of these tests on this machine has at the same time."""
    return secrets.token_hex(6)


@contextlib.asynccontextmanager
async def announcing(
    what: Service, addresses: Callable[[], Sequence[OwnAddress]] | None = None
) -> AsyncIterator[Discovery]:
    here = machine()
    discovery = Discovery(what, addresses=addresses or (lambda: (here,)), timing=QUICK)
    await discovery.start()
    try:
        yield discovery
    finally:
        await discovery.close()


async def reaches(discovery: Discovery, fact: Callable[[DiscoveryStatistics], bool]) -> DiscoveryStatistics:
    """Wait until the statistics say so; the story's deadline holds."""
    while True:
        if fact(discovery.statistics()):
            return discovery.statistics()
        await asyncio.sleep(0.01)


def announced(statistics: DiscoveryStatistics) -> bool:
    return statistics.state is Announcement.ANNOUNCED


def test_the_service_appears_with_what_home_assistant_needs_and_vanishes_at_once(identity: str) -> None:
    async def story() -> None:
        async with browsing() as browser:
            here = machine()
            async with announcing(service(identity, name="Küche" * 60), lambda: (here,)):
                await browser.until(lambda names: identity in names)
                info = await browser.resolve(identity)
                assert info.parsed_addresses() == [str(here.address)]
                assert (info.port, info.server) == (10_700, f"{identity}.local.")
                assert info.decoded_properties["version"] == "1.2.3"
                assert (info.decoded_properties["name"] or "").startswith("KücheKüche")
                leaving_s = asyncio.get_running_loop().time()
            await browser.until(lambda names: identity not in names)
            assert asyncio.get_running_loop().time() - leaving_s < 5.0, "of the minutes that it would be remembered"

    drive(story())


def test_the_second_of_one_name_is_renamed_host_name_and_all(identity: str, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with announcing(service(identity)) as first:
            await reaches(first, announced)
            async with announcing(service(identity)) as second, browsing() as browser:
                assert (await reaches(second, announced)).instance == f"{identity}-2"
                info = await browser.resolve(f"{identity}-2")
                assert info.server == f"{identity}-2.local."
                assert first.statistics().instance == identity

    drive(story())
    assert f"another device on this network is called {identity}: announced as {identity}-2" in caplog.text


def test_a_network_that_comes_late_and_changes_is_followed(identity: str) -> None:
    async def story() -> None:
        here: list[OwnAddress] = []
        async with announcing(service(identity), lambda: tuple(here)) as discovery:
            none = await reaches(discovery, lambda now: now.state is Announcement.UNAVAILABLE)
            assert none.reason == "no network"
            here.append(machine())
            assert (await reaches(discovery, announced)).addresses == (str(here[0].address),)
            here.clear()
            await reaches(discovery, lambda now: now.state is Announcement.UNAVAILABLE)
            assert discovery.statistics().addresses == ()

    drive(story())


def test_a_failure_is_said_once_retried_and_harms_nobody(identity: str, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        # A label longer than DNS allows: refused by zeroconf itself, as a broken interface would be.
        async with announcing(service("x" * 80)) as discovery:
            failed = await reaches(discovery, lambda now: now.failures >= 3)
            assert failed.state is Announcement.UNAVAILABLE
            assert failed.reason

    drive(story())
    assert len([line for line in caplog.messages if line.startswith("Home Assistant cannot find")]) == 1


@pytest.mark.parametrize(("host", "reason"), [("192.168.77.1", "no 192.168.77.1"), ("::", "no ::")])
def test_only_addresses_that_the_server_listens_on_are_announced(identity: str, host: str, reason: str) -> None:
    async def story() -> None:
        async with announcing(service(identity, host)) as discovery:
            none = await reaches(discovery, lambda now: now.state is Announcement.UNAVAILABLE)
            assert none.reason == reason

    drive(story())


def test_of_an_interface_only_its_own_addresses_are_announced(identity: str) -> None:
    ours = machine().interface
    others = [name for _, name in socket.if_nameindex() if name != ours]

    async def story() -> None:
        async with announcing(service(identity, ours)) as discovery:
            await reaches(discovery, announced)
        for other in others[:1]:
            async with announcing(service(identity, other)) as discovery:
                none = await reaches(discovery, lambda now: now.state is Announcement.UNAVAILABLE)
                assert none.reason == f"no {other}"

    drive(story())


def test_closing_is_quick_in_every_state_and_twice_is_harmless(identity: str) -> None:
    async def story() -> None:
        here = machine()
        discovery = Discovery(service(identity), addresses=lambda: (here,), timing=QUICK)
        await discovery.close()
        await discovery.start()
        await discovery.close()
        await discovery.close()
        assert discovery.statistics().state is Announcement.WITHDRAWN

    drive(story(), within_s=10.0)
