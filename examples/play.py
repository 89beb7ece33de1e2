"""Play a sound file of any format: python play.py FILE. All but WAV needs the extra [codecs]."""

import sys

from satellite import File, Speaker

with Speaker(sample_rate=48_000, channels=2) as speaker:
    for samples in File(sys.argv[1], sample_rate=48_000, channels=2):
        speaker.write(samples)
print("played")
