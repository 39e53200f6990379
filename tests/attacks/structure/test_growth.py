"""Growth finds only what is there, all of it when nothing is cut, and says what it cut."""

from __future__ import annotations

import numpy as np
import pytest

from semrobust.attacks.code.structure.classify import classify
from semrobust.attacks.code.structure.cycles import list_cycles
from semrobust.attacks.code.structure.exhaustive import ABSORBING, search
from semrobust.attacks.code.structure.graph import Graph, Index32
from semrobust.attacks.code.structure.growth import grow
from semrobust.attacks.code.structure.sets import NodeSets
from tests.attacks.structure import samples
from tests.attacks.structure.brute import CODES, every_set

Grown = tuple[dict[tuple[int, int], Index32], set[tuple[int, int]]]


def grown(matrix: np.ndarray[tuple[int, int], np.dtype[np.uint8]], size: int, odd: int, width: int) -> Grown:
    graph = Graph.of(matrix)
    _, listed = list_cycles(graph, 10, 10**5)
    return grow(graph, {length // 2: rows for length, rows in listed.items()}, size, odd, width, 0)


def union(classes: dict[tuple[int, int], Index32]) -> NodeSets:
    return NodeSets.union([NodeSets.from_rows(rows) for rows in classes.values()])


@pytest.mark.parametrize("name", CODES)
def test_on_tiny_codes_all_sets_are_those_that_the_class_says(name: str) -> None:
    classes, cut = grown(CODES[name], 6, 3, 10**5)
    assert not cut
    real = {(one.nodes, one.b) for one in every_set(CODES[name], 6) if one.connected}
    for (a, b), rows in classes.items():
        assert rows.shape[1] == a
        named = [tuple(nodes) for nodes in rows.tolist()]
        assert len(set(named)) == len(named)
        assert {(nodes, b) for nodes in named} <= real


@pytest.mark.slow
def test_all_absorbing_sets_of_a_regular_code_are_found() -> None:
    """Each has a cycle, since each of its nodes has two even checks; and here no class is cut."""
    matrix = samples.regular().parity_check.toarray()
    classes, cut = grown(matrix, 8, 2, 10**6)
    assert not cut
    exact = search(Graph.of(matrix), ABSORBING, 8, 2, 10**7, 10**5)
    assert exact.complete
    assert len(exact.rows) > 100
    assert set(samples.tuples(NodeSets.from_rows(exact.rows))) <= set(samples.tuples(union(classes)))


def test_what_is_cut_is_said_and_the_rest_is_a_part_of_the_whole() -> None:
    matrix = samples.regular().parity_check.toarray()
    whole, _ = grown(matrix, 6, 3, 10**5)
    part, cut = grown(matrix, 6, 3, 40)
    assert cut
    assert all(len(rows) <= 40 for rows in part.values())
    assert set(samples.tuples(union(part))) < set(samples.tuples(union(whole)))
    assert all(len(part[pair]) == 40 for pair in cut & part.keys())


def test_parity_nodes_of_degree_1_close_their_checks() -> None:
    code = samples.nr()
    classes, _ = grown(code.parity_check.toarray(), 9, 2, 2000)
    sets = union(classes)
    found = classify(code.parity_check, sets)
    degree = code.parity_check.toarray().sum(axis=0)
    assert (degree == 1).any()
    with_leaf = np.array([(degree[nodes] == 1).any() for nodes in sets])
    assert (with_leaf & (found.b <= 2)).any()
    assert found.connected.all()


def test_without_cycles_nothing_grows() -> None:
    classes, cut = grown(np.array([[1, 1, 0], [0, 1, 1]], dtype=np.uint8), 5, 3, 100)
    assert not classes
    assert not cut
