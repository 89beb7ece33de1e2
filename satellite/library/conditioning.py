"""What may be done to the sound before a person gets it. Each is nothing unless asked for."""

from __future__ import annotations

import logging

from satellite.dsp.peak import WARNING
from satellite.dsp.processing import Processing
from satellite.library.settings import InputSettings

log = logging.getLogger(__name__)


def conditioning(settings: InputSettings) -> Processing:
    """The chain that the settings ask for, for one stream; speech detection hears the sound before it.

    Raises:
        EngineMissing: the extra [webrtc] cannot run here.
    """
    if settings.peak_normalise_dbfs is not None:
        log.warning("peak_normalise_dbfs: %s", WARNING)
    return Processing(settings.processing, settings.sample_rate, settings.channels, gain_db=settings.gain_db)
