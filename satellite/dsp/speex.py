"""SpeexDSP: the only place that loads libspeexdsp (Debian package libspeexdsp1)."""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np

from satellite.core.audio import RATE_HZ, Int16
from satellite.core.errors import EngineMissing

LIBRARY = "libspeexdsp.so.1"
BLOCK = 160
# 256 ms: what a room and an inexact delay need.
_TAIL = 4096
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
    """Takes the echo out of a microphone: an adaptive filter over 256 ms, then what is left is pressed down.

    J.-M. Valin's multidelay block frequency adaptive filter and preprocessor. What comes out is one block late.

    Raises:
        EngineMissing: the library is not installed.
    """

    def __init__(self) -> None:
        if why := missing():
            raise EngineMissing(f"microphone.aec: {why}")
        self._speex = _library(LIBRARY)
        self._echo = self._speex.speex_echo_state_init(BLOCK, _TAIL)
        self._rest = self._speex.speex_preprocess_state_init(BLOCK, RATE_HZ)
        rate = ctypes.c_int32(RATE_HZ)
        self._speex.speex_echo_ctl(self._echo, _SET_SAMPLING_RATE, ctypes.byref(rate))
        self._speex.speex_preprocess_ctl(self._rest, _SET_ECHO_STATE, self._echo)

    def process(self, near: Int16, far: Int16) -> Int16:
        """The block before, without its echo.

        Args:
            near: what the microphone heard, shape (160,).
            far: what was played, up to 256 ms before its echo in `near`; shape (160,).

        Raises:
            ValueError: a block has another size: the library would read beyond its end.
        """
        if near.shape != (BLOCK,) or far.shape != (BLOCK,):
            raise ValueError(f"blocks of {near.shape} and {far.shape} instead of ({BLOCK},)")
        near, far = (np.ascontiguousarray(block, np.int16) for block in (near, far))
        out = np.empty(BLOCK, np.int16)
        self._speex.speex_echo_cancellation(self._echo, _at(near), _at(far), _at(out))
        self._speex.speex_preprocess_run(self._rest, _at(out))
        return out

    def reset(self) -> None:
        """Forget the room."""
        self._speex.speex_echo_state_reset(self._echo)

    def __del__(self) -> None:
        if hasattr(self, "_rest"):
            self._speex.speex_preprocess_state_destroy(self._rest)
            self._speex.speex_echo_state_destroy(self._echo)


def _at(samples: Int16) -> ctypes._Pointer[ctypes.c_int16]:
    return samples.ctypes.data_as(_Samples)
