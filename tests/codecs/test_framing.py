"""Frames: what goes in comes out, nothing damaged passes, and the capacity is what arithmetic says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semrobust.codecs.framing import Bits, Framing, _scrambling


def crc16(data: bytes) -> int:
    """CRC-16/XMODEM bit by bit: x^16 + x^12 + x^5 + 1, register 0 at the start."""
    register = 0
    for byte in data:
        for shift in range(7, -1, -1):
            feedback = register >> 15 ^ byte >> shift & 1
            register = (register << 1 & 0xFFFF) ^ (0x1021 if feedback else 0)
    return register


def plain(message: Bits) -> Bits:
    """The frame before scrambling."""
    return message ^ _scrambling(len(message))


def content(message: Bits, count: int) -> bytes:
    return np.packbits(plain(message)).tobytes()[:count]


@settings(max_examples=150, deadline=None)
@given(data=st.data(), bits=st.integers(40, 5000), with_quality=st.booleans(), quality=st.integers(0, 255))
def test_every_payload_comes_back(data: st.DataObject, bits: int, with_quality: bool, quality: int) -> None:
    framing = Framing(bits, with_quality)
    source = data.draw(st.binary(max_size=framing.capacity))
    message = framing.pack(source, quality)
    assert message.shape == (bits,)
    assert message.dtype == np.uint8
    assert set(np.unique(message)) <= {0, 1}
    assert framing.unpack(message) == (source, quality if with_quality else 0)


@pytest.mark.parametrize("with_quality", [False, True])
@pytest.mark.parametrize("bits", [386, 770, 2048, 2056, 4097, 524288, 524296, 600001])
def test_a_full_frame_comes_back(bits: int, with_quality: bool) -> None:
    framing = Framing(bits, with_quality)
    source = np.random.default_rng(bits).bytes(framing.capacity)
    assert framing.unpack(framing.pack(source, 31)) == (source, 31 if with_quality else 0)


@pytest.mark.parametrize(
    ("bits", "with_quality", "length_bytes", "capacity"),
    [
        (386, True, 1, 44),  # 48 whole bytes less length, quality and two of checksum
        (386, False, 1, 45),
        (770, True, 1, 92),
        (770, False, 1, 93),
        (768, True, 1, 92),
        (2048, False, 1, 253),
        (2056, False, 2, 253),  # one byte could name 254 too, but nobody's budget is this one
        (8000, True, 2, 995),
        (40, True, 1, 1),
        (32, True, 1, 0),
        (31, False, 1, 0),
    ],
)
def test_capacity(bits: int, with_quality: bool, length_bytes: int, capacity: int) -> None:
    framing = Framing(bits, with_quality)
    assert (framing.length_bytes, framing.capacity) == (length_bytes, capacity)


@pytest.mark.parametrize("bits", range(2000, 2100))
def test_the_length_field_can_name_every_length_that_fits(bits: int) -> None:
    for with_quality in (False, True):
        framing = Framing(bits, with_quality)
        assert framing.capacity < 256**framing.length_bytes


@pytest.mark.parametrize("extra", [1, 1000])
def test_what_does_not_fit_is_refused(extra: int) -> None:
    framing = Framing(386, with_quality=True)
    with pytest.raises(ValueError, match=f"{44 + extra} bytes do not fit a frame that holds 44"):
        framing.pack(bytes(44 + extra), 5)


def test_layout_of_a_frame() -> None:
    message = Framing(100, with_quality=True).pack(b"\x01\xff", 75)
    covered = bytes([2, 75, 1, 255])
    assert content(message, 6) == covered + crc16(covered).to_bytes(2, "big")
    assert not plain(message)[48:].any()
    assert content(Framing(100, with_quality=False).pack(b"\x01\xff", 75), 3) == bytes([2, 1, 255])
    assert content(Framing(4000, with_quality=False).pack(b"\x07"), 3) == bytes([0, 1, 7])


def test_the_checksum_is_crc16_xmodem() -> None:
    assert crc16(b"123456789") == 0x31C3  # the check value of the catalogue of CRCs
    message = Framing(200, with_quality=False).pack(b"123456789")
    assert content(message, 12)[10:] == crc16(b"\x09123456789").to_bytes(2, "big")


@pytest.mark.parametrize("with_quality", [False, True])
def test_every_single_bit_error_is_found(with_quality: bool) -> None:
    framing = Framing(202, with_quality)
    source = b"\x00some bytes\xff"
    message = framing.pack(source, 42)
    covered = 8 * (1 + with_quality + len(source) + 2)
    for position in range(covered):
        message[position] ^= 1
        assert framing.unpack(message) is None, position
        message[position] ^= 1
    # padding carries nothing: errors there cost no picture
    message[covered:] ^= 1
    assert framing.unpack(message) == (source, 42 if with_quality else 0)


def test_every_burst_of_up_to_16_bits_in_the_content_is_found() -> None:
    framing = Framing(202, with_quality=True)
    message = framing.pack(b"some bytes", 42)
    rng = np.random.default_rng(1)
    for _ in range(2000):
        width, start = int(rng.integers(2, 17)), int(rng.integers(16, 16 + 80 - 17))
        damaged = message.copy()
        damaged[start] ^= 1
        damaged[start + width - 1] ^= 1
        damaged[start + 1 : start + width - 1] ^= rng.integers(0, 2, max(0, width - 2), dtype=np.uint8)
        assert framing.unpack(damaged) is None


def test_random_words_hardly_ever_pass() -> None:
    framing = Framing(386, with_quality=True)
    words = np.random.default_rng(2).integers(0, 2, (5000, 386), dtype=np.uint8)
    assert sum(framing.unpack(word) is not None for word in words) <= 2  # 2^-16 each


def test_a_word_of_ones_and_a_length_too_large_are_refused() -> None:
    framing = Framing(100, with_quality=True)
    assert framing.unpack(np.ones(100, np.uint8)) is None
    message = framing.pack(b"ab", 1)
    message[:8] = np.unpackbits(np.array([framing.capacity + 1], np.uint8))
    assert framing.unpack(message) is None


def test_the_zero_word_is_an_empty_frame() -> None:
    """CRC-16/XMODEM of zeros is zero; a receiver that shows pictures must treat 'empty' as none."""
    assert Framing(386, with_quality=True).unpack(plain(np.zeros(386, np.uint8))) == (b"", 0)


@pytest.mark.parametrize("bits", [386, 770])
def test_scrambling_makes_both_bits_equally_frequent(bits: int) -> None:
    """Within 4 standard deviations of a fair coin, for a frame that is nearly all padding."""
    share = Framing(bits, with_quality=True).pack(b"").mean()
    assert abs(share - 0.5) < 4 * 0.5 / bits**0.5
