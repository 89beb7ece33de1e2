"""Which rate to ask a card for, where ALSA would have to convert.

ALSA's own converter interpolates in straight lines: asked for 16 kHz, a 48 kHz microphone folds all that is above 8 kHz
into the speech, at full level. Its better converters are plugins in a package of their own, which a small system does
not have. Then the card is asked for a rate of its own, and we convert.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path

from satellite.core.errors import DeviceError

PLUGINS = Path("/usr/lib", sysconfig.get_config_var("MULTIARCH") or "", "alsa-lib")
# What ALSA's shared devices (dsnoop, dmix, and so "default") run the card at, unless they are told otherwise.
SHARED_HZ = 48_000


def alsa_converts_well(plugins: Path = PLUGINS) -> bool:
    """ALSA has a rate converter with a filter."""
    return any(plugins.glob("libasound_module_rate_*.so"))


def rate_to_ask(pcm: str, wanted_hz: int, rates_of: Callable[[str], Sequence[int]], *, converts_well: bool) -> int:
    """The rate to ask a PCM for.

    Args:
        pcm: ALSA's name of it.
        wanted_hz: the rate that is used in the end.
        rates_of: the rates that a card has, by the name of its bare PCM; may raise DeviceError.
        converts_well: as alsa_converts_well() says.
    """
    if converts_well or pcm.startswith("hw:"):
        return wanted_hz
    if not pcm.startswith("plughw:"):
        return max(wanted_hz, SHARED_HZ)
    try:
        rates = sorted(rates_of(pcm.removeprefix("plug")))
    except DeviceError:
        # It will not open, and that is where it is told.
        return wanted_hz
    higher = [rate for rate in rates if rate >= wanted_hz]
    return (
        wanted_hz if wanted_hz in rates else min(higher, key=lambda rate: (rate % wanted_hz, rate), default=rates[-1])
    )
