"""Listening sockets."""

from __future__ import annotations

import socket

import pytest
from network.wire import drive

from satellite.core.errors import ServerError
from satellite.network import sockets
from satellite.network.sockets import open_listeners


def opened(host: str, port: int = 0) -> list[tuple[str, int]]:
    listeners = drive(open_listeners(host, port))
    try:
        return [listener.getsockname()[:2] for listener in listeners]
    finally:
        for listener in listeners:
            listener.close()


def test_everywhere_means_ipv4_and_ipv6_on_one_port() -> None:
    names = opened("")
    assert names[0][0] == "0.0.0.0"
    assert [name for name, _ in names[1:]] == (["::"] if sockets._has_ipv6() else [])
    assert len({port for _, port in names}) == 1


def test_one_address_means_that_one() -> None:
    (name, port), *others = opened("127.0.0.1")
    assert (name, others) == ("127.0.0.1", [])
    assert port > 0


def test_a_port_can_be_opened_again_right_after_it_was_closed() -> None:
    [(_, port)] = opened("127.0.0.1")
    assert opened("127.0.0.1", port) == [("127.0.0.1", port)]


def test_a_taken_port_is_one_line_that_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match=f"port {port} is taken by another program: .* server.port"):
            opened("127.0.0.1", port)
        with pytest.raises(ServerError, match=f"port {port} is taken"):
            opened("", port)


@pytest.mark.parametrize(
    ("host", "what"),
    [("203.0.113.1", "not an address"), ("no..host", "neither an address nor an interface"), ("eth99", "neither an")],
)
def test_an_address_that_is_not_ours_is_one_line(host: str, what: str) -> None:
    with pytest.raises(ServerError, match=f"server.host: '{host}' is {what}.* of this machine"):
        opened(host)


def reaches(host: str) -> bool:
    """Whether a connection from this machine to itself, which comes in on lo, reaches who listens on `host`."""
    listeners = drive(open_listeners(host, 0))
    try:
        with socket.create_connection(("127.0.0.1", listeners[0].getsockname()[1]), timeout=10):
            return True
    except ConnectionRefusedError:
        return False
    finally:
        for listener in listeners:
            listener.close()


def test_an_interface_means_what_comes_in_there_and_nothing_else() -> None:
    others = [name for _, name in socket.if_nameindex() if name != "lo"]
    if not others:
        pytest.skip("there is but one interface")
    assert reaches("lo")
    assert not reaches(others[0])


def test_a_peers_socket_sends_at_once_and_notices_a_power_cut() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as peer:
        sockets.prepare(peer)
        assert peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert peer.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == sockets.KEEPALIVE_IDLE_S
        assert peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == sockets.UNSENT_LIMIT_MS
