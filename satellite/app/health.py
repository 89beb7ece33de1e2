"""Whether the satellite really hears and can speak: what the watchdog and the status line go by."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from satellite.listen.digital_silence import NAMED_AFTER_S

if TYPE_CHECKING:
    from satellite.app.satellite import Satellite
    from satellite.device.capture import CaptureStatistics

# The capture thread itself gives a silent device up after 2 to 5 s; when it has not, it is stuck.
DEAF_S = 10.0


def dead_thread(satellite: Satellite) -> str:
    """The audio thread that a bug has ended: nothing but a new process makes it hear or speak again. Empty: none."""
    alive = {thread.name for thread in threading.enumerate()}
    states = {"playback": satellite.playback.statistics().state}
    if satellite.capture:
        states["capture"] = satellite.capture.statistics().state
    return next((name for name, state in states.items() if state == "lost" and name not in alive), "")


def hears(capture: CaptureStatistics | None) -> bool:
    """Frames arrive; or the microphone is lost or not yet there, and that is being handled."""
    if capture is None or capture.state != "open" or capture.last_frame_age_s is None:
        return True
    return capture.last_frame_age_s < DEAF_S


def silent(satellite: Satellite) -> bool:
    """The microphone has been giving nothing but digital silence for 30 s."""
    listener = satellite.listener
    return listener is not None and listener.statistics().digital_silence_s >= NAMED_AFTER_S


def summary(satellite: Satellite) -> str:
    """One line for `systemctl status`, and the first one of `--status`."""
    conversation = satellite.dialogue.state
    microphone = satellite.capture.statistics().state if satellite.capture else "loading models"
    if microphone == "open" and silent(satellite):
        microphone = "silent (dead, or muted in hardware)"
    if conversation.deaf:
        microphone += ", muted" if conversation.muted else ", muted by Home Assistant"
    speaker = satellite.playback.statistics().state
    home = "connected" if conversation.connection is not None else "not connected"
    return f"Home Assistant: {home}; microphone: {microphone}; speaker: {speaker}"
