"""Which of those who may connect may be the server: anyone, or only the first that ever was."""

from __future__ import annotations

from collections.abc import Callable


class Trust:
    """With `first` set, the first server's address is remembered, and no other becomes the server.

    Wyoming has no passwords: an address is all there is to know a peer by. Whoever can take that address is trusted.

    Args:
        first: trust the first one only.
        pinned: its address, when it is known from before; "": nobody yet.
        remember: called with the address that is pinned, to keep it.
    """

    def __init__(self, first: bool, pinned: str, remember: Callable[[str], None]) -> None:
        self._first = first
        self._pinned = pinned
        self._remember = remember
        self.refused = 0

    @property
    def pinned(self) -> str:
        """The address that is trusted alone; "": none is, yet."""
        return self._pinned if self._first else ""

    def admits(self, address: str) -> bool:
        """Whether a peer at this address may be the server."""
        if self._first and not self._pinned:
            self._pinned = address
            self._remember(address)
        if not self._first or address == self._pinned:
            return True
        self.refused += 1
        return False

    def forget(self) -> None:
        """The next server is the first one again."""
        self._pinned = ""
        self._remember("")
