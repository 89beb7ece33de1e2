"""Events in, effects out: one at a time, in order, on the loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from satellite import session
from satellite.core import effects as fx
from satellite.core import events as ev
from satellite.core.errors import IllegalEvent
from satellite.core.inbox import Inbox
from satellite.session import timers
from satellite.session.timers import Timers

log = logging.getLogger(__name__)

Observer: TypeAlias = Callable[[float, ev.Event | fx.Effect], None]


class Dialogue:
    """Carries every event to the session and every effect of it to who performs it.

    Attributes:
        state: the conversation; to be replaced between events only.
        inbox: where any thread may post.
        illegal_events: how many were ignored, because they cannot be where they came.
        bugs: exceptions in what performs effects or watches.

    Args:
        timers: those that run already.
        perform: what carries out each kind of effect.
        watch: called with the time and every event and effect, in order.
        settled: called after every event, when its effects are done.
    """

    def __init__(
        self,
        state: session.State,
        timers: Timers,
        perform: Mapping[type, Callable[[Any], None]],
        watch: Observer,
        settled: Callable[[], None],
    ) -> None:
        self.state = state
        self.timers = timers
        self.illegal_events = self.bugs = 0
        self._perform, self._watch, self._settled = perform, watch, settled
        self._loop = asyncio.get_running_loop()
        self.inbox = Inbox(lambda: self._loop.call_soon_threadsafe(self.drain))
        self._tick: asyncio.TimerHandle | None = None

    def drain(self) -> None:
        """Handle all that was posted, now."""
        for event in self.inbox.take():
            self.handle(event)

    def handle(self, event: ev.Event) -> None:
        """Step the session and its timers, and see to their effects."""
        now_s = self._loop.time()
        self._guard(self._watch, now_s, event)
        try:
            self.state, effects, deadline_s = session.step(self.state, event, now_s)
            effects += self._step_timers(event, now_s)
        except IllegalEvent as error:
            self.illegal_events += 1
            log.error("ignored: %s", error)
            return
        for effect in effects:
            self._guard(self._perform[type(effect)], effect)
            self._guard(self._watch, self._loop.time(), effect)
        self._guard(self._settled)
        times = [time_s for time_s in (deadline_s, self.timers.deadline_s) if time_s is not None]
        self._schedule(min(times, default=None))

    def stop(self) -> None:
        """No deadline is kept any more."""
        self._schedule(None)

    def _step_timers(self, event: ev.Event, now_s: float) -> list[fx.Effect]:
        before = self.timers
        self.timers, effects = timers.step(before, event, now_s)
        for alarm in self.timers.alarms:
            if alarm not in before.alarms:
                log.info("%s", alarm)
        return effects

    def _guard(self, act: Callable[..., None], *about: object) -> None:
        """A bug in one effect must not cost the others, nor the events behind it: the satellite would stay deaf."""
        try:
            act(*about)
        except Exception:
            self.bugs += 1
            log.exception("a bug; the conversation goes on")

    def _schedule(self, deadline_s: float | None) -> None:
        if self._tick:
            self._tick.cancel()
            self._tick = None
        if deadline_s is not None:
            self._tick = self._loop.call_at(deadline_s, self.handle, ev.Tick())
