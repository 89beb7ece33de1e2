"""The satellite's own sounds, made of soft tones: nothing to ship, nothing to license."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from satellite.core.audio import Float32, Int16

CUE_RATE_HZ = 48_000


class _Note(NamedTuple):
    hz: float
    ms: float


# One bright note asks, a falling fourth closes; what went wrong is lower and longer, and each has its own tune. The
# awake sound must be over before a person begins to speak, so it has at most 150 ms; what waits does not speak over
# them. What asks is one pure tone at 2.8 kHz, because somebody may speak over it: voices are weak there, and the fewer
# and the longer the tones, the less of a voice is in them. Under a voice of its own level the echo of the awake sound
# goes by 32 dB in the median and 19 at least; that of a rising fourth above 1 kHz went by 22 and 8.
_CUES = {
    "awake": (_Note(2794, 140),),
    "done": (_Note(2794, 60), _Note(2093, 80)),
    "follow_up": (_Note(2794, 90),),
    "timer": (_Note(784, 110), _Note(988, 110), _Note(784, 110), _Note(988, 170)),
    "error": (_Note(330, 140), _Note(247, 220)),
    "not_understood": (_Note(440, 120), _Note(392, 120), _Note(440, 160)),
    "waiting": (_Note(988, 70), _Note(988, 70)),
    "away": (_Note(392, 140), _Note(330, 140), _Note(262, 240)),
    "no_microphone": (_Note(262, 140), _Note(262, 140), _Note(196, 260)),
}
_PEAK = 0.1
# Each note swells and fades as half a cosine, so that nothing clicks; a little of the octave makes a low one fuller.
_FADE_MS = 25
_OCTAVE, _LOW_HZ = 0.2, 1_000


def make_cue(name: str, rate_hz: int = CUE_RATE_HZ) -> Int16:
    """The sound of that name, which is one of the [sounds] of the configuration.

    Returns:
        int16, shape (n,), mono at `rate_hz`, peak about -20 dBFS, beginning and ending in silence.
    """
    sound = np.concatenate([_tone(note, rate_hz) for note in _CUES[name]])
    cue: Int16 = np.rint(sound * (32767 * _PEAK / np.abs(sound).max())).astype(np.int16)
    return cue


def _tone(note: _Note, rate_hz: int) -> Float32:
    time_s = np.arange(round(rate_hz * note.ms / 1000), dtype=np.float32) / rate_hz
    left_s = note.ms / 1000 - time_s
    turn = 2 * np.pi * note.hz * time_s
    octave = _OCTAVE if note.hz < _LOW_HZ else 0.0
    swell = np.sin(np.pi / 2 * np.clip(np.minimum(time_s, left_s) / (_FADE_MS / 1000), 0, 1)) ** 2
    tone: Float32 = ((np.sin(turn) + octave * np.sin(2 * turn)) * swell).astype(np.float32)
    return tone
