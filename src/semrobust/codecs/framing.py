"""Frames: source bytes with length and checksum inside a budget of k message bits.

    | length | quality (only if the receiver needs it) | source bytes | CRC-16 | zero padding to k bits |

The checksum is CRC-16/XMODEM (polynomial 0x1021), the generator that 3GPP TS 38.212 §5.1 uses for short blocks. The
length takes one byte where the budget holds at most 255 source bytes, else two, or three beyond 65,535.

The frame is scrambled with a fixed sequence that both ends know: padding and source bytes would else make some
constellation levels more frequent than others, and a codeword's mean power would not be N.
"""

from __future__ import annotations

from binascii import crc_hqx
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from semrobust.pipeline import seeds

Bits = npt.NDArray[np.uint8]
_CRC_BYTES = 2
_PLACES = [65536, 256, 1]  # what the bytes of a length count


@cache
def _scrambling(bits: int) -> Bits:
    """The fixed pseudo-random sequence of 0 and 1, shape (bits,)."""
    return seeds.generator(0, "scrambling").integers(0, 2, size=bits, dtype=np.uint8)


@cache
def _checksums(count: int) -> npt.NDArray[np.uint16]:
    """What each value of each of `count` bytes adds to the CRC of all, shape (count, 256).

    The CRC starts at 0 and is linear, so the CRC of a word is the XOR of these over its bytes.
    """
    table = np.array([[crc_hqx(bytes([value]), 0) for value in range(256)]], np.uint16)
    rows = [table[0]]
    for _ in range(count - 1):  # one more zero byte behind: shift the register by eight bits
        rows.append(rows[-1] << 8 ^ table[0][rows[-1] >> 8])
    return np.stack(rows[::-1])


class Frames(Protocol):
    """A format of frames: what a baseline asks of it. Any bits may come to `unpack_batch`."""

    @property
    def bits(self) -> int:
        """Of a message."""

    @property
    def least(self) -> int:
        """Bits of a frame that holds nothing; fewer hold no frame."""

    @property
    def capacity(self) -> int:
        """Whole bytes that fit."""

    def pack(self, source: bytes, quality: int = 0) -> Bits:
        """The message (bits,) of 0 and 1 that holds `source`."""

    def needed(self, messages: Bits) -> npt.NDArray[np.bool_]:
        """Which bits of sent messages (B, bits) the sample hangs on."""

    def unpack_batch(self, messages: Bits) -> dict[int, tuple[bytes, int]]:
        """(source, quality) by row of those received messages (B, bits) whose checksum is right."""


