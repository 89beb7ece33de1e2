"""Listening sockets on all addresses, on one or on those of one interface, and how a peer's socket is set up."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterable

from satellite.core.errors import ServerError
from satellite.network.interfaces import is_interface

# The kernel gives up on a silent peer after 15 + 3 * 5 s, and on one that takes no data after 30 s.
KEEPALIVE_IDLE_S = 15
KEEPALIVE_INTERVAL_S = 5
KEEPALIVE_COUNT = 3
UNSENT_LIMIT_MS = 30_000
# Linux doubles it: 256 KiB, 8 s of microphone sound, wait in the kernel where nothing can overtake; the rest in Outbox.
SEND_BUFFER_BYTES = 128 * 1024
# Two sockets, one port: how often to try when the system chose one that is taken in the other family.
PORT_TRIES = 10


async def open_listeners(host: str, port: int) -> list[socket.socket]:
    """Listening sockets on `host`, or on every IPv4 and IPv6 address when it is empty; all on one port.

    Args:
        host: an address, or an interface: then only what comes in there is let in, whatever its addresses are.
        port: 0 lets the system choose.

    Raises:
        ServerError: the port is taken, or the address is not ours.
    """
    interface = host if is_interface(host) else ""
    families = _everywhere() if interface or not host else await _resolve(host)
    for last_try in [False] * (PORT_TRIES - 1) + [True]:
        try:
            return _open_all(families, port, interface)
        except OSError as error:
            if last_try or port or error.errno != errno.EADDRINUSE:
                raise ServerError(_explain(error, host, port)) from error
    raise AssertionError("the last try returns or raises")


def _everywhere() -> list[tuple[socket.AddressFamily, str]]:
    families = [(socket.AF_INET, "0.0.0.0")]  # noqa: S104  (the peers are chosen by server.allow)
    return [*families, (socket.AF_INET6, "::")] if _has_ipv6() else families


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return False
    return True


async def _resolve(host: str) -> list[tuple[socket.AddressFamily, str]]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise ServerError(f"server.host: {host!r} is neither an address nor an interface of this machine") from error
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))


def _open_all(families: Iterable[tuple[socket.AddressFamily, str]], port: int, interface: str) -> list[socket.socket]:
    opened: list[socket.socket] = []
    try:
        for family, address in families:
            opened.append(_open(family, address, port, interface))
            port = opened[0].getsockname()[1]
    except OSError:
        for listener in opened:
            listener.close()
        raise
    return opened


def _open(family: socket.AddressFamily, address: str, port: int, interface: str) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if interface:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        listener.bind(socket.getaddrinfo(address, port, family, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)[0][4])
        listener.listen(16)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _explain(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} is taken by another program: stop it, or set server.port"
        case errno.EADDRNOTAVAIL:
            return f"server.host: {host!r} is not an address of this machine"
        case errno.EPERM:
            return f"server.host: only Linux 5.7 and newer lets us listen on {host}; give its address"
        case errno.EACCES:
            return f"port {port} is not ours to open: set server.port to 1024 or above"
        case _:
            return f"cannot listen on {host or 'any address'}, port {port}: {error.strerror or error}"


def prepare(peer: socket.socket) -> None:
    """Send at once, keep little in the kernel, and notice a peer whose power was cut.

    Raises:
        OSError: the peer is gone already.
    """
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_S)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_COUNT)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNSENT_LIMIT_MS)
