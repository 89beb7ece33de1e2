"""Play two files at once: python tracks.py MUSIC VOICE."""

import sys
import threading

from satellite import File, Speaker, Track


def play(path: str, track: Track) -> None:
    for samples in File(path, sample_rate=48_000):
        track.write(samples)


with Speaker(sample_rate=48_000) as speaker:
    writers = [threading.Thread(target=play, args=(path, speaker.add_track())) for path in sys.argv[1:3]]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
print("played")
