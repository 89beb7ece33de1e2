"""Who may connect."""

from __future__ import annotations

import ipaddress

import pytest

from satellite.core.errors import ServerError
from satellite.network import allow
from satellite.network.allow import Allow, Refusals


@pytest.mark.parametrize(
    "peer",
    [
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.9",
        "::ffff:192.168.1.9",
        "fd00::1",
        "fe80::1",
        "fe80::1%eth0",
    ],
)
def test_this_machine_and_private_networks_may_connect(peer: str) -> None:
    assert Allow(networks=tuple).admits(peer, 0.0)


@pytest.mark.parametrize(
    "peer", ["8.8.8.8", "172.32.0.1", "2001:db8::1", "::ffff:8.8.8.8", "100.64.0.1", "unknown", ""]
)
def test_strangers_may_not(peer: str) -> None:
    assert not Allow(networks=tuple).admits(peer, 0.0)


def test_neighbours_on_our_own_public_network_may() -> None:
    own = [ipaddress.ip_network("203.0.113.0/24"), ipaddress.ip_network("2001:db8:1::/64")]
    rule = Allow(networks=lambda: own)
    assert rule.admits("203.0.113.7", 0.0)
    assert rule.admits("2001:db8:1::5", 0.0)
    assert not rule.admits("2001:db8:2::5", 0.0)


def test_a_network_that_appears_later_is_seen_but_a_flood_does_not_make_us_look_all_the_time() -> None:
    own: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
    looks: list[int] = []

    def look() -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        looks.append(1)
        return own

    rule = Allow(networks=look)
    for _ in range(100):
        assert not rule.admits("203.0.113.7", 10.0)
    assert len(looks) == 1
    own.append(ipaddress.ip_network("203.0.113.0/24"))
    assert rule.admits("203.0.113.7", 10.0 + allow.REFRESH_S)


def test_what_is_configured_replaces_the_default() -> None:
    rule = Allow(["192.168.1.5", "203.0.113.0/24", "2001:db8::/32"])
    assert rule.admits("192.168.1.5", 0.0)
    assert rule.admits("::ffff:203.0.113.9", 0.0)
    assert rule.admits("2001:db8::9", 0.0)
    assert not rule.admits("192.168.1.6", 0.0)
    assert not rule.admits("127.0.0.1", 0.0)


def test_a_network_may_be_written_with_the_address_of_a_machine_in_it() -> None:
    assert Allow(["192.168.1.5/24"]).admits("192.168.1.77", 0.0)


@pytest.mark.parametrize("entry", ["kitchen", "192.168.1.0/33", "", "10.0.0.0-10.0.0.9"])
def test_a_bad_entry_is_one_line_that_names_the_setting(entry: str) -> None:
    with pytest.raises(ServerError, match=r"^server\.allow: .* is neither an address nor a network.*$"):
        Allow([entry])


def test_a_refusal_is_one_line_with_the_address_and_the_setting() -> None:
    refusals = Refusals()
    line = refusals.line("8.8.8.8", 0.0)
    assert line is not None
    assert "8.8.8.8" in line
    assert "server.allow" in line


def test_a_flood_of_refusals_is_counted_and_does_not_fill_the_log() -> None:
    refusals = Refusals()
    lines = [refusals.line("8.8.8.8", float(second) / 100) for second in range(1000)]
    assert sum(line is not None for line in lines) == allow.LINES
    assert refusals.count == 1000
    later = refusals.line("8.8.4.4", allow.LINES_PERIOD_S)
    assert later is not None
    assert f"({1000 - allow.LINES} other refusals were not logged)" in later
    assert "not logged" not in (refusals.line("8.8.4.4", allow.LINES_PERIOD_S) or "")
