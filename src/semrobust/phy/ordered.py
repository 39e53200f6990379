"""Kernel of ordered statistics decoding of order 1, on rows of packed bits."""

from __future__ import annotations

from typing import Any

import numpy as np

from semrobust.phy.compiled import compiled
from semrobust.phy.elimination import reduce

_kernel = compiled(nogil=True)
_ONE = np.uint64(1)


@_kernel
def decode(generator: Any, ranking: Any, channel: Any, words: Any, costs: Any) -> None:
    """The most likely of the k + 1 candidates of each of B words.

    `generator` uint64 (k, P), rows of 64·P bits, little-endian; `ranking` float32 (B, 64·P), LLRs whose size orders the
    bits and whose sign decides them; `channel` float32 (B, 64·P), LLRs that the likelihood is of. Behind bit n all are
    zero. Written: `words` uint64 (B, P), and `costs` float64 (B,), Σ|LLR| over the bits that differ from `channel`.
    """
    k, parts = generator.shape
    rows, pivots = np.empty_like(generator), np.empty(k, np.int64)
    gain, table = np.empty(64 * parts), np.empty((8 * parts, 256))
    for at in range(len(ranking)):
        rows[:] = generator
        reduce(rows, np.argsort(-np.abs(ranking[at]), kind="mergesort"), pivots)
        word, cost = words[at], 0.0
        word[:] = 0
        for row in range(k):
            if ranking[at, pivots[row]] <= 0:
                word ^= rows[row]
        for bit in range(64 * parts):
            llr = channel[at, bit]
            wrong = (llr <= 0) != ((word[bit >> 6] >> np.uint64(bit & 63)) & _ONE == _ONE)
            gain[bit] = -abs(llr) if wrong else abs(llr)
            cost += abs(llr) if wrong else 0.0
        _sums(gain, table)
        best, change = -1, 0.0
        for row in range(k):  # the candidate that differs from the first in one bit of the basis
            more = _total(rows[row].view(np.uint8), table)
            if more < change:
                best, change = row, more
        if best >= 0:
            word ^= rows[best]
        costs[at] = cost + change


@_kernel
def _sums(gain: Any, table: Any) -> None:
    """table[i, b]: the sum of those of the eight numbers gain[8i], gain[8i + 1], … whose bit is set in b."""
    for part in range(len(table)):
        table[part, 0] = 0.0
        for bit in range(8):
            for below in range(1 << bit):
                table[part, below | 1 << bit] = table[part, below] + gain[8 * part + bit]


@_kernel
def _total(octets: Any, table: Any) -> float:
    """The sum over the bits that are set in these bytes."""
    total = 0.0
    for part in range(len(octets)):
        total += table[part, octets[part]]
    return total
