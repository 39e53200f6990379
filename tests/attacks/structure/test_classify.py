"""What a set is, against the definitions written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from semrobust.attacks.code.structure.classify import classify
from semrobust.attacks.code.structure.sets import NodeSets
from tests.attacks.structure.brute import CODES, describe, every_set, tiny

FLAGS = ("b", "elementary", "absorbing", "stopping", "connected")


@pytest.mark.parametrize("name", CODES)
def test_every_subset_of_a_tiny_code(name: str) -> None:
    matrix = CODES[name]
    described = list(every_set(matrix, 5))
    for graph in (matrix, sparse.csr_array(matrix)):
        found = classify(graph, NodeSets.of([one.nodes for one in described]))
        assert found.a.tolist() == [len(one.nodes) for one in described]
        for flag in FLAGS:
            assert getattr(found, flag).tolist() == [getattr(one, flag) for one in described], flag


@given(
    seed=st.integers(0, 10_000),
    sets=st.lists(st.sets(st.integers(0, 29), min_size=1, max_size=12), min_size=1, max_size=8),
)
@settings(max_examples=40, deadline=None)
def test_random_sets_of_random_graphs(seed: int, sets: list[set[int]]) -> None:
    matrix = tiny(30, 18, 3, seed, ones=seed % 7)
    found = classify(matrix, NodeSets.of([sorted(nodes) for nodes in sets]))
    for index, nodes in enumerate(sets):
        expected = describe(matrix, tuple(sorted(nodes)))
        assert [getattr(found, flag)[index] for flag in FLAGS] == [getattr(expected, flag) for flag in FLAGS]


def test_no_sets_are_no_trouble() -> None:
    found = classify(CODES["hamming"], NodeSets.of([]))
    assert len(found.a) == len(found.b) == len(found.absorbing) == len(found.connected) == 0


@pytest.mark.parametrize("sets", [[[]], [[0, 1], []], [[7]], [[-1, 2]], [[3, 3]]])
def test_what_is_no_set_of_nodes_is_refused(sets: list[list[int]]) -> None:
    with pytest.raises(ValueError, match=r"not sets of nodes 0\.\.6"):
        classify(CODES["hamming"], NodeSets.of(sets))


def test_selection_keeps_the_order_asked_for() -> None:
    found = classify(CODES["hamming"], NodeSets.of([[0], [0, 1, 2], [4, 5, 6]]))
    assert found.take(np.array([2, 0])).a.tolist() == [3, 1]
