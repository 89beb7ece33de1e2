"""This machine's own addresses: which networks are ours, which addresses to announce. The only user of ifaddr."""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

# Bridges between this machine and its own containers: nobody outside can reach an address on them, and Home Assistant
# tries only the first address that it is told.
INNER_INTERFACES = ("docker", "br-", "veth", "virbr", "lxc", "lxd", "podman", "cni", "flannel", "cali")
# In /proc/net/if_inet6: temporary (a new one every day), not yet or never verified, deprecated.
PASSING_FLAGS = 0x01 | 0x08 | 0x20 | 0x40

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OwnAddress:
    """An address of this machine.

    Attributes:
        interface: its name, and its index as the system counts.
        network: what is on-link there.
        up: the link works.
        lasting: it will be the same tomorrow; Home Assistant does not follow a satellite whose address changes.
    """

    interface: str
    index: int
    address: Address
    network: Network
    up: bool = True
    lasting: bool = True


def own_addresses() -> tuple[OwnAddress, ...]:
    """All addresses that this machine has now; empty when the system cannot say."""
    import ifaddr  # finds the C library by means of a child process: only when it is needed

    try:
        adapters = list(ifaddr.get_adapters())
    except (OSError, AssertionError, ValueError) as error:
        _log.warning("cannot list the network interfaces: %s", error)
        return ()
    passing = _passing()
    return tuple(
        _own_address(adapter.name, adapter.index or 0, _text(ip.ip), ip.network_prefix, passing)
        for adapter in adapters
        for ip in adapter.ips
    )


def is_interface(host: str) -> bool:
    """A network interface that is there now has this name."""
    return any(name == host for _, name in socket.if_nameindex())


def _text(ip: str | tuple[str, int, int]) -> str:
    return ip if isinstance(ip, str) else ip[0]


def _own_address(interface: str, index: int, text: str, prefix: int, passing: frozenset[Address]) -> OwnAddress:
    address = ipaddress.ip_address(text)
    network = ipaddress.ip_network(f"{text}/{prefix}", strict=False)
    return OwnAddress(interface, index, address, network, _is_up(interface), address not in passing)


def _is_up(interface: str) -> bool:
    """False only when the kernel says so: bridges without a member, cards without a cable."""
    try:
        return Path("/sys/class/net", interface, "operstate").read_text().strip() != "down"
    except OSError:
        return True


def _passing() -> frozenset[Address]:
    """IPv6 addresses that will not be here tomorrow."""
    try:
        lines = Path("/proc/net/if_inet6").read_text().splitlines()
    except OSError:
        return frozenset()
    rows = [line.split() for line in lines]
    return frozenset(ipaddress.IPv6Address(int(row[0], 16)) for row in rows if int(row[4], 16) & PASSING_FLAGS)


def own_networks() -> frozenset[Network]:
    """The networks that are on-link on our interfaces now. A network of everything (/0) is nobody's own."""
    return frozenset(own.network for own in own_addresses() if own.network.prefixlen)


def announced(addresses: Iterable[OwnAddress], host: str = "") -> tuple[OwnAddress, ...]:
    """Those that another machine can use, IPv4 first; passing and link-local ones only when there is nothing else.

    Args:
        host: where the server listens. One on loopback alone is for this machine, and announced there.
    """
    addresses = tuple(addresses)
    if here := [own for own in addresses if own.address.is_loopback and str(own.address) == host]:
        return tuple(here)
    outer = [own for own in addresses if own.up and not own.interface.startswith(INNER_INTERFACES)]
    usable = [own for own in outer if not own.address.is_loopback]
    lasting = [own for own in usable if own.lasting] or usable
    routable = [own for own in lasting if not own.address.is_link_local] or lasting
    return tuple(sorted(routable, key=lambda own: (own.address.version, own.index)))
