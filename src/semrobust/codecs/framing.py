"""Frames: source bytes with length and checksum inside a budget of k message bits.

    | length | quality (only if the receiver needs it) | source bytes | CRC-16 | zero padding to k bits |

The checksum is CRC-16/XMODEM (polynomial 0x1021), the generator that 3GPP TS 38.212 §5.1 uses for short blocks. The
length takes one byte where the budget holds at most 255 source bytes, else two.

The frame is scrambled with a fixed sequence that both ends know: padding and source bytes would else make some
constellation levels more frequent than others, and a codeword's mean power would not be N.
"""

from __future__ import annotations

from binascii import crc_hqx
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from semrobust.core import seeds

Bits = npt.NDArray[np.uint8]
_CRC_BYTES = 2


@cache
def _scrambling(bits: int) -> Bits:
    """The fixed pseudo-random sequence of 0 and 1, shape (bits,)."""
    return seeds.generator(0, "scrambling").integers(0, 2, size=bits, dtype=np.uint8)


@dataclass(frozen=True)
class Framing:
    """Frame format for messages of `bits` bits; `with_quality` adds the quality byte."""

    bits: int
    with_quality: bool

    @property
    def length_bytes(self) -> int:
        return 1 if self.bits // 8 <= 256 else 2

    @property
    def capacity(self) -> int:
        """Source bytes that fit, at least 0."""
        overhead = self.length_bytes + self.with_quality + _CRC_BYTES
        return max(0, self.bits // 8 - overhead)

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

    def unpack(self, message: Bits) -> tuple[bytes, int] | None:
        """(source, quality) of a received message, or None if length or checksum is wrong."""
        body = np.packbits((message ^ _scrambling(self.bits))[: self.bits // 8 * 8]).tobytes()
        head = self.length_bytes + self.with_quality
        length = int.from_bytes(body[: self.length_bytes], "big")
        if length > self.capacity:
            return None
        end = head + length
        if crc_hqx(body[:end], 0).to_bytes(_CRC_BYTES, "big") != body[end : end + _CRC_BYTES]:
            return None
        return body[head:end], body[head - 1] if self.with_quality else 0
