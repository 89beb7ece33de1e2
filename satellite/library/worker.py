"""The thread that finds utterances in a microphone's sound, or a recording's."""

from __future__ import annotations

from collections import deque

from satellite.core.errors import SatelliteError
from satellite.core.waiting import Bell
from satellite.library.chunks import Chunk
from satellite.library.cutting import Cutter, Utterance, UtteranceSettings
from satellite.library.file import File
from satellite.library.incoming import End, Incoming
from satellite.library.run import Run
from satellite.library.settings import InputSettings
from satellite.library.speaking import judge


class Live:
    """A microphone: opened when it is not open, and then closed at the end."""

    waits = False

    def __init__(self, incoming: Incoming) -> None:
        self.settings = incoming.settings
        self._incoming = incoming
        self._stopped = False
        # Chunks that came before the stop and are still to be heard.
        self._left = 0
        self._opened_here = not incoming.is_open

    def open(self) -> None:
        """Raises DeviceError."""
        if self._opened_here:
            intake = self._incoming.begin()
            self._incoming.bell.wait(lambda: self._stopped or intake.opening())

    def next(self) -> Chunk | End | None:
        """The next chunk, waited for."""
        return self._incoming.bell.wait(self._next)

    def stop(self) -> None:
        """What came up to now is the rest."""
        with self._incoming.bell:
            if not self._stopped:
                self._stopped, self._left = True, self._incoming.waiting
            self._incoming.bell.ring()

    def close(self) -> None:
        """Close what was opened here."""
        if self._opened_here:
            self._incoming.close()

    def _next(self) -> Chunk | End | None:
        if not self._stopped:
            return self._incoming.next()
        if not self._left:
            return End.END
        self._left -= 1
        return self._incoming.next()


class Recording:
    """A file: never too slow, so nothing of it needs to be dropped."""

    waits = True

    def __init__(self, file: File) -> None:
        self.settings: InputSettings = file.settings
        self._file = file
        self._stopped = False

    def open(self) -> None:
        pass

    def next(self) -> Chunk | End | None:
        return (None if self._stopped else self._file.read_with_metadata()) or End.END

    def stop(self) -> None:
        self._stopped = True

    def close(self) -> None:
        pass


class Worker(Run):
    """Finds the utterances, and has the queue in which they wait."""

    causes = (SatelliteError, OSError)

    def __init__(self, feed: Live | Recording, settings: UtteranceSettings, bell: Bell) -> None:
        super().__init__("utterances", bell)
        self._feed = feed
        self._settings = settings
        self.waiting: deque[Utterance] = deque()
        self.found = self.dropped = 0

    def halt(self) -> None:
        """What was said up to here is still to be found."""
        self._feed.stop()

    def next(self) -> Utterance | End | None:
        """An attempt: the oldest utterance that waits. Raises what ended the stream, after the last one."""
        if self.waiting:
            utterance = self.waiting.popleft()
            self.bell.ring()
            return utterance
        self.raise_error()
        return None if self.running else End.END

    def work(self) -> None:
        source, settings = self._feed.settings, self._settings
        cutter = Cutter(settings, source, judge(settings.vad, source.sample_rate, settings.model_path))
        try:
            self._feed.open()
            while isinstance(chunk := self._feed.next(), Chunk):
                self._put(cutter.process(chunk.data))
        finally:
            self._put(cutter.flush())
            self._feed.close()

    def _put(self, found: list[Utterance]) -> None:
        for utterance in found:
            if self._feed.waits:
                self.bell.wait(self._room)
            with self.bell:
                self.waiting.append(utterance)
                self.found += 1
                if len(self.waiting) > self._settings.queue_utterances:
                    self.waiting.popleft()
                    self.dropped += 1
                self.bell.ring()

    def _room(self) -> bool | None:
        return True if self._stopping.is_set() or len(self.waiting) < self._settings.queue_utterances else None
