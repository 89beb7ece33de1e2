"""Bytes of any sound format in, PCM out, while they arrive."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
import os
import threading
import weakref
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from satellite.codec.extra import decoded
from satellite.codec.frames import WAITING_S, AudioFrame, Conformer, FrameQueue, Losses
from satellite.codec.kinds import ID3_BYTES, SOUND_BYTES, TAG_LIMIT_BYTES, Kind, labelled, recognised, tag_bytes
from satellite.codec.pipe import LIMIT_BYTES, StreamBuffer
from satellite.codec.wav_stream import WavStream
from satellite.core.errors import AudioFormatError, ForkedProcess, SatelliteError
from satellite.core.waiting import Bell

log = logging.getLogger(__name__)

# How much of a WAV is decoded at once.
_STEP_BYTES = 16 * 1024
# A decoder that is closed ends after the packet it is at.
_LONGEST_END_S = 10.0


@dataclass(frozen=True, slots=True)
class DecoderStatistics:
    """What waits in a decoder, and what it left out.

    Attributes:
        undecoded_bytes: pushed and not decoded.
        waiting_s: decoded and not read.
        damaged_packets: they could not be decoded.
        skipped_bytes: they were no MP3.
    """

    undecoded_bytes: int
    waiting_s: float
    damaged_packets: int
    skipped_bytes: int


class AudioStreamDecoder:
    """Decodes one stream of sound while its bytes arrive.

    Understood are WAV and, with the extra [codecs], MP3, AAC, FLAC, Opus and Vorbis in Ogg and WebM, and MP4. One
    task or thread pushes, one reads, by `for` or by `async for`. WAV is decoded where it is read; all else in one
    thread, from the first push on. At most 10 s of sound wait to be read; then undecoded bytes wait, at most 8 MiB.

    Args:
        sample_rate: of the frames, in Hz; None keeps the source's.
        num_channels: of the frames. One channel goes to all; of more the mean goes to all, unless the counts agree.
            None keeps the source's.
        format: the MIME type, in any case. What the first bytes say counts more; an unknown one is ignored.

    Raises:
        RateOutOfRange, ChannelsOutOfRange: no such frames can be made.
        ForkedProcess: by all methods but `close`, in a child of the process that decodes in a thread.
    """

    def __init__(
        self,
        *,
        sample_rate: int | None = 48_000,
        num_channels: int | None = 1,
        format: str | None = None,  # noqa: A002  # the name that callers know
    ) -> None:
        self._conformer = Conformer(sample_rate, num_channels)
        self._label = labelled(format)
        self._bell = Bell()
        self._input = StreamBuffer(self._bell)
        self._output = FrameQueue(self._bell)
        self._losses = Losses()
        self._kind: Kind | None = None
        self._wav: WavStream | None = None
        self._thread: threading.Thread | None = None
        self._process = os.getpid()
        # The thread does not know this object: a decoder that is forgotten ends its thread.
        self._end = weakref.finalize(self, _close, self._process, self._input, self._output)
        _OPEN.add(self)

    def push(self, data: bytes | bytearray | memoryview) -> None:
        """Add bytes, cut in any way; never waits. After `close` and after an error they are dropped.

        Raises:
            Overflow: more than 8 MiB would wait undecoded; nothing of `data` was taken, and it may be pushed again.
            InputEnded: `end_input` was called before.
        """
        self._check_process()
        self._input.push(data)
        self._recognise()

    def end_input(self) -> None:
        """No more bytes will come: what is held is decoded, then the frames end. May be called again."""
        self._check_process()
        self._input.end_input()
        self._recognise()

    def drain(self) -> None:
        """Wait until at most half of the 8 MiB are undecoded, or the decoder cannot go on without more."""
        self._check_process()
        self._bell.wait(self._drained)

    async def adrain(self) -> None:
        """The same for a coroutine."""
        self._check_process()
        await self._bell.wait_async(self._drained)

    def statistics(self) -> DecoderStatistics:
        """What waits, and what was left out."""
        self._check_process()
        with self._bell:
            return DecoderStatistics(
                self._input.waiting_bytes, self._output.waiting_s, self._losses.packets, self._losses.skipped_bytes
            )

    def available(self) -> list[AudioFrame]:
        """The frames that are decoded now, without waiting; at most about 10 s of them.

        Raises:
            AudioFormatError: like the iteration, once the frames before the error are taken.
        """
        frames: list[AudioFrame] = []
        left_s = WAITING_S
        self._check_process()
        with self._bell:
            while left_s > 0 and self._advance() and not (frames and self._output.waiting_s == 0):
                if (frame := self._output.take()) is None:
                    break
                frames.append(frame)
                left_s -= frame.duration_s
        return frames

    def close(self) -> None:
        """Drop what waits and end the thread; a reader sees the end. At any moment, from any thread, and again."""
        self._end()
        if self._thread and os.getpid() == self._process:
            self._bell.wait(self._thread_left, _LONGEST_END_S)
            self._join(self._thread)

    async def aclose(self) -> None:
        """The same for a coroutine."""
        self._end()
        if self._thread and os.getpid() == self._process:
            await self._bell.wait_async(self._thread_left, _LONGEST_END_S)
            self._join(self._thread)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> AudioFrame:
        """The next frame, waited for.

        Raises:
            CodecMissing: the stream needs the extra [codecs].
            AudioFormatError: the stream cannot be decoded from here on; every further call raises again.
        """
        self._check_process()
        taken = self._bell.wait(self._attempt)
        if not taken or taken[0] is None:
            raise StopIteration
        return taken[0]

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AudioFrame:
        """Like `__next__`; other tasks have their turn before each frame."""
        self._check_process()
        await asyncio.sleep(0)
        taken = await self._bell.wait_async(self._attempt)
        if not taken or taken[0] is None:
            raise StopAsyncIteration
        return taken[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()

    def _check_process(self) -> None:
        if self._thread and os.getpid() != self._process:
            raise ForkedProcess(
                f"this decoder belongs to process {self._process}, from which this one was forked: "
                "make it here, or start processes by 'spawn'"
            )

    def _drained(self) -> bool:
        stuck = self._kind is None or self._input.starving or self._output.ended
        return stuck or self._input.waiting_bytes <= LIMIT_BYTES // 2

    def _thread_left(self) -> bool:
        return self._output.writer_left

    def _join(self, thread: threading.Thread) -> None:
        if self._output.writer_left:
            thread.join()
        else:
            log.error("the decoder's thread has not ended within %.0f s of its close", _LONGEST_END_S)

    def _recognise(self) -> None:
        """Begin to decode, once the first bytes say what they are."""
        with self._bell:
            if self._kind or self._output.ended:
                return
            if self._input.ended and not self._input.waiting_bytes:
                self._output.end()
                return
            tag = tag_bytes(self._input.beginning(ID3_BYTES))
            sound = self._input.beginning(SOUND_BYTES, tag)
            if len(sound) < SOUND_BYTES and not self._input.ended and tag <= TAG_LIMIT_BYTES:
                return
            try:
                self._kind = recognised(sound, self._label, tag > 0)
            except AudioFormatError as error:
                self._finish(error)
            else:
                self._begin(self._kind)

    def _begin(self, kind: Kind) -> None:
        if kind is Kind.WAV:
            self._wav = WavStream()
            return
        self._thread = threading.Thread(
            target=_decode,
            name="AudioDecoder",
            args=(kind, self._input, self._conformer, self._output, self._losses),
            daemon=True,
        )
        self._thread.start()

    def _attempt(self) -> tuple[AudioFrame | None] | None:
        """What is to be taken, None within it for the end; None as long as there is nothing yet."""
        return (self._output.take(),) if self._advance() else None

    def _advance(self) -> bool:
        """Whether there is something to take; when there is none yet, a piece of a WAV is decoded for it."""
        while self._wav and not self._output.ready() and (self._input.waiting_bytes or self._input.ended):
            self._decode_wav(self._wav, self._input.take(_STEP_BYTES))
        return self._output.ready()

    def _decode_wav(self, wav: WavStream, data: bytes) -> None:
        try:
            for sound in wav.feed(data) if data else wav.finish():
                for frame in self._conformer.frames(sound):
                    self._output.add(frame)
        except AudioFormatError as error:
            self._finish(error)
        else:
            if not data:
                self._finish(None)

    def _finish(self, error: AudioFormatError | None) -> None:
        for frame in self._conformer.flush():
            self._output.add(frame)
        self._output.end(error)
        self._input.close()


def _decode(kind: Kind, source: StreamBuffer, conformer: Conformer, output: FrameQueue, losses: Losses) -> None:
    """The thread: it knows nothing of the decoder."""
    error: BaseException | None = None
    try:
        with contextlib.closing(decoded(source, kind, losses)) as sounds:
            for sound in sounds:
                if not all(map(output.put, conformer.frames(sound))):
                    return
    except SatelliteError as cause:
        error = cause
    except BaseException as cause:
        error = cause
        raise
    finally:
        for frame in conformer.flush():
            output.put(frame)
        output.end(error)
        source.close()
        output.leave()


def _close(process: int, source: StreamBuffer, output: FrameQueue) -> None:
    # In a forked child the lock may be held by a thread that is not there.
    if os.getpid() == process:
        output.close()
        source.close()


_OPEN: weakref.WeakSet[AudioStreamDecoder] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """A thread that still decodes when Python takes itself apart would have its libraries complain."""
    for decoder in list(_OPEN):
        decoder.close()
