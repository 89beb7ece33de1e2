"""Telling systemd how the service is: the protocol of sd_notify(3), which is a datagram of lines."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


class Supervisor:
    """The service manager that started this process; without one, nothing is told.

    Args:
        environment: where the manager says how it is reached (NOTIFY_SOCKET) and when it loses patience (WATCHDOG_USEC,
            meant for WATCHDOG_PID alone).
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._told: dict[str, str] = {}
        mine = environment.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
        patience = environment.get("WATCHDOG_USEC", "") if mine else ""
        self.patience_s = int(patience) / 1e6 if patience.isdecimal() else 0.0
        """So long after the last sign of life the process is ended; 0: never."""
        self.unheard = 0
        """How often the manager could not be reached."""

    def tell(self, **facts: str) -> None:
        """READY="1", STOPPING="1", STATUS="a line for people", WATCHDOG="1" (alive). Never waits, never fails.

        What does not change is told once, a sign of life each time.
        """
        news = {key: text for key, text in facts.items() if key == "WATCHDOG" or self._told.get(key) != text}
        if not self._address or not news:
            return
        self._told.update(news)
        message = "\n".join(f"{key}={text}" for key, text in news.items()).encode()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as door:
            try:
                # A leading @ stands for the abstract namespace, whose names begin with a zero byte.
                door.sendto(message, self._address.replace("@", "\0", 1) if self._address[0] == "@" else self._address)
            except OSError:
                self.unheard += 1
