"""Elimination over GF(2) on rows of packed bits: one kernel for codes, for retries and for who recovers a code."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from semrobust.phy.compiled import compiled

_ONE = np.uint64(1)

Words = npt.NDArray[np.uint64]


def packed(rows: npt.NDArray[np.uint8]) -> Words:
    """Rows of 0 and 1 (r, n) as rows of 64-bit words (r, P), little-endian, with zeros behind bit n."""
    octets = np.packbits(rows, axis=1, bitorder="little")
    return np.ascontiguousarray(np.pad(octets, ((0, 0), (0, -octets.shape[1] % 8)))).view("<u8")


def unpacked(words: Words, columns: int) -> npt.NDArray[np.uint8]:
    """Inverse of `packed`: rows (r, columns) uint8."""
    return np.unpackbits(words.view(np.uint8), axis=1, count=columns, bitorder="little")


@compiled(nogil=True)
def reduce(rows: Any, order: Any, pivots: Any) -> int:
    """Reduce packed rows (r, P), in place, so that row i alone has a 1 in column pivots[i]; returns the rank.

    The pivots, int64 (r,), are the first columns of `order` that are independent. Rows behind the rank are zero in all
    columns of `order`.
    """
    rank = 0
    for column in order:
        part, bit = column >> 6, np.uint64(column & 63)
        pivot = rank
        while pivot < len(rows) and not (rows[pivot, part] >> bit) & _ONE:
            pivot += 1
        if pivot == len(rows):
            continue
        for other in range(rows.shape[1]):
            rows[rank, other], rows[pivot, other] = rows[pivot, other], rows[rank, other]
        for row in range(len(rows)):
            if row != rank and (rows[row, part] >> bit) & _ONE:
                for other in range(rows.shape[1]):
                    rows[row, other] ^= rows[rank, other]
        pivots[rank] = column
        rank += 1
        if rank == len(rows):
            break
    return rank
