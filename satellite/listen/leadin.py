"""What a stream begins with."""

from __future__ import annotations

import numpy as np

from satellite.core.audio import RATE_HZ

# Home Assistant's detector hears nothing in the first 0.74 to 0.76 s of a stream; a short command would be missed.
LEAD_IN_S = 0.8
QUIETEST_DBFS, LOUDEST_DBFS = -70.0, -50.0


def lead_in(floor_dbfs: float) -> bytes:
    """Quiet noise like the room's, as WIRE_FORMAT: 0.8 s, the same each time but for its level.

    Args:
        floor_dbfs: level of the room; kept within -70 and -50.
    """
    level = 32768 * 10 ** (min(max(floor_dbfs, QUIETEST_DBFS), LOUDEST_DBFS) / 20)
    noise = np.random.default_rng(0).normal(0, level, round(LEAD_IN_S * RATE_HZ))
    return np.rint(noise).astype("<i2").tobytes()
