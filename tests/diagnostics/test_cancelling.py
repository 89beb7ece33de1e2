"""What the echo canceller makes of a speaker test, in a made room."""

from __future__ import annotations

import numpy as np
import pytest
from echo_room import BEGIN_S, READ, SPEAKER, Room, for_speaker, voice, writes

from satellite.core.audio import RATE_HZ, AudioFormat, Int16
from satellite.diagnostics.cancelling import Cancelled, cancel, findings
from satellite.diagnostics.duplex import Playing, Recording, Write
from satellite.dsp import speex
from satellite.dsp.canceller import open_canceller


class Notes:
    """Takes down what is written, and when."""

    def __init__(self) -> None:
        self.writes: list[Write] = []

    def wrote(self, pcm: bytes, form: AudioFormat, queued_frames: int, now_s: float) -> None:
        assert form == SPEAKER
        self.writes.append(Write(pcm, queued_frames, now_s))


def taken(heard: Int16, played: Int16, room: Room) -> Cancelled:
    notes = Notes()
    for _ in writes(played, room, notes):  # type: ignore[arg-type]
        pass
    reads = [(end, BEGIN_S + end / RATE_HZ) for end in range(READ, len(heard), READ)]
    recording = Recording(heard, BEGIN_S, 0, reads)
    return cancel(recording, Playing(BEGIN_S, BEGIN_S, 0, notes.writes), SPEAKER, open_canceller("speex"))


@pytest.mark.skipif(bool(speex.missing()), reason="libspeexdsp1 is not installed")
def test_it_tells_echo_delay_and_clocks_of_a_recording() -> None:
    far, room = voice(14), Room(delay_s=0.2, ppm=80)
    played = for_speaker(far)
    heard = np.rint(room.echo(played)[: len(far)]).astype(np.int16)
    found = taken(heard, played, room)
    assert found.erle_db > 10
    assert found.delay_ms == pytest.approx(200, abs=1)
    assert found.ppm == pytest.approx(80, abs=5)
    assert found.starved_ms == found.dropped_ms == 0
    assert str(found) == f"echo {found.erle_db:.0f} dB down, delay {found.delay_ms:.0f} ms, clock {found.ppm:+.0f} ppm"


def test_an_echo_that_stays_is_a_finding_where_it_stands_clear_of_the_room() -> None:
    weak = Cancelled(4.0, None, 0.0, 0.0, 0.0)
    assert "takes only 4 dB of the echo away" in findings(weak, 30.0)[0]
    assert str(weak) == "echo 4 dB down, no delay found, clock +0 ppm"
    assert findings(weak, 20.0) == []
    assert findings(Cancelled(20.0, 60.0, 0.0, 0.0, 0.0), 30.0) == []
    assert findings(None, 30.0) == []
