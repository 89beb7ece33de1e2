"""Save what is said, one file for each utterance: python utterances.py [FOLDER [HOW_MANY]]."""

import sys
import wave
from pathlib import Path

from satellite import Microphone, utterances

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
wanted = int(sys.argv[2]) if len(sys.argv) > 2 else 10
with utterances(Microphone(), lookback_ms=300, end_silence_ms=600) as heard:
    for number, utterance in enumerate(heard, 1):
        path = folder / f"utterance-{number}.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16_000)
            file.writeframes(bytes(utterance.data))
        print(f"{path}: {utterance.end_s - utterance.start_s:.2f} s", flush=True)
        if number == wanted:
            break
