"""Runs one benchmark, or a part of one: `python benchmarks NAME [OPTION...]`. Ctrl-C ends it without a traceback."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

INTERRUPTED = 130

if __name__ == "__main__":
    name = sys.argv.pop(1)
    sys.argv[0] = str(Path(__file__).with_name(f"{name}.py"))
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
