"""No test of the decoder may leave its thread behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from codec.decoding import decoder_threads


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert decoder_threads() == 0
