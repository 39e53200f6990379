"""Cycles against their definition, closed walks and a breadth-first search of another kind."""

from __future__ import annotations

import numpy as np
import pytest

from semrobust.attacks.code.structure.cycles import count_cycles, girth, list_cycles
from semrobust.attacks.code.structure.graph import Graph
from tests.attacks.structure import brute, samples
from tests.attacks.structure.brute import CODES


@pytest.mark.parametrize("name", CODES)
def test_counts_are_those_of_the_definition(name: str) -> None:
    assert count_cycles(CODES[name], 6) == {length: brute.cycles(CODES[name], length) for length in (4, 6)}


def test_longer_cycles_are_those_of_the_definition() -> None:
    matrix = brute.tiny(7, 5, 2, 3)
    assert count_cycles(matrix, 10) == {length: brute.cycles(matrix, length) for length in (4, 6, 8, 10)}


def test_four_cycles_are_pairs_of_columns_with_common_checks() -> None:
    matrix = samples.regular().parity_check.toarray().astype(np.int64)
    common = matrix.T @ matrix
    pairs = common[np.triu_indices(len(common), 1)]
    assert count_cycles(matrix, 4)[4] == (pairs * (pairs - 1) // 2).sum() > 0


def test_a_ring_is_one_cycle() -> None:
    for k in (2, 3, 4, 5, 6):
        ring = (np.eye(k, dtype=np.uint8) + np.roll(np.eye(k, dtype=np.uint8), 1, axis=1)) % 2
        assert count_cycles(ring, 12) == {length: int(length == 2 * k) for length in range(4, 14, 2)}
        assert girth(ring) == 2 * k


def test_complete_graph_has_the_known_numbers() -> None:
    """K(m, n) has C(m, k) C(n, k) k! (k - 1)! / 2 cycles of length 2k."""
    assert count_cycles(np.ones((4, 5), dtype=np.uint8), 10) == {4: 60, 6: 240, 8: 360, 10: 0}


@pytest.mark.parametrize("seed", range(8))
def test_girth_is_the_length_of_the_first_cycles(seed: int) -> None:
    matrix = brute.tiny(20, 18, 2, seed, ones=seed)
    counts = count_cycles(matrix, 12)
    assert girth(matrix) == next((length for length, count in counts.items() if count), girth(matrix))
    assert girth(samples.regular().parity_check) == 4
    assert girth(samples.nr().parity_check) == min(length for length, count in nr_counts().items() if count)


def nr_counts() -> dict[int, int]:
    return count_cycles(samples.nr().parity_check, 6)


def test_trees_have_no_cycles() -> None:
    path = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]], dtype=np.uint8)
    for forest in (path, np.zeros((2, 3), dtype=np.uint8), np.ones((1, 5), dtype=np.uint8)):
        assert girth(forest) == 0
        assert not any(count_cycles(forest, 12).values())


def test_listed_cycles_are_different_and_closed() -> None:
    matrix = samples.regular().parity_check.toarray()
    counts, listed = list_cycles(Graph.of(matrix), 8, 10_000)
    for length, rows in listed.items():
        assert rows.shape == (counts[length], length // 2)
        for nodes in rows:
            assert len(set(nodes.tolist())) == length // 2
            for left, right in zip(nodes, np.roll(nodes, -1), strict=True):
                assert (matrix[:, left] & matrix[:, right]).any()
    _, few = list_cycles(Graph.of(matrix), 8, 3)
    assert all(np.array_equal(rows, listed[length][:3]) for length, rows in few.items())


@pytest.mark.parametrize("seed", [1, 2])
def test_other_numbers_for_the_nodes_change_no_count(seed: int) -> None:
    matrix = samples.nr().parity_check.toarray()
    other, _ = samples.relabelled(matrix, seed)
    assert count_cycles(matrix, 8) == count_cycles(other, 8)
    assert girth(matrix) == girth(other)


@pytest.mark.parametrize("wrong", [np.array([[2, 0]]), np.array([[1, -1]]), np.array([[0.5, 1.0]])])
def test_entries_other_than_0_and_1_are_refused(wrong: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> None:
    with pytest.raises(ValueError, match="no entries but 0 and 1"):
        girth(wrong)
