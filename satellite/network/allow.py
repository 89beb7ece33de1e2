"""Who may connect."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence

from satellite.core.errors import ServerError
from satellite.network.interfaces import Address, Network, own_networks

LOCAL_NETWORKS: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "127.0.0.0/8",
        "::1/128",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "fc00::/7",
        "fe80::/10",
    )
)
# A stranger who knocks makes us look at our interfaces again, but not oftener than this.
REFRESH_S = 1.0
# Lines about refusals in the log: so many, in so long a time.
LINES = 5
LINES_PERIOD_S = 60.0


class Allow:
    """Decides by address. Without entries: this machine, private networks, and those on our own interfaces now.

    Args:
        entries: addresses and networks, the setting `server.allow`; when there are any, nothing else may connect.
        networks: the networks on our own interfaces.

    Raises:
        ServerError: an entry is neither an address nor a network.
    """

    def __init__(self, entries: Sequence[str] = (), networks: Callable[[], Iterable[Network]] = own_networks) -> None:
        self._configured = bool(entries)
        self._fixed = tuple(map(_network, entries)) if entries else LOCAL_NETWORKS
        self._look = networks
        self._own: frozenset[Network] = frozenset()
        self._looked_at_s = -REFRESH_S

    def admits(self, peer: str, now_s: float) -> bool:
        """Whether the address `peer`, as the socket names it, may connect."""
        address = _address(peer)
        if address is None:
            return False
        if _within(address, self._fixed) or _within(address, self._own):
            return True
        if self._configured or now_s - self._looked_at_s < REFRESH_S:
            return False
        self._looked_at_s = now_s
        self.refresh()
        return _within(address, self._own)

    def refresh(self) -> None:
        """Look at our own interfaces; the first look is the slow one (a child process, 20 ms)."""
        if not self._configured:
            self._own = frozenset(self._look())


class Refusals:
    """Counts refusals, and decides which of them are worth a line in the log: a flood must not fill it."""

    def __init__(self) -> None:
        self.count = 0
        self._period_began_s = 0.0
        self._lines = 0
        self._unsaid = 0

    def line(self, peer: str, now_s: float) -> str | None:
        """Count a refusal. Returns its line for the log, or None when there were enough of them."""
        self.count += 1
        if now_s - self._period_began_s >= LINES_PERIOD_S:
            self._period_began_s = now_s
            self._lines = 0
        if self._lines >= LINES:
            self._unsaid += 1
            return None
        self._lines += 1
        more = f" ({self._unsaid} other refusals were not logged)" if self._unsaid else ""
        self._unsaid = 0
        return f"refused a connection from {peer}: the setting server.allow does not let it in{more}"


def _network(entry: str) -> Network:
    try:
        return ipaddress.ip_network(entry.strip(), strict=False)
    except ValueError as error:
        raise ServerError(
            f"server.allow: {entry!r} is neither an address nor a network; write 192.168.1.5 or 192.168.1.0/24"
        ) from error


def _address(peer: str) -> Address | None:
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)
