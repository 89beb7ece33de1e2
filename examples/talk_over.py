"""Hear the room while you play into it, without what you play: python talk_over.py FILE [RECORDED]."""

import sys
import wave

from satellite import File, Microphone, Speaker

recorded = sys.argv[2] if len(sys.argv) > 2 else "recorded.wav"
with (
    Microphone(aec=True) as mic,
    Speaker(sample_rate=48_000, queue_ms=60_000, heard_by=mic) as speaker,
    wave.open(recorded, "wb") as file,
):
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(16_000)
    for samples in File(sys.argv[1], sample_rate=48_000):
        speaker.write(samples)
    while speaker.is_playing:
        file.writeframes(bytes(mic.read() or b""))
    metrics = mic.aec_metrics()
print(f"the echo came {metrics.delay_ms or 0:.0f} ms late and is {metrics.erle_db:.0f} dB softer in {recorded}")
