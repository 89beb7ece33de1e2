"""How Home Assistant finds us: mDNS, service type _wyoming._tcp. The only module that knows zeroconf."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import ipaddress
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from satellite.network.interfaces import OwnAddress, announced, is_interface, own_addresses

if TYPE_CHECKING:
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

SERVICE_TYPE = "_wyoming._tcp.local."
# Satellites whose memory card was copied share an identity; the later ones become IDENTITY-2, -3 and so on.
NAMES = 9
# A TXT string holds 255 bytes, its key among them.
TXT_BYTES = 200

_log = logging.getLogger(__name__)


class Announcement(StrEnum):
    """How far we are."""

    STARTING = "starting"
    ANNOUNCED = "announced"
    UNAVAILABLE = "unavailable"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Service:
    """What is announced.

    Attributes:
        identity: stable over restarts and address changes; 12 hex digits by custom. Home Assistant knows us by it.
        name: for people, as in our info.
        version: ours.
        port: where the server listens.
        host: the one address that it listens on, as in `server.host`; empty: all.
    """

    identity: str
    name: str
    version: str
    port: int
    host: str = ""


@dataclass(frozen=True, slots=True)
class Timing:
    """When to look again.

    Attributes:
        poll_s: between two looks at our own addresses.
        retry_s: after the first failure, and while there is no network; doubled with every further failure.
        retry_max_s: the longest wait between two attempts.
        close_s: how long saying goodbye may take.
    """

    poll_s: float = 15.0
    retry_s: float = 5.0
    retry_max_s: float = 60.0
    close_s: float = 1.0


@dataclass(frozen=True, slots=True)
class DiscoveryStatistics:
    """What is announced now. `reason` says why nothing is, or why the last attempt failed."""

    state: Announcement
    instance: str
    addresses: tuple[str, ...]
    reason: str
    announcements: int
    failures: int


class Discovery:
    """Announces the service for as long as there is a network, follows address changes, never fails the program.

    Args:
        addresses: our own addresses to announce now; None: as this machine has them.
    """

    def __init__(
        self,
        service: Service,
        *,
        addresses: Callable[[], Sequence[OwnAddress]] | None = None,
        timing: Timing = Timing(),
    ) -> None:
        self._service = service
        self._look = addresses or (lambda: announced(own_addresses(), service.host))
        self._timing = timing
        self._task: asyncio.Task[None] | None = None
        self._zeroconf: AsyncZeroconf | None = None
        self._state = Announcement.STARTING
        self._instance = service.identity
        self._addresses: tuple[OwnAddress, ...] = ()
        self._reason = ""
        self._announcements = self._failures = 0

    async def start(self) -> None:
        """Begin to announce, in the background. The server must be able to answer by now."""
        self._task = asyncio.create_task(self._run(), name="discovery")
        self._task.add_done_callback(self._stopped)

    async def close(self) -> None:
        """Say goodbye and stop, within `close_s`. Twice is harmless."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        await self._withdraw()
        self._state = Announcement.WITHDRAWN

    def statistics(self) -> DiscoveryStatistics:
        """What is announced now, and counters since the start."""
        shown = tuple(str(own.address) for own in self._addresses)
        return DiscoveryStatistics(
            self._state, self._instance, shown, self._reason, self._announcements, self._failures
        )

    async def _run(self) -> None:
        # Half a second on a small board: not in the loop.
        await asyncio.to_thread(importlib.import_module, "zeroconf.asyncio")
        retry_s = self._timing.retry_s
        while True:
            addresses = self._usable()
            if not addresses:
                await self._unavailable("no network" if not self._service.host else f"no {self._service.host}")
                await asyncio.sleep(self._timing.retry_s)
            elif await self._announce(addresses):
                retry_s = self._timing.retry_s
                await self._until_changed(addresses)
            else:
                await asyncio.sleep(retry_s)
                retry_s = min(2 * retry_s, self._timing.retry_max_s)

    def _stopped(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self._state, self._reason = Announcement.UNAVAILABLE, f"a bug: {error}"
            _log.error("a bug ended the announcement", exc_info=error)

    def _usable(self) -> tuple[OwnAddress, ...]:
        return tuple(own for own in self._look() if _listens(self._service.host, own))

    async def _until_changed(self, addresses: tuple[OwnAddress, ...]) -> None:
        while True:
            await asyncio.sleep(self._timing.poll_s)
            if self._usable() != addresses:
                return

    async def _announce(self, addresses: tuple[OwnAddress, ...]) -> bool:
        """Open sockets on these interfaces and announce on them. New ones each time: the old ones may lead nowhere."""
        import zeroconf
        from zeroconf.asyncio import AsyncZeroconf

        await self._withdraw()
        try:
            self._zeroconf = AsyncZeroconf(interfaces=_interfaces(addresses))
            instance = await self._register(self._zeroconf, addresses)
        except (OSError, RuntimeError, zeroconf.Error) as error:
            self._failures += 1
            await self._unavailable(str(error) or type(error).__name__)
            return False
        self._note_announced(instance, addresses)
        return True

    async def _register(self, opened: AsyncZeroconf, addresses: tuple[OwnAddress, ...]) -> str:
        """Announce under the first name that nobody else has; gives that name."""
        import zeroconf

        identity = self._service.identity
        for instance in [identity, *(f"{identity}-{number}" for number in range(2, NAMES + 1))]:
            try:
                await (await opened.async_register_service(_service_info(self._service, instance, addresses)))
            except zeroconf.NonUniqueNameException:
                continue
            return instance
        raise OSError(f"{identity} and {NAMES - 1} other names are taken")

    def _note_announced(self, instance: str, addresses: tuple[OwnAddress, ...]) -> None:
        self._announcements += 1
        self._state, self._reason = Announcement.ANNOUNCED, ""
        self._addresses = addresses
        if instance != self._service.identity:
            _log.warning(
                "another device on this network is called %s: announced as %s", self._service.identity, instance
            )
        self._instance = instance
        _log.info("announced %s at %s", instance, ", ".join(str(own.address) for own in addresses))

    async def _unavailable(self, reason: str) -> None:
        if reason != self._reason:
            _log.warning("Home Assistant cannot find this device by itself: %s", reason)
        self._state, self._reason = Announcement.UNAVAILABLE, reason
        await self._withdraw()

    async def _withdraw(self) -> None:
        self._addresses = ()
        if self._zeroconf is None:
            return
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(self._timing.close_s):
                await self._zeroconf.async_close()
        self._zeroconf = None  # only now: who was cancelled on the way is finished by close()


def _listens(host: str, own: OwnAddress) -> bool:
    """Whether a server on `host` can be reached at this address."""
    if not host:
        return True
    if is_interface(host):
        return own.interface == host
    try:
        only = ipaddress.ip_address(host)
    except ValueError:
        return True  # a host name: which address it means is the resolver's to say
    return only == own.address or (only.is_unspecified and only.version == own.address.version)


def _interfaces(addresses: Sequence[OwnAddress]) -> list[str | int]:
    """As zeroconf wants them: IPv4 by address, IPv6 by interface index, each once."""
    wanted: list[str | int] = [str(own.address) if own.address.version == 4 else own.index for own in addresses]
    return list(dict.fromkeys(wanted))


def _service_info(service: Service, instance: str, addresses: Sequence[OwnAddress]) -> AsyncServiceInfo:
    from zeroconf.asyncio import AsyncServiceInfo

    name = service.name.encode()[:TXT_BYTES].decode("utf-8", "ignore")
    return AsyncServiceInfo(
        SERVICE_TYPE,
        f"{instance}.{SERVICE_TYPE}",
        addresses=[own.address.packed for own in addresses],
        port=service.port,
        properties={"version": service.version, "name": name},
        server=f"{instance}.local.",
    )
