"""Codewords of low weight by information-set decoding (Stern, Coding Theory and Applications, 1989). Not exhaustive.

A trial takes k transmitted bits as an information set. A codeword of low weight has few ones there, and is the sum of
as few rows of the generator that is the identity on them. Stern splits the rows into two halves and adds two of each
half, but only those that agree on a window of further bits: then the sum is zero there, and most sums of four
rows are never formed. The next trial exchanges some of the k bits (Canteaut and Chabaud 1998).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from semrobust.phy.compiled import compiled
from semrobust.phy.ldpc import Bits, Index, row_reduce

Words = npt.NDArray[np.uint64]

_LISTED = 14  # codes of at most this many message bits are listed whole
_CHUNK = 256  # trials between two clearings of the buffer
_BUFFER = 1 << 16

_kernel = compiled(nogil=True)
_inline = compiled(None, inline="always")


def null_space(parity_check: Bits) -> Bits:
    """Basis of all x with H x = 0 over GF(2), uint8 (nodes - rank, nodes), from H uint8 (checks, nodes)."""
    reduced, pivots = row_reduce(parity_check)
    free = np.setdiff1d(np.arange(parity_check.shape[1]), pivots)
    basis = np.zeros((free.size, parity_check.shape[1]), dtype=np.uint8)
    basis[np.arange(free.size), free] = 1
    basis[:, pivots] = reduced[:, free].T
    return basis


def low_weight_codewords(
    parity_check: Bits, channel_nodes: Index, weight: int, trials: int, most: int, seed: int
) -> tuple[Bits, bool]:
    """Codewords on all nodes, uint8 (words, nodes), of at most `weight` transmitted ones, found in `trials` trials.

    Every codeword can be found, but none is sure to be, unless the code is so small that it is listed whole. The result
    is sorted by weight; at most the first `most` are kept, and the second value says whether some were left out.
    Raises ValueError if codewords differ in nodes alone that are not transmitted.
    """
    basis = null_space(parity_check)
    nodes = basis.shape[1]
    words = _pack(basis)
    sent = np.zeros(nodes, dtype=np.uint8)
    sent[channel_nodes] = 1
    mask = _pack(sent[None])[0]
    state = np.array([seed % 2**64 or 1], dtype=np.uint64)
    pivots = np.full(len(basis), -1, dtype=np.int32)
    order = np.random.default_rng(seed).permutation(channel_nodes).astype(np.int32)
    if len(basis) and _solve(words, order, pivots) < len(basis):
        raise ValueError("two codewords are the same on all transmitted bits: the code is punctured too much")
    found, cut = np.empty((0, words.shape[1]), dtype=np.uint64), False
    if len(basis) <= _LISTED:
        found, trials = _light_words(words, mask, weight), 0
    buffer = np.empty((_BUFFER, words.shape[1]), dtype=np.uint64)
    for first in range(0, trials, _CHUNK):
        chunk = min(_CHUNK, trials - first)
        count = int(_stern(words, mask, channel_nodes.astype(np.int32), pivots, weight, chunk, state, buffer))
        cut |= count > _BUFFER
        found = np.unique(np.concatenate([found, buffer[: min(count, _BUFFER)]]), axis=0)
        if len(found) > 4 * most:
            found, cut = _lightest(found, mask, 2 * most), True
    cut |= len(found) > most
    found = _lightest(found, mask, most)
    bits = np.unpackbits(found.astype("<u8").view(np.uint8), axis=1, count=nodes, bitorder="little")
    return bits, cut


def _pack(bits: Bits) -> Words:
    packed = np.packbits(bits, axis=1, bitorder="little")
    packed = np.pad(packed, ((0, 0), (0, -packed.shape[1] % 8)))
    return np.ascontiguousarray(packed).view("<u8").astype(np.uint64)


def _light_words(basis: Words, mask: Words, weight: int) -> Words:
    """All sums of rows of the basis, but for that of none, with at most `weight` ones under the mask."""
    every = np.zeros((1, basis.shape[1]), dtype=np.uint64)
    for row in basis:
        every = np.concatenate([every, every ^ row])
    return np.compress(np.bitwise_count(every & mask).sum(axis=1) <= weight, every, axis=0)[1:]


def _lightest(words: Words, mask: Words, most: int) -> Words:
    weights = np.bitwise_count(words & mask).sum(axis=1)
    return words[np.lexsort((*words.T, weights))[:most]]


@_inline
def _random(state: Any) -> Any:
    """Next number of the xorshift64* generator (Marsaglia 2003, Vigna 2016)."""
    x = state[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state[0] = x
    return (x * np.uint64(0x2545F4914F6CDD1D)) >> np.uint64(33)


@_inline
def _ones(x: Any) -> Any:
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))


@_inline
def _bit(rows: Any, i: Any, column: Any) -> Any:
    return (rows[i, column >> 6] >> np.uint64(column & 63)) & np.uint64(1)


@_inline
def _clear_column(rows: Any, pivot: Any, column: Any) -> None:
    """Add row `pivot` to all others with a one in `column`."""
    for i in range(len(rows)):
        if i != pivot and _bit(rows, i, column):
            for w in range(rows.shape[1]):
                rows[i, w] ^= rows[pivot, w]


@_kernel
def _solve(rows: Any, order: Any, pivots: Any) -> int:
    """Make `rows` the identity on the first independent columns in `order`; returns how many there are."""
    rank = 0
    for column in order:
        for i in range(rank, len(rows)):
            if _bit(rows, i, column):
                for w in range(rows.shape[1]):
                    rows[i, w], rows[rank, w] = rows[rank, w], rows[i, w]
                _clear_column(rows, rank, column)
                pivots[rank] = column
                rank += 1
                break
        if rank == len(rows):
            break
    return rank


@_kernel
def _exchange(rows: Any, columns: Any, pivots: Any, information: Any, state: Any) -> None:
    """Put other columns in the place of some of the information set's."""
    for _ in range(max(1, len(rows) // 8)):
        row = np.int64(_random(state)) % len(rows)
        column = columns[np.int64(_random(state)) % len(columns)]
        if not information[column] and _bit(rows, row, column):
            _clear_column(rows, row, column)
            information[pivots[row]], information[column] = False, True
            pivots[row] = column


@_kernel
def _draw_keys(rows: Any, columns: Any, information: Any, window: int, state: Any, shuffled: Any, key: Any) -> None:
    """Shuffle the rows, and give each the bits of a random window outside the information set as its key."""
    for i in range(len(rows) - 1, 0, -1):
        j = np.int64(_random(state)) % (i + 1)
        shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
    key[:] = 0
    taken, asked = 0, 0
    while taken < window:
        column = columns[np.int64(_random(state)) % len(columns)]
        asked += 1
        if information[column]:
            continue
        ones = 0
        for i in range(len(rows)):
            ones += int(_bit(rows, i, column))
        # a column of few ones tells few sums apart; one that comes twice only makes the window narrower
        if min(ones, len(rows) - ones) * 3 >= len(rows) or asked > 16 * window:
            taken += 1
            for i in range(len(rows)):
                key[i] = key[i] << 1 | int(_bit(rows, shuffled[i], column))


@_kernel
def _sort_pairs(half: int, shuffled: Any, key: Any, start: Any, first: Any, second: Any) -> None:
    """Sort the pairs of the first `half` rows by the key of their sum: those of key x are start[x] ... start[x + 1]."""
    start[:] = 0
    for i in range(half):
        for j in range(i):
            start[(key[i] ^ key[j]) + 2] += 1
    for x in range(2, len(start)):
        start[x] += start[x - 1]
    for i in range(half):
        for j in range(i):
            x = (key[i] ^ key[j]) + 1
            first[start[x]], second[start[x]] = shuffled[i], shuffled[j]
            start[x] += 1


@_inline
def _light(rows: Any, a: Any, b: Any, c: Any, d: Any, mask: Any, weight: Any) -> Any:
    """Whether the sum of four rows has at most `weight` ones under the mask."""
    ones = np.int64(0)
    for w in range(len(mask)):
        ones += _ones((rows[a, w] ^ rows[b, w] ^ rows[c, w] ^ rows[d, w]) & mask[w])
        if ones > weight:
            break
    return ones <= weight


@_kernel
def _stern(rows: Any, mask: Any, columns: Any, pivots: Any, weight: int, trials: int, state: Any, out: Any) -> int:
    """Run trials from the information set `pivots` on; write what is found to `out` and return how many there were."""
    k, half = len(rows), len(rows) // 2
    pairs = max(1, half * (half - 1) // 2)
    window = 1
    while (1 << window) < pairs:
        window += 1
    window = min(window, len(columns) - k)
    information = np.zeros(columns.max() + 1, np.bool_)
    information[pivots] = True
    shuffled, key = np.arange(k), np.zeros(k, np.int64)
    start = np.zeros((1 << window) + 2, np.int32)
    first, second = np.zeros(pairs, np.int32), np.zeros(pairs, np.int32)
    count = 0
    for _ in range(trials):
        _exchange(rows, columns, pivots, information, state)
        _draw_keys(rows, columns, information, window, state, shuffled, key)
        _sort_pairs(half, shuffled, key, start, first, second)
        for i in range(k):
            ones = 0
            for w in range(len(mask)):
                ones += _ones(rows[i, w] & mask[w])
            if ones <= weight:
                if count < len(out):
                    out[count] = rows[i]
                count += 1
        for i in range(half, k):
            for j in range(half, i):
                a, b, x = shuffled[i], shuffled[j], key[i] ^ key[j]
                for p in range(start[x], start[x + 1]):
                    if _light(rows, a, b, first[p], second[p], mask, weight):
                        if count < len(out):
                            out[count] = rows[a] ^ rows[b] ^ rows[first[p]] ^ rows[second[p]]
                        count += 1
    return count
