"""One knob for everything that decides whether there is a voice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """How easily it hears. The thresholds that are configured are those of normal sensitivity.

    Attributes:
        gate_margin_db: so much louder than the room a sound must be.
        vad_odds, wake_odds: by what the odds of a threshold are multiplied, for speech and for wake words.
    """

    gate_margin_db: float
    vad_odds: float
    wake_odds: float


NORMAL = "normal"
# For speech 0.5 becomes 0.3 or 0.7; for a wake word 0.35 or 0.7, and one of 0.97 becomes 0.95 or 0.99.
LEVELS: Mapping[str, Sensitivity] = MappingProxyType(
    {
        "high": Sensitivity(gate_margin_db=4.0, vad_odds=3 / 7, wake_odds=7 / 13),
        NORMAL: Sensitivity(gate_margin_db=5.0, vad_odds=1.0, wake_odds=1.0),
        "low": Sensitivity(gate_margin_db=8.0, vad_odds=7 / 3, wake_odds=7 / 3),
    }
)


def moved(threshold: float, odds: float) -> float:
    """A threshold, 0 to 1, whose odds are multiplied; it stays within 0 to 1."""
    return threshold if odds == 1 else odds * threshold / (1 - threshold + odds * threshold)
