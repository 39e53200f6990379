"""Stern's search against all codewords of small codes, and its promises on larger ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from semrobust.attacks.code.structure.codewords import low_weight_codewords, null_space
from semrobust.attacks.code.structure.exhaustive import TRAPPING, search
from semrobust.attacks.code.structure.graph import Graph
from semrobust.attacks.code.structure.sets import NodeSets
from tests.attacks.structure import samples
from tests.attacks.structure.brute import CODES, HAMMING, tiny

Matrix = npt.NDArray[np.uint8]


def everything(matrix: Matrix, weight: int) -> set[tuple[int, ...]]:
    """Supports of all codewords of at most this weight, from all words."""
    words = np.arange(1, 2 ** matrix.shape[1])[:, None] >> np.arange(matrix.shape[1]) & 1
    words = words[words.sum(axis=1) <= weight]
    return {tuple(np.flatnonzero(word).tolist()) for word in words[~((words @ matrix.T) % 2).any(axis=1)]}


def supports(words: Matrix) -> set[tuple[int, ...]]:
    return {tuple(np.flatnonzero(word).tolist()) for word in words}


def sent(matrix: Matrix) -> npt.NDArray[np.int64]:
    return np.arange(matrix.shape[1])


@pytest.mark.parametrize("name", CODES)
def test_all_light_codewords_of_tiny_codes_are_found(name: str) -> None:
    words, cut = low_weight_codewords(CODES[name], sent(CODES[name]), 4, 0, 10_000, 1)
    assert not cut
    assert supports(words) == everything(CODES[name], 4)


def test_hamming_code_by_hand() -> None:
    words, _ = low_weight_codewords(HAMMING, sent(HAMMING), 7, 0, 100, 3)
    assert np.bincount(words.sum(axis=1)).tolist() == [0, 0, 0, 7, 7, 0, 0, 1]


def test_all_light_codewords_of_a_longer_code_are_found() -> None:
    """Against the exact search, on a code with codewords of several weights."""
    matrix = tiny(80, 40, 3, 6)
    exact = search(Graph.of(matrix), TRAPPING, 8, 0, 10**8, 10_000)
    assert exact.complete
    connected = set(samples.tuples(NodeSets.from_rows(exact.rows)))
    words, _ = low_weight_codewords(matrix, sent(matrix), 8, 2000, 10_000, 1)
    assert len(connected) > 5
    assert connected <= supports(words)


def test_words_are_codewords_sorted_by_weight_and_repeatable() -> None:
    code = samples.regular()
    matrix = code.parity_check.toarray()
    words, cut = low_weight_codewords(matrix, code.channel_nodes, 18, 300, 100_000, 5)
    assert not cut
    assert len(words)
    assert not ((matrix.astype(np.int64) @ words.T) % 2).any()
    weights = words.sum(axis=1)
    assert (np.diff(weights.astype(np.int64)) >= 0).all()
    assert weights.max() <= 18
    assert len(np.unique(words, axis=0)) == len(words)
    again, _ = low_weight_codewords(matrix, code.channel_nodes, 18, 300, 100_000, 5)
    assert np.array_equal(words, again)
    few, cut = low_weight_codewords(matrix, code.channel_nodes, 18, 300, 2, 5)
    assert cut
    assert np.array_equal(few, words[:2])


def test_weight_counts_transmitted_bits_alone() -> None:
    code = samples.nr()
    matrix = code.parity_check.toarray()
    words, _ = low_weight_codewords(matrix, code.channel_nodes, 14, 500, 10_000, 5)
    transmitted = words[:, code.channel_nodes].sum(axis=1)
    assert len(words)
    assert transmitted.max() <= 14
    assert (words.sum(axis=1) > transmitted).any()
    message = words[:, code.information_nodes].astype(np.int64)
    assert np.array_equal(message @ code.generator % 2, words[:, code.channel_nodes])


def test_a_code_that_puncturing_makes_ambiguous_is_refused() -> None:
    with pytest.raises(ValueError, match="punctured too much"):
        low_weight_codewords(HAMMING, np.array([0, 1, 2]), 3, 10, 10, 1)


def test_a_code_without_codewords_has_none_and_no_trials_find_none() -> None:
    identity = np.eye(4, dtype=np.uint8)
    assert null_space(identity).shape == (0, 4)
    for matrix, trials in ((identity, 10), (samples.regular().parity_check.toarray(), 0)):
        words, cut = low_weight_codewords(matrix, sent(matrix), 7, trials, 10, 1)
        assert words.shape == (0, matrix.shape[1])
        assert not cut


@pytest.mark.parametrize("name", CODES)
def test_null_space_is_all_of_it(name: str) -> None:
    basis = null_space(CODES[name])
    assert not ((CODES[name].astype(np.int64) @ basis.T) % 2).any()
    words = (np.arange(2 ** len(basis))[:, None] >> np.arange(len(basis)) & 1) @ basis.astype(np.int64) % 2
    assert len(np.unique(words, axis=0)) == 1 + len(everything(CODES[name], CODES[name].shape[1]))
