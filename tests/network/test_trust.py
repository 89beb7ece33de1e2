"""Who may be the server."""

from __future__ import annotations

from satellite.network.trust import Trust


def test_everybody_is_trusted_by_default_and_nobody_remembered() -> None:
    kept: list[str] = []
    trust = Trust(first=False, pinned="192.0.2.1", remember=kept.append)
    assert trust.admits("192.0.2.2")
    assert (trust.pinned, trust.refused, kept) == ("", 0, [])


def test_the_first_is_remembered_and_others_are_refused_and_counted() -> None:
    kept: list[str] = []
    trust = Trust(first=True, pinned="", remember=kept.append)
    assert trust.admits("192.0.2.1")
    assert not trust.admits("192.0.2.2")
    assert trust.admits("192.0.2.1")
    assert (trust.pinned, trust.refused, kept) == ("192.0.2.1", 1, ["192.0.2.1"])


def test_one_that_is_known_from_before_is_the_first() -> None:
    trust = Trust(first=True, pinned="192.0.2.1", remember=lambda _address: None)
    assert not trust.admits("192.0.2.2")
    trust.forget()
    assert trust.admits("192.0.2.2")
