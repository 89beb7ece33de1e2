"""SpeexDSP: the only place that loads libspeexdsp (Debian package libspeexdsp1)."""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np

from satellite.core.audio import RATE_HZ, Int16
from satellite.core.errors import EngineMissing

LIBRARY = "libspeexdsp.so.1"
BLOCK = 160
# What a room and an inexact delay need.
TAIL_MS = 256.0
# speex_echo.h, speex_preprocess.h
_SET_SAMPLING_RATE = _SET_ECHO_STATE = 24
_Samples = ctypes.POINTER(ctypes.c_int16)


@cache
def _library(name: str) -> ctypes.CDLL:
    library = ctypes.CDLL(name)
    number, state = ctypes.c_int, ctypes.c_void_p
    for function, result, arguments in (
        ("speex_echo_state_init", state, (number, number)),
        ("speex_echo_cancellation", None, (state, _Samples, _Samples, _Samples)),
        ("speex_echo_ctl", number, (state, number, ctypes.c_void_p)),
        ("speex_echo_state_reset", None, (state,)),
        ("speex_echo_state_destroy", None, (state,)),
        ("speex_preprocess_state_init", state, (number, number)),
        ("speex_preprocess_run", number, (state, _Samples)),
        ("speex_preprocess_ctl", number, (state, number, ctypes.c_void_p)),
        ("speex_preprocess_state_destroy", None, (state,)),
    ):
        entry = getattr(library, function)
        entry.restype, entry.argtypes = result, arguments
    return library


def missing(name: str = LIBRARY) -> str:
    """Why it cannot be used, and what to do; empty: it can."""
    try:
        _library(name)
    except (OSError, AttributeError):
        return f"{name} is not there; run: sudo apt-get install libspeexdsp1"
    return ""


class SpeexCanceller:
    """Takes the echo out of a microphone: an adaptive filter, then what is left is pressed down.

    J.-M. Valin's multidelay block frequency adaptive filter and preprocessor. What comes out is one block late.

    Args:
        rate_hz: of the sound, 8,000 to 48,000.
        tail_ms: how long the filter is.
        suppress: press down what the filter leaves.
        name: of the library's file.

    Raises:
        EngineMissing: the library is not installed, or gives no canceller.
    """

    def __init__(
        self, rate_hz: int = RATE_HZ, tail_ms: float = TAIL_MS, *, suppress: bool = True, name: str = LIBRARY
    ) -> None:
        if why := missing(name):
            raise EngineMissing(f"microphone.aec: {why}")
        self.block = rate_hz // 100
        self._suppress = suppress
        self._speex = _library(name)
        self._echo = self._speex.speex_echo_state_init(self.block, round(tail_ms * rate_hz / 1000))
        self._rest = self._speex.speex_preprocess_state_init(self.block, rate_hz)
        if not (self._echo and self._rest):
            raise EngineMissing(f"microphone.aec: {name} gives no echo canceller: it is damaged, or memory is short")
        rate = ctypes.c_int32(rate_hz)
        self._speex.speex_echo_ctl(self._echo, _SET_SAMPLING_RATE, ctypes.byref(rate))
        self._speex.speex_preprocess_ctl(self._rest, _SET_ECHO_STATE, self._echo)

    def process(self, near: Int16, far: Int16) -> Int16:
        """The block before, without its echo.

        Args:
            near: what the microphone heard, shape (block,): 10 ms.
            far: what was played, up to `tail_ms` before its echo in `near`; shape (block,).

        Raises:
            ValueError: a block has another size: the library would read beyond its end.
        """
        if near.shape != (self.block,) or far.shape != (self.block,):
            raise ValueError(f"blocks of {near.shape} and {far.shape} instead of ({self.block},)")
        near, far = (np.ascontiguousarray(block, np.int16) for block in (near, far))
        out = np.empty(self.block, np.int16)
        self._speex.speex_echo_cancellation(self._echo, _at(near), _at(far), _at(out))
        if self._suppress:
            self._speex.speex_preprocess_run(self._rest, _at(out))
        return out

    def reset(self) -> None:
        """Forget the room."""
        self._speex.speex_echo_state_reset(self._echo)

    def __del__(self) -> None:
        if getattr(self, "_rest", None):
            self._speex.speex_preprocess_state_destroy(self._rest)
        if getattr(self, "_echo", None):
            self._speex.speex_echo_state_destroy(self._echo)


def _at(samples: Int16) -> ctypes._Pointer[ctypes.c_int16]:
    return samples.ctypes.data_as(_Samples)
