"""All tables about hearing in one run, against the packages that others use, and how long that took.

    scripts/benchmark hearing [--data FOLDER] [--write]

Engines, listening, endpointing and false_wakes one after the other, each in a process of its own.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from corpus import DEFAULT

PARTS = ("engines", "listening", "endpointing", "false_wakes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DEFAULT, help="folder of recordings (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="also into docs/performance.md")
    given = parser.parse_args()
    options = ["--data", str(given.data), *(["--write"] if given.write else [])]
    took = []
    for name in PARTS:
        began_s = time.monotonic()
        print(f"\n## {name}\n", flush=True)
        command = [sys.executable, str(Path(__file__).parent), name, *options]
        if failed := subprocess.run(command, check=False).returncode:
            raise SystemExit(failed)
        took.append(f"{name} {(time.monotonic() - began_s) / 60:.1f}")
    print(f"\nMinutes: {', '.join(took)}.")


if __name__ == "__main__":
    main()
