"""A library in the place of SpeexDSP that does not do what it should."""

from __future__ import annotations

import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


def broken_speex(folder: Path, *defines: str) -> Path:
    """The compiled library, in a file of the name that the loader looks for.

    Args:
        defines: NO_STATE: it gives no canceller; else it makes everything as loud as it can be.
    """
    built = folder / "libspeexdsp.so.1"
    flags = [f"-D{define}" for define in defines]
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", *flags, str(SOURCE), "-o", str(built)], check=True)
    return built
