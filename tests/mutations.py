"""Damaged input: what a broken program, a bad cable or an attacker makes of something valid."""

from __future__ import annotations

import gc
import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

# Of the whole process, after the first quarter: pages come and go, a leak of 60 bytes an input is found in 100,000.
MOST_GROWTH_BYTES = 4 << 20

# What readers of numbers, lengths, texts and JSON stumble over.
_SPITEFUL = (
    b"\0",
    b"\n",
    b"\xff\xfe",
    b"-1",
    b"99999999999999999999",
    b"1e999",
    b"NaN",
    b"null",
    b"{}",
    b"[" * 2_000,
    b'"' * 3,
    b"\x1b[2J\x07",
    "\u202e\u2028".encode(),
    b"\xed\xa0\x80",
)


def mutations(seeds: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    """`count` inputs, each a seed with one to six pieces cut out, doubled, overwritten, or spiteful things put in."""
    rng = random.Random(seed)
    for _ in range(count):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 6)):
            _damage(data, rng, seeds)
        yield bytes(data)


def without_growth(inputs: Iterator[bytes], count: int) -> Iterator[bytes]:
    """The same `count` inputs; fails when the process grows by more than 4 MiB from the first quarter to the end."""
    begun_bytes = 0
    for number, data in enumerate(inputs):
        if number == count // 4:
            begun_bytes = _memory_bytes()
        yield data
    grown_bytes = _memory_bytes() - begun_bytes
    assert grown_bytes < MOST_GROWTH_BYTES, f"{grown_bytes} bytes more"


def _memory_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _damage(data: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    at = rng.randint(0, len(data))
    size = min(len(data) - at, rng.choice((1, 1, 2, 8, 64, 1024)))
    match rng.randrange(7):
        case 0:
            del data[at : at + size]
        case 1:
            data[at:at] = data[at : at + size]
        case 2:
            data[at : at + size] = rng.randbytes(size)
        case 3:
            data[at:at] = rng.choice(_SPITEFUL)
        case 4:
            data[at : at + size] = rng.choice(_SPITEFUL)
        case 5:
            other = rng.choice(seeds)
            begin = rng.randint(0, len(other))
            data[at:at] = other[begin : begin + 256]
        case _:
            del data[at:]
