"""What this machine is, in a few words, and how much memory this process has."""

from __future__ import annotations

import os
import platform
from pathlib import Path

_BOARD = Path("/proc/device-tree/model")
_PROCESSORS = Path("/proc/cpuinfo")


def machine() -> str:
    """Board or processor, machine type and number of cores: "Raspberry Pi Zero 2 W Rev 1.0, aarch64, 4 cores"."""
    cores = len(os.sched_getaffinity(0))
    return f"{_board() or _processor() or 'unknown processor'}, {platform.machine()}, {cores} cores"


def memory_mib(pid: int | str = "self") -> float:
    """Memory that a process has in use (resident), shared libraries included."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _board() -> str:
    return _BOARD.read_text(encoding="utf-8", errors="replace").strip("\0\n ") if _BOARD.exists() else ""


def _processor() -> str:
    lines = _PROCESSORS.read_text(encoding="utf-8", errors="replace").splitlines() if _PROCESSORS.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return names[0] if names else ""
