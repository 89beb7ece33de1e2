"""What a stream begins with."""

from __future__ import annotations

import numpy as np

from satellite.core.audio import RATE_HZ

# Home Assistant's detector hears nothing in the first 0.74 to 0.76 s of a stream; a short command would be missed.
LEAD_IN_S = 0.8
# A wake word engine elsewhere scores only what it has two seconds of, and knows a word only at the end of them: with
# 250 ms before the word openWakeWord's service heard 0 of 20, with this before those 250 ms 20 of 20.
WARM_UP_S = 1.75
QUIETEST_DBFS, LOUDEST_DBFS = -70.0, -50.0


def lead_in(floor_dbfs: float, seconds: float = LEAD_IN_S) -> bytes:
    """Quiet noise like the room's, as WIRE_FORMAT, the same each time but for its level.

    Args:
        floor_dbfs: level of the room; kept within -70 and -50.
    """
    level = 32768 * 10 ** (min(max(floor_dbfs, QUIETEST_DBFS), LOUDEST_DBFS) / 20)
    noise = np.random.default_rng(0).normal(0, level, round(seconds * RATE_HZ))
    return np.rint(noise).astype("<i2").tobytes()
