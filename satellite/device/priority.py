"""Who must give way to whom at the speaker."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

# -20 dB.
UNDER = 0.1


class Priority(IntEnum):
    """What a sound is; it goes down by 20 dB while one of a higher priority sounds.

    A cue is above all and does not count for others: it is too short to make way for.
    """

    MEDIA = 0
    ALARM = 1
    SPEECH = 2
    CUE = 3


def loudest(sounding: Iterable[Priority], *, attentive: bool) -> Priority:
    """The priority below which all give way; `attentive`: a person speaks, which is speech as well."""
    if attentive:
        return Priority.SPEECH
    return max((priority for priority in sounding if priority is not Priority.CUE), default=Priority.MEDIA)


def share(priority: Priority, above: Priority) -> float:
    """The factor for a sound of `priority` while `above` is the loudest."""
    return UNDER if priority < above else 1.0
