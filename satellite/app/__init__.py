"""The daemon: `run` is what `satellite` does when it is not asked for anything else."""

from __future__ import annotations

from satellite.app.daemon import run
from satellite.app.names import check_names

__all__ = ["check_names", "run"]
