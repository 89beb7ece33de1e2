"""Wake words of several kinds, heard as if they were of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from satellite.core.audio import Int16
from satellite.detect.microwakeword import MicroModel, MicroWakeWords
from satellite.detect.wakeword import Scores, WakeModel, WakeWordStatistics


class WakeEngine(Protocol):
    """What looks for wake words: `process` gives the scores of all its `models` at the end of every hop of 80 ms.

    `fresh` gives another that has heard nothing.
    """

    @property
    def models(self) -> Sequence[WakeModel]: ...

    def process(self, samples: Int16) -> list[Scores]: ...

    def keep_only(self, name: str) -> None: ...

    def keep_all(self) -> None: ...

    def statistics(self) -> WakeWordStatistics: ...

    def fresh(self) -> WakeEngine: ...


class NoWords:
    """Hears nothing: somebody else listens for the wake word."""

    models: tuple[WakeModel, ...] = ()

    def process(self, _samples: Int16) -> list[Scores]:
        """No scores."""
        return []

    def keep_only(self, _name: str) -> None:
        """There is nothing to keep."""

    def keep_all(self) -> None:
        """There is nothing to keep."""

    def fresh(self) -> NoWords:
        """Another."""
        return NoWords()

    def statistics(self) -> WakeWordStatistics:
        """Nothing is computed."""
        return WakeWordStatistics(0, warm=True, engine="none")


class Together:
    """Several engines that hear the same sound. A word whose engine is not warm yet scores 0."""

    def __init__(self, engines: Sequence[WakeEngine]) -> None:
        self.models = tuple(model for engine in engines for model in engine.models)
        self._engines = engines
        self._cold = {model.name: 0.0 for model in self.models}

    def process(self, samples: Int16) -> list[Scores]:
        """Hear int16 samples, shape (n,), at 16 kHz, cut in any way; the scores of every hop completed by them."""
        by_hop: dict[int, dict[str, float]] = {}
        for engine in self._engines:
            for at, scores in engine.process(samples):
                by_hop.setdefault(at, dict(self._cold)).update(scores)
        return [Scores(at, by_hop[at]) for at in sorted(by_hop)]

    def fresh(self) -> Together:
        """Another that has heard nothing."""
        return Together([engine.fresh() for engine in self._engines])

    def keep_only(self, name: str) -> None:
        """Look for this word alone; all others score 0."""
        for engine in self._engines:
            engine.keep_only(name)

    def keep_all(self) -> None:
        """Look for all words again."""
        for engine in self._engines:
            engine.keep_all()

    def statistics(self) -> WakeWordStatistics:
        """Hops of all alike; warm when all are."""
        each = [engine.statistics() for engine in self._engines]
        return WakeWordStatistics(
            hops=max(one.hops for one in each),
            warm=all(one.warm for one in each),
            engine=" and ".join(one.engine for one in each),
        )


def open_engine(models: Sequence[WakeModel], open_wake_word: Callable[[Sequence[WakeModel]], WakeEngine]) -> WakeEngine:
    """What hears all these words; an engine that none of them needs is not loaded.

    Args:
        models: at least one, of any kind.
        open_wake_word: opens openWakeWord's engine for words.

    Raises:
        ModelError: a model, or the engine it needs, is missing or damaged.
    """
    micro = [model for model in models if isinstance(model, MicroModel)]
    others = [model for model in models if not isinstance(model, MicroModel)]
    engines: list[WakeEngine] = [open_wake_word(others)] if others else []
    if micro:
        engines.append(MicroWakeWords(micro))
    return engines[0] if len(engines) == 1 else Together(engines)
