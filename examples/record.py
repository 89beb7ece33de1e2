"""Record five seconds, in one line: python record.py [FILE [SECONDS]]."""

import sys

from satellite import record_to_file

path = sys.argv[1] if len(sys.argv) > 1 else "recorded.wav"
seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 5
frames = record_to_file(path, seconds)
print(f"{frames} frames in {path}")
