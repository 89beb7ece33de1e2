"""How a sample is written down, and back."""

from __future__ import annotations

import numpy as np
import pytest

from satellite.core.encoding import Encoding, decode, encode

SAMPLES = np.array([0, 1, -1, 255, -256, 12345, 32767, -32768], np.int16)


@pytest.mark.parametrize("encoding", [e for e in Encoding if e.width_bytes >= 2])
def test_16_bits_survive_every_wider_encoding(encoding: Encoding) -> None:
    pcm = encode(SAMPLES, encoding)
    assert len(pcm) == len(SAMPLES) * encoding.width_bytes
    np.testing.assert_array_equal(decode(pcm, encoding), SAMPLES)


@pytest.mark.parametrize("encoding", [Encoding.U8, Encoding.S8])
def test_8_bits_keep_the_upper_half(encoding: Encoding) -> None:
    np.testing.assert_array_equal(decode(encode(SAMPLES, encoding), encoding), SAMPLES & ~0xFF)


def test_8_bit_silence_is_128_unsigned_and_0_signed() -> None:
    assert decode(b"\x80", Encoding.U8)[0] == 0
    assert decode(b"\x00", Encoding.S8)[0] == 0


def test_wider_samples_are_rounded_and_the_loudest_do_not_wrap() -> None:
    wide = np.array([0x7FFF_FFFF, 0x0000_8000, 0x0000_7FFF, -0x8000_0000], "<i4")
    assert decode(wide.tobytes(), Encoding.S32).tolist() == [32767, 1, 0, -32768]


def test_the_unused_byte_of_24_in_32_bits_is_ignored() -> None:
    garbage = np.array([0x7F00_0100, 0x0000_0100], "<u4")
    assert decode(garbage.tobytes(), Encoding.S24).tolist() == [1, 1]


def test_floats_beyond_full_scale_saturate_and_what_is_no_number_is_silence() -> None:
    values = np.array([2.0, -2.0, np.nan, np.inf, -np.inf, 0.5], "<f4")
    assert decode(values.tobytes(), Encoding.FLOAT).tolist() == [32767, -32768, 0, 0, 0, 16384]
