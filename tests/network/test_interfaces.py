"""Our own addresses."""

from __future__ import annotations

import ipaddress

from satellite.network.interfaces import OwnAddress, announced, own_addresses, own_networks


def own(address: str, interface: str = "eth0", *, index: int = 2, up: bool = True, lasting: bool = True) -> OwnAddress:
    prefix = 24 if "." in address else 64
    network = ipaddress.ip_network(f"{address}/{prefix}", strict=False)
    return OwnAddress(interface, index, ipaddress.ip_address(address), network, up, lasting)


def shown(*addresses: OwnAddress) -> list[str]:
    return [str(each.address) for each in announced(addresses)]


def test_this_machine_has_a_loopback_address_on_an_interface_that_works() -> None:
    loopback = next(each for each in own_addresses() if each.address == ipaddress.ip_address("127.0.0.1"))
    assert loopback.up
    assert loopback.index > 0
    assert ipaddress.ip_network("127.0.0.0/8") in own_networks()


def test_ipv4_comes_first_and_loopback_is_not_announced() -> None:
    assert shown(own("::1", "lo"), own("fd00::2"), own("127.0.0.1", "lo"), own("192.168.1.5")) == [
        "192.168.1.5",
        "fd00::2",
    ]


def test_link_local_addresses_are_announced_only_when_there_is_nothing_else() -> None:
    assert shown(own("fe80::1"), own("169.254.3.4"), own("192.168.1.5")) == ["192.168.1.5"]
    assert shown(own("fe80::1"), own("169.254.3.4")) == ["169.254.3.4", "fe80::1"]


def test_a_server_on_loopback_alone_is_announced_there() -> None:
    here = next(each for each in own_addresses() if each.address == ipaddress.ip_address("127.0.0.1"))
    assert announced([here], "127.0.0.1") == (here,)
    assert announced([here], "0.0.0.0") == ()


def test_bridges_to_own_containers_and_dead_links_are_not_announced() -> None:
    assert shown(own("172.17.0.1", "docker0"), own("10.0.0.1", "virbr0"), own("192.168.1.5", up=False)) == []


def test_addresses_that_change_every_day_are_announced_only_when_there_is_nothing_else() -> None:
    assert shown(own("2001:db8::99", lasting=False), own("2001:db8::1")) == ["2001:db8::1"]
    assert shown(own("2001:db8::99", lasting=False)) == ["2001:db8::99"]
