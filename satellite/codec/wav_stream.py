"""WAV files that come one after the other in one stream."""

from __future__ import annotations

from satellite.codec.frames import Sound
from satellite.codec.wav import WavReader

# RIFF, any length, WAVE.
_HEADER_BYTES = 12


class WavStream:
    """Turns the bytes of one or more WAV files, in pieces of any size, into 16-bit PCM.

    A new file begins at its header: behind the sound of the one before, or within a sound whose length nobody knows.
    What else follows a sound is no sound.
    """

    def __init__(self) -> None:
        self._reader = WavReader()
        self._held = b""

    def feed(self, data: bytes) -> list[Sound]:
        """What can be given out now.

        Raises:
            AudioFormatError: this is no WAV file, or one that is not understood.
        """
        data = self._held + data
        sounds: list[Sound] = []
        done = 0
        place = data.find(b"RIFF")
        while 0 <= place <= len(data) - _HEADER_BYTES:
            if data[place + 8 : place + _HEADER_BYTES] == b"WAVE":
                sounds += self._sound(data[done:place])
                done = place
                if self._reader.may_end:
                    self._reader = WavReader()
            place = data.find(b"RIFF", place + 1)
        end = _possible_header(data, done)
        self._held = data[end:]
        return sounds + self._sound(data[done:end])

    def finish(self) -> list[Sound]:
        """The input is over: what was still held.

        Raises:
            AudioFormatError: it ended before a sound began.
        """
        sounds = self._sound(self._held)
        self._held = b""
        self._reader.finish()
        return sounds

    def _sound(self, data: bytes) -> list[Sound]:
        pcm = self._reader.feed(data)
        return [(self._reader.format, pcm)] if pcm and self._reader.format else []


def _possible_header(data: bytes, done: int) -> int:
    """Where the last bytes begin that may become a header when more of them come."""
    for place in range(max(done, len(data) - _HEADER_BYTES + 1), len(data)):
        if b"RIFF".startswith(data[place : place + 4]) and b"WAVE".startswith(data[place + 8 :]):
            return place
    return len(data)
