"""SpeexDSP's door: a missing library is told, a block of another size never reaches it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from broken_speex import broken_speex

from satellite.core.errors import EngineMissing
from satellite.dsp import speex

needs_speex = pytest.mark.skipif(bool(speex.missing()), reason="libspeexdsp1 is not installed")


def test_a_missing_library_is_named_with_what_to_do() -> None:
    assert speex.missing("libno-such-thing.so.1") == (
        "libno-such-thing.so.1 is not there; run: sudo apt-get install libspeexdsp1"
    )
    assert speex.missing("libm.so.6").startswith("libm.so.6 is not there")


def test_a_library_that_gives_no_canceller_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineMissing, match="gives no echo canceller"):
        speex.SpeexCanceller(name=str(broken_speex(tmp_path, "NO_STATE")))


@needs_speex
@pytest.mark.parametrize("size", [0, 1, 159, 161, 320])
def test_another_size_is_refused(size: int) -> None:
    canceller, block = speex.SpeexCanceller(), np.zeros(speex.BLOCK, np.int16)
    with pytest.raises(ValueError, match="blocks of"):
        canceller.process(np.zeros(size, np.int16), block)
    with pytest.raises(ValueError, match="blocks of"):
        canceller.process(block, np.zeros((size, 1), np.int16))


@needs_speex
def test_blocks_of_any_kind_are_taken() -> None:
    canceller = speex.SpeexCanceller()
    strided = np.arange(-160, 160, dtype=np.int16)[::2]
    read_only = np.frombuffer(bytes(320), np.int16)
    for near, far in ((strided, read_only), (read_only, strided), (np.full(160, -32768, np.int16),) * 2):
        assert canceller.process(near, far).shape == (160,)
