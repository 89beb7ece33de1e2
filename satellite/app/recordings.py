"""Keeps recordings of what was heard, when the owner asked for it. Off by default."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from satellite.config import RecordingsConfig
from satellite.control.recordings import Kept, Recording, RecordingFolder
from satellite.core import effects as fx
from satellite.core import events as ev
from satellite.core import messages as msg
from satellite.core.audio import WIRE_FORMAT
from satellite.core.places import expanded

log = logging.getLogger(__name__)

# A disk that takes longer than these take to come is too slow to record.
WAITING = 8
# At the end a disk that hangs is left.
CLOSE_S = 1.0
# Longer than any command.
UTTERANCE_BYTES = 61 * WIRE_FORMAT.second_bytes
# Cues that say that nothing will come of the command. It may survive the loss of its server.
_THE_END = ("error", "not_understood", "away")
# A peer's text is cut.
TEXT = 1_000


@dataclass(slots=True)
class _Utterance:
    """A command under way, or waiting for what was understood."""

    began_unix_s: float
    about: dict[str, Any]
    pcm: bytearray = field(default_factory=bytearray)


class Recordings:
    """Watches events and effects on the loop; writes in a thread, one recording at a time.

    Args:
        config: what is wanted, and its limits.
        state: folder beside whose files the recordings are, when the configuration names none.
    """

    def __init__(self, config: RecordingsConfig, state: Path) -> None:
        self._config = config
        path = expanded(config.folder) if config.folder else state / "recordings"
        self._folder = RecordingFolder(path, config.keep, config.limit_bytes)
        self._waiting: deque[Recording] = deque()
        self._writer: asyncio.Task[None] | None = None
        self._utterance: _Utterance | None = None
        self._wake: ev.WakeDetected | None = None
        self._saved = self._dropped = self._failed = 0
        self._failing = self._deaf = False
        self._kept = self._folder.kept() if self.keep.words() else None
        if self.keep.words():
            log.warning("recordings are kept in %s: %s", path, ", ".join(self.keep.words()))

    @property
    def keep(self) -> fx.Keep:
        """What the listener is asked for, and what is kept here."""
        return fx.Keep(self._config.wakes, self._config.near_misses, self._config.utterances)

    def status(self) -> Mapping[str, Any]:
        """For the status: what is kept, where, and what was lost."""
        return {
            "keeping": list(self.keep.words()),
            "folder": str(self._folder.path),
            "saved": self._saved,
            "dropped": self._dropped,
            "failed": self._failed,
            **(asdict(self._kept) if self._kept else {}),
        }

    async def close(self) -> None:
        """Write what waits."""
        self._utterance_over()
        if self._writer:
            await asyncio.wait({self._writer}, timeout=CLOSE_S)

    # --- what happens -----------------------------------------------------------------------------------------------

    def write(self, what: ev.Event | fx.Effect) -> None:
        """Take note of one event or effect."""
        match what:
            case ev.Overheard() if not self._deaf:
                self._overheard(what)
            case fx.ListenFor(muted=muted):
                self._deaf = muted
                if muted:
                    # Nothing is recorded, not even what was said just before.
                    self._utterance = None
            case _ if self._config.utterances:
                self._follow(what)

    def _overheard(self, event: ev.Overheard) -> None:
        kind = event.kind.replace(" ", "-")
        about = {"wake_word": event.model, "score": round(event.score, 3), "threshold": round(event.threshold, 3)}
        began_unix_s = time.time() - len(event.pcm) / WIRE_FORMAT.second_bytes
        self._put(Recording(kind, event.model, began_unix_s, event.pcm, about))

    def _follow(self, what: ev.Event | fx.Effect) -> None:
        match what:
            case ev.WakeDetected():
                self._wake = what
            case fx.StartStream(turn=turn):
                self._begin(turn)
            case fx.TellServer(message=msg.MicAudio(pcm=pcm)) if self._utterance:
                if len(self._utterance.pcm) + len(pcm) <= UTTERANCE_BYTES:
                    self._utterance.pcm += pcm
            case ev.SpeechEnded(reason=reason) if self._utterance:
                self._utterance.about["ended"] = str(reason)
            case ev.TranscriptReceived(text=text) if self._utterance:
                self._utterance.about["transcript"] = text[:TEXT]
                self._utterance_over()
            case ev.PipelineFailed(code=code) if self._utterance:
                self._utterance.about["error"] = code[:TEXT]
                self._utterance_over()
            case fx.PlayCue(name=name) if name in _THE_END:
                self._utterance_over()

    def _begin(self, turn: int) -> None:
        self._utterance_over()
        wake, self._wake = self._wake, None
        about: dict[str, Any] = {"turn": turn}
        if wake:
            about |= {"wake_word": wake.model, "score": round(wake.score, 3)}
        self._utterance = _Utterance(time.time(), about)

    def _utterance_over(self) -> None:
        utterance, self._utterance = self._utterance, None
        if utterance and utterance.pcm:
            label = utterance.about.get("wake_word", "")
            pcm = bytes(utterance.pcm)
            self._put(Recording("utterance", label, utterance.began_unix_s, pcm, utterance.about))

    # --- writing ----------------------------------------------------------------------------------------------------

    def _put(self, recording: Recording) -> None:
        if len(self._waiting) >= WAITING:
            self._dropped += 1
            return
        self._waiting.append(recording)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all())

    async def _write_all(self) -> None:
        while self._waiting:
            try:
                saved, self._kept = await asyncio.to_thread(self._save, self._waiting.popleft())
            except OSError as error:
                self._failed += 1
                if not self._failing:
                    log.warning("recordings cannot be written to %s: %s", self._folder.path, error.strerror or error)
                self._failing = True
            else:
                self._failing = False
                self._saved += saved
                self._dropped += not saved

    def _save(self, recording: Recording) -> tuple[bool, Kept]:
        return self._folder.save(recording), self._folder.kept()
