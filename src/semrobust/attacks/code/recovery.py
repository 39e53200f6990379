"""Blind recovery of a linear code from words that were heard: what an attacker learns of a code that nobody told him.

Words received without error span the code, and what is orthogonal to them is spanned by its checks. A decoder needs
sparse checks, and those are found as light words are: eliminate in a random order of the columns, keep light rows,
repeat (Leon 1988, IEEE Trans. Inf. Theory 34(5); for checks Cluzeau 2006, IEEE ISIT). 5G's codes are public, so he
tries the standard's code of that size first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from semrobust.phy.elimination import Words, packed, reduce, unpacked
from semrobust.phy.ldpc import Bits, no_nr_code, nr_code, row_reduce
from semrobust.pipeline import seeds

BLIND, STANDARD, NOT = "blind", "standard", "not recovered"
_BATCH = 50
_SPARSE = 4
"""A check of more ones than this part of k is no sparse one: what an elimination leaves of a random code has k/2."""


@dataclass(frozen=True)
class Recovered:
    """What was found: `checks` uint8 (c, n), sparse and of the full rank n - `dimension` unless `by` is `NOT`.

    `by`: `BLIND`, `STANDARD`, or `NOT`. `eliminations`: how many it took. Checks of a standard's code are not
    listed, since its graph has bits that nobody hears.
    """

    by: str
    dimension: int
    eliminations: int
    checks: Bits


def recover(words: Bits, most_batches: int, seed: int) -> Recovered:
    """The code of hard decisions `words` uint8 (m, n) that were received without error.

    With wrong bits in them the words soon span everything, and nothing is recovered. Eliminations come in batches of
    50, at most `most_batches`; the search ends with one that brings no light check that is new.
    """
    reduced, pivots = row_reduce(words)
    length, dimension = words.shape[1], len(pivots)
    none = np.zeros((0, length), dtype=np.uint8)
    if dimension in (0, length):
        return Recovered(NOT, dimension, 0, none)
    if no_nr_code(dimension, length) is None and _is_standard(words, dimension):
        return Recovered(STANDARD, dimension, 0, none)
    dual, rank = packed(_orthogonal(reduced, pivots)), length - dimension
    stream = seeds.generator(seed, "recovery")
    checks, heaviest, complete, eliminations = none, dimension // _SPARSE, False, 0
    for _ in range(most_batches):
        found = {row.tobytes(): row for row in checks}
        for order in (stream.permutation(length) for _ in range(_BATCH)):
            rows = _eliminated(dual, order, length)
            found |= {row.tobytes(): row for row in rows[rows.sum(1) <= heaviest]}
        eliminations += _BATCH
        known = checks
        checks, complete = _lightest(np.stack([*found.values()]) if found else none, rank)
        if complete and np.array_equal(checks, known):
            break
        heaviest = int(checks.sum(1).max()) if complete else heaviest
    return Recovered(BLIND if complete else NOT, dimension, eliminations, checks if complete else none)


def _is_standard(words: Bits, dimension: int) -> bool:
    """Whether all words belong to the standard's code of this size."""
    try:
        code = nr_code(dimension, words.shape[1])
    except ValueError:  # it has none of this size after all
        return False
    return bool(np.array_equal(code.encode(code.information(words)), words))


def _orthogonal(reduced: Bits, pivots: npt.NDArray[np.int64]) -> Bits:
    """A basis uint8 (n - k, n) of what is orthogonal to rows in reduced echelon form."""
    dimension, length = reduced.shape
    free = np.setdiff1d(np.arange(length), pivots)
    basis = np.zeros((length - dimension, length), dtype=np.uint8)
    basis[np.arange(len(free)), free] = 1
    basis[:, pivots] = reduced[:, free].T
    return basis


def _lightest(rows: Bits, rank: int) -> tuple[Bits, bool]:
    """Rows no heavier than the heaviest of the lightest `rank` independent ones, and True; all and False if too few."""
    ordered = rows[np.argsort(rows.sum(1), kind="stable")]
    independent = row_reduce(np.ascontiguousarray(ordered.T))[1]
    if len(independent) < rank:
        return ordered, False
    weights = ordered.sum(1)
    return ordered[weights <= weights[independent[-1]]], True


def _eliminated(basis: Words, order: npt.NDArray[np.int64], length: int) -> Bits:
    """Rows (n - k, n) of the basis in reduced echelon form, with its columns taken in `order`."""
    words = basis.copy()
    reduce(words, order, np.empty(len(words), np.int64))
    return unpacked(words, length)