@dataclass(frozen=True)
class FixedFraming:
    """Frames whose length both ends know: `room` bits of content, CRC-16 over their bytes, and nothing else.

    Content of a fixed number of bits needs neither a length nor padding, and no bit of the budget is lost to them.
    """

    bits: int

    @property
    def least(self) -> int:
        return 8 * _CRC_BYTES

    @property
    def room(self) -> int:
        """Bits of content."""
        return self.bits - self.least

    @property
    def capacity(self) -> int:
        return self.room // 8

    def pack(self, source: bytes, quality: int = 0) -> Bits:
        """`source` holds `room` bits, the last byte filled up with zeros; raises ValueError for another number."""
        if len(source) != -(-self.room // 8):
            raise ValueError(f"{len(source)} bytes are not the {self.room} bits of a frame")
        content = np.unpackbits(np.frombuffer(source, np.uint8))
        checksum = np.frombuffer(crc_hqx(source, 0).to_bytes(_CRC_BYTES, "big"), np.uint8)
        return np.concatenate([content[: self.room], np.unpackbits(checksum)]) ^ _scrambling(self.bits)

    def needed(self, messages: Bits) -> npt.NDArray[np.bool_]:
        return np.ones(messages.shape, np.bool_)

    def unpack_batch(self, messages: Bits) -> dict[int, tuple[bytes, int]]:
        plain = messages ^ _scrambling(self.bits)
        bodies, sent = np.packbits(plain[:, : self.room], axis=1), np.packbits(plain[:, self.room :], axis=1)
        own = np.bitwise_xor.reduce(_checksums(bodies.shape[1])[np.arange(bodies.shape[1]), bodies], axis=1)
        right = np.flatnonzero(own == sent.astype(np.int64) @ _PLACES[-_CRC_BYTES:])
        return {int(row): (bodies[row].tobytes(), 0) for row in right}


@dataclass(frozen=True)
class Framing:
    """Frame format for messages of `bits` bits; `with_quality` adds the quality byte."""

    bits: int
    with_quality: bool

    @property
    def length_bytes(self) -> int:
        whole = self.bits // 8
        return 1 if whole <= 256 else 2 if whole <= 65536 else 3

    @property
    def least(self) -> int:
        """Bits of a frame without source bytes; fewer `bits` hold no frame."""
        return 8 * (self.length_bytes + self.with_quality + _CRC_BYTES)

    @property
    def capacity(self) -> int:
        """Source bytes that fit, at least 0."""
        return max(0, (self.bits - self.least) // 8)

    def pack(self, source: bytes, quality: int = 0) -> Bits:
        """Frame `source` into uint8 (bits,) of 0 and 1; raises ValueError if it does not fit."""
        if len(source) > self.capacity:
            raise ValueError(f"{len(source)} bytes do not fit a frame that holds {self.capacity}")
        body = len(source).to_bytes(self.length_bytes, "big")
        body += bytes([quality]) * self.with_quality + source
        body += crc_hqx(body, 0).to_bytes(_CRC_BYTES, "big")
        message = _scrambling(self.bits).copy()
        message[: 8 * len(body)] ^= np.unpackbits(np.frombuffer(body, np.uint8))
        return message

    def needed(self, messages: Bits) -> npt.NDArray[np.bool_]:
        """Which bits of sent messages (B, bits) the image hangs on, bool (B, bits): all but the padding."""
        head = np.packbits((messages ^ _scrambling(self.bits))[:, : 8 * self.length_bytes], axis=1).astype(np.int64)
        lengths = head @ _PLACES[-self.length_bytes :]
        end = self.length_bytes + self.with_quality + lengths + _CRC_BYTES
        return np.asarray(np.arange(self.bits) < 8 * end[:, None])

    def unpack(self, message: Bits) -> tuple[bytes, int] | None:
        """(source, quality) of a received message (bits,), or None if length or checksum is wrong."""
        return self.unpack_batch(message[None]).get(0)

    def unpack_batch(self, messages: Bits) -> dict[int, tuple[bytes, int]]:
        """(source, quality) by row of those received messages (B, bits) whose length and checksum are right.

        A wrong frame costs no Python step of its own: most of those that an attack makes are wrong.
        """
        bodies = np.packbits((messages ^ _scrambling(self.bits))[:, : self.bits // 8 * 8], axis=1)
        head = self.length_bytes + self.with_quality
        lengths = bodies[:, : self.length_bytes].astype(np.int64) @ _PLACES[-self.length_bytes :]
        end = head + lengths + _CRC_BYTES
        # the CRC of a body with its own CRC behind it is 0, and stays 0 through zeros in place of the padding
        covered = np.where(np.arange(bodies.shape[1]) < end[:, None], bodies, 0)
        checksums = np.bitwise_xor.reduce(_checksums(bodies.shape[1])[np.arange(bodies.shape[1]), covered], axis=1)
        right = np.flatnonzero((lengths <= self.capacity) & (checksums == 0))
        return {
            int(row): (bodies[row, head : end[row] - _CRC_BYTES].tobytes(), int(bodies[row, head - 1]))
            if self.with_quality
            else (bodies[row, head : end[row] - _CRC_BYTES].tobytes(), 0)
            for row in right
        }
