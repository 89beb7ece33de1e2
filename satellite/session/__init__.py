"""The conversation, and the timers beside it: without device, socket, thread or clock."""

from satellite.session.conversation import step
from satellite.session.state import Phase, Sound, State

__all__ = ["Phase", "Sound", "State", "step"]
