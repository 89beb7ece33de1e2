"""What the echo canceller makes of the speaker test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from satellite.core.audio import AudioFormat
from satellite.diagnostics.duplex import Playing, Recording
from satellite.dsp.canceller import Canceller
from satellite.dsp.echo import EchoCanceller
from satellite.dsp.reference import Reference

# With an echo as far over the room as that, it should lower it by so much.
CLEAR_DB, LEAST_DB = 25.0, 10.0


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What it did in the end.

    Attributes:
        erle_db: by how much it lowered the echo, in about the last second.
        delay_ms: that it found, from when the card says that the sound is heard; None: it found none.
        ppm: by how many millionths the microphone's clock is slower than the speaker's.
        starved_ms, dropped_ms: of what was played, that it did not get in time.
    """

    erle_db: float
    delay_ms: float | None
    ppm: float
    starved_ms: float
    dropped_ms: float

    def __str__(self) -> str:
        delay = "no delay found" if self.delay_ms is None else f"delay {self.delay_ms:.0f} ms"
        return f"echo {self.erle_db:.0f} dB down, {delay}, clock {round(self.ppm):+d} ppm"


def cancel(recording: Recording, playing: Playing, form: AudioFormat, canceller: Canceller) -> Cancelled:
    """Let it hear all that was recorded, each read and each write at its time, as in the satellite.

    Args:
        form: of what was played.
    """
    reference = Reference()
    echo = EchoCanceller(reference, canceller)
    writes = list(reversed(playing.writes))
    heard = 0
    for count, newest_s in recording.reads:
        while writes and writes[-1].at_s <= newest_s:
            write = writes.pop()
            reference.wrote(write.pcm, form, write.queued_frames, write.at_s)
        echo.process(recording.samples[heard:count], newest_s)
        heard = count
    told = echo.statistics()
    return Cancelled(told.erle_db, told.delay_ms, told.ppm, told.starved_ms, told.dropped_ms)


def findings(cancelled: Cancelled | None, above_noise_db: float) -> Sequence[str]:
    """What is wrong, in plain words."""
    if cancelled is None or above_noise_db < CLEAR_DB or cancelled.erle_db >= LEAST_DB:
        return []
    text = (
        f"the echo canceller takes only {cancelled.erle_db:.0f} dB of the echo away: lower the speaker's volume, or "
        "name the cards themselves instead of a sound server; if the microphone cancels echoes itself, set "
        'microphone.aec = "off"'
    )
    return [text]
