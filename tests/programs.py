"""Programs that speak raw PCM through pipes, as arecord and aplay do, but without a card."""

from __future__ import annotations

import shlex
import sys
import textwrap


def command(program: str, *arguments: object) -> str:
    """A command line that runs this Python program."""
    words = [sys.executable, "-I", "-S", "-u", "-c", textwrap.dedent(program), *map(str, arguments)]
    return shlex.join(words)


# Gives the bytes of a file, a piece at a time, and then waits.
SPEAK = """
    import sys, time
    data = open(sys.argv[1], "rb").read()
    for start in range(0, len(data), 512):
        sys.stdout.buffer.write(data[start:start + 512])
        time.sleep(0.001)
    time.sleep(60)
"""
# Complains and ends.
FAIL = """
    import sys
    sys.stderr.write("first line\\nmain:830: audio open error: Device or resource busy\\n\\n")
    sys.exit(3)
"""
# Writes what it hears into a file, as slowly as 48 kHz mono is heard.
LISTEN = """
    import os, sys, time
    out = open(sys.argv[1], "ab", buffering=0)
    while data := os.read(0, 960):
        time.sleep(len(data) / 96000 * 0.9)
        out.write(data)
"""
# Reads nothing.
DEAF = """
    import time
    time.sleep(60)
"""
# Is slow to start: reads nothing before a file appears, then writes all that it hears into another; then waits.
LATE = """
    import os, sys, time
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.01)
    out = open(sys.argv[2], "ab", buffering=0)
    while data := os.read(0, 960):
        out.write(data)
"""
# Hears the first 32 KiB, and then nothing more.
SATED = """
    import os, time
    left = 32_768
    while left > 0:
        left -= len(os.read(0, left))
    time.sleep(60)
"""
# Will not be ended by a polite signal, and has a child that holds the pipe.
STUBBORN = """
    import signal, subprocess, sys, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)"])
    open(sys.argv[1], "w").write(str(child.pid))
    time.sleep(60)
"""
# Tells of an overrun as arecord does.
OVERRUN = """
    import sys, time
    sys.stdout.buffer.write(bytes(320))
    sys.stderr.write("overrun!!! (at least 12.345 ms long)\\n")
    time.sleep(60)
"""
