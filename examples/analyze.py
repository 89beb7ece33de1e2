"""Where somebody speaks in a recording, without any hardware: python analyze.py FILE."""

import sys

from satellite import File

for segment in File(sys.argv[1], vad="silero").analyze().segments:
    print(f"{segment.start_s:.2f} s to {segment.end_s:.2f} s")
