"""Tell when somebody speaks: python loop.py [SECONDS]."""

import sys

from satellite import Microphone

seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60
spoke = False
with Microphone(vad="silero") as mic:
    for chunk in mic.iter_with_metadata():
        if chunk.is_speaking != spoke:
            spoke = chunk.is_speaking
            print("somebody speaks" if spoke else "silence", f"(score {chunk.vad_score:.2f})", flush=True)
        if (chunk.sequence + 1) * mic.settings.chunk_s >= seconds:
            break
