"""What is said, one utterance at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar, Unpack, overload

from satellite.core.errors import ReadTimedOut, SettingOutOfRange
from satellite.library.async_microphone import AsyncMicrophone
from satellite.library.cutting import Utterance, UtteranceOptions, UtteranceSettings
from satellite.library.file import File
from satellite.library.incoming import End
from satellite.library.microphone import Microphone
from satellite.library.run import Runs
from satellite.library.worker import Live, Recording, Worker

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class UtteranceStatistics:
    """How many utterances were found, wait to be taken, and were dropped because too many waited."""

    found: int
    waiting: int
    dropped: int


@overload
def utterances(
    source: Microphone | AsyncMicrophone | File, callback: None = None, **options: Unpack[UtteranceOptions]
) -> Utterances: ...


@overload
def utterances(
    source: Microphone | AsyncMicrophone | File,
    callback: Callable[[Utterance], Result | None],
    **options: Unpack[UtteranceOptions],
) -> Iterator[Result]: ...


def utterances(
    source: Microphone | AsyncMicrophone | File,
    callback: Callable[[Utterance], Result | None] | None = None,
    **options: Unpack[UtteranceOptions],
) -> Utterances | Iterator[Result]:
    """What is said into a microphone, or in a recording.

    ```
    for utterance in utterances(Microphone()):
        print(utterance.start_s, utterance.end_s)
    ```

    A microphone that is not open is opened, and closed at the end. `for` and `async for` both work; use `with` or
    `async with` where you may leave the loop early. A thread finds the utterances, so a slow loop loses no sound: up to
    `queue_utterances` wait, then the oldest is dropped and counted (of a File none is: it waits). On stop, and at the
    end of the stream, what was just being said is given out, too. Ctrl-C while it waits is such a stop.

    Args:
        source: its own vad may stay off.
        callback: is given each utterance; what it returns, except None, is what the iteration gives. Without it, the
            utterances themselves.
        vad: "silero", "energy" or "webrtc".
        vad_threshold: score from which sound is speech, 0 to 1; as Microphone has it.
        model_path: another file of Silero's model.
        lookback_ms: kept before the first sound of speech, 0 to 5,000 (300).
        min_speech_ms: shorter speech is no utterance, 10 to 5,000 (250). 120 finds more words of a quarter of a second.
        end_silence_ms: silence that ends it, and belongs to it, 50 to 10,000 (300). 600 keeps sentences together.
        max_s: what is longer comes in pieces without a gap, 1 to 120 (30).
        queue_utterances: how many may wait to be taken, 1 to 1,024 (16).

    Raises:
        ArgumentError: something is out of range.
    """
    if not isinstance(source, Microphone | AsyncMicrophone | File):
        raise SettingOutOfRange(f"source={source!r}: a Microphone, an AsyncMicrophone or a File is wanted")
    found = Utterances(source, UtteranceSettings(**options))
    return found if callback is None else _results(found, callback)


def _results(found: Utterances, callback: Callable[[Utterance], Result | None]) -> Iterator[Result]:
    for utterance in found:
        if (result := callback(utterance)) is not None:
            yield result


class Utterances:
    """What `utterances` returns: to be iterated over, or read one by one between start and stop."""

    def __init__(self, source: Microphone | AsyncMicrophone | File, settings: UtteranceSettings) -> None:
        self._search = Search(source, settings)

    def start(self) -> None:
        """Begin to listen, in a thread; nothing happens when it listens already. What fails is told by read()."""
        self._search.begin()

    def stop(self) -> None:
        """Stop listening, and wait for the thread; a microphone that was opened here is closed. Twice is harmless.

        What was said up to here can still be read.
        """
        self._search.close()

    def read(self, timeout_ms: float | None = None) -> Utterance | None:
        """The next utterance; None when the stream is over and all were read.

        Raises:
            ReadTimedOut: none was complete for so long.
            NotRunning: it was never started.
            DeviceError, ModelError: the microphone or the model failed; all that was said before was read.
        """
        worker = self._search.current
        timeout_s = None if timeout_ms is None else timeout_ms / 1000
        got: Utterance | End | None = worker.bell.wait(worker.next, timeout_s)
        return _utterance_or_end(got)

    async def aread(self, timeout_ms: float | None = None) -> Utterance | None:
        """The same for asyncio; cancelled, it has taken nothing."""
        worker = self._search.current
        timeout_s = None if timeout_ms is None else timeout_ms / 1000
        got: Utterance | End | None = await worker.bell.wait_async(worker.next, timeout_s)
        return _utterance_or_end(got)

    def statistics(self) -> UtteranceStatistics:
        """Since the last start."""
        worker = self._search.last
        if worker is None:
            return UtteranceStatistics(0, 0, 0)
        return UtteranceStatistics(worker.found, len(worker.waiting), worker.dropped)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._search.aclose()

    def __iter__(self) -> Iterator[Utterance]:
        begun_here = not self._search.is_open
        self.start()
        try:
            while (utterance := self._interruptible()) is not None:
                yield utterance
        finally:
            if begun_here:
                self.stop()

    async def __aiter__(self) -> AsyncIterator[Utterance]:
        begun_here = not self._search.is_open
        self.start()
        try:
            while (utterance := await self.aread()) is not None:
                yield utterance
        finally:
            if begun_here:
                await self._search.aclose()

    def _interruptible(self) -> Utterance | None:
        try:
            return self.read()
        except KeyboardInterrupt:
            self.stop()
            return self.read()


class Search(Runs[Worker]):
    """The runs of a search for utterances."""

    def __init__(self, source: Microphone | AsyncMicrophone | File, settings: UtteranceSettings) -> None:
        super().__init__("search for utterances")
        self._source = source
        self._settings = settings

    def begin(self) -> Worker:
        """Raises ForkedProcess."""
        self.check_process()
        with self.bell:
            if self.last and self.last.running:
                return self.last
            feed = Recording(self._source) if isinstance(self._source, File) else Live(self._source.incoming)
            return self.started(Worker(feed, self._settings, self.bell))


def _utterance_or_end(got: Utterance | End | None) -> Utterance | None:
    if got is None:
        raise ReadTimedOut("no utterance was complete in time")
    return None if got is End.END else got
