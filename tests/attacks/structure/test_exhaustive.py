"""The exact search finds every set of its kind once: all subsets of tiny codes, and known facts of larger ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from semrobust.attacks.code.structure.exhaustive import ABSORBING, STOPPING, TRAPPING, Found, deepen, search
from semrobust.attacks.code.structure.graph import Graph
from semrobust.attacks.code.structure.sets import NodeSets
from tests.attacks.structure import samples
from tests.attacks.structure.brute import CODES, HAMMING, Described, every_set

WANTED: dict[str, Callable[[Described, int], bool]] = {
    TRAPPING: lambda one, odd: one.b <= odd,
    ABSORBING: lambda one, odd: one.absorbing and one.b <= odd,
    STOPPING: lambda one, odd: one.stopping,
}


def found(result: Found) -> list[tuple[int, ...]]:
    return samples.tuples(NodeSets.from_rows(result.rows))


@pytest.mark.parametrize("size", [1, 3, 6])
@pytest.mark.parametrize("name", CODES)
def test_all_subsets_of_tiny_codes(name: str, size: int) -> None:
    graph, described = Graph.of(CODES[name]), list(every_set(CODES[name], size))
    for kind, wanted in WANTED.items():
        for odd in [0] if kind == STOPPING else range(4):
            expected = {one.nodes for one in described if one.connected and wanted(one, odd)}
            result = search(graph, kind, size, odd, 10**7, 10**5)
            assert result.complete
            assert sorted(found(result)) == sorted(expected), (kind, odd)


def test_hamming_code_has_seven_codewords_of_weight_3() -> None:
    words = [nodes for nodes in found(search(Graph.of(HAMMING), TRAPPING, 7, 0, 10**6, 1000)) if len(nodes) < 7]
    assert [sum(len(word) == weight for word in words) for weight in range(7)] == [0, 0, 0, 7, 7, 0, 0]


def test_what_does_not_fit_is_not_said_to_be_complete() -> None:
    graph = Graph.of(CODES["(3,6)"])
    whole = search(graph, TRAPPING, 6, 2, 10**6, 10_000)
    few = search(graph, TRAPPING, 6, 2, 10**6, 5)
    assert whole.complete
    assert not few.complete
    assert found(few) == found(whole)[:5]
    assert not search(graph, TRAPPING, 6, 2, whole.branches - 1, 10_000).complete
    assert search(graph, TRAPPING, 6, 2, whole.branches, len(whole.rows)).complete


def test_deepening_stops_at_the_size_that_the_branches_allow() -> None:
    graph = Graph.of(samples.regular().parity_check)
    result, size = deepen(graph, ABSORBING, 12, 2, 100_000, 10_000)
    assert 3 < size < 12
    assert found(result) == found(search(graph, ABSORBING, size, 2, 10**7, 10_000))
    more, larger = deepen(graph, ABSORBING, 12, 2, 400_000, 10_000)
    assert larger > size
    assert set(found(result)) == {nodes for nodes in found(more) if len(nodes) <= size}
    nothing, size = deepen(graph, ABSORBING, 12, 2, 1, 10_000)
    assert (len(nothing.rows), size) == (0, 0)


@pytest.mark.parametrize("seed", [1, 2])
def test_other_numbers_for_the_nodes_permute_the_result(seed: int) -> None:
    for code in (samples.regular(), samples.nr()):
        matrix = code.parity_check.toarray()
        other, number = samples.relabelled(matrix, seed)
        for kind, size, odd in ((ABSORBING, 5, 3), (STOPPING, 9, 0), (TRAPPING, 3, 3)):
            before = search(Graph.of(matrix), kind, size, odd, 10**7, 10**5)
            after = search(Graph.of(other), kind, size, odd, 10**7, 10**5)
            assert before.complete
            assert after.complete
            expected = {tuple(sorted(number[list(nodes)].tolist())) for nodes in found(before)}
            assert set(found(after)) == expected
            assert len(expected) > 0 or kind == STOPPING


def test_codewords_are_found_by_both_of_the_kinds_that_hold_them() -> None:
    """A codeword without odd checks is absorbing and stopping."""
    graph = Graph.of(samples.nr().parity_check)
    words = set(found(search(graph, ABSORBING, 14, 0, 10**7, 10**5)))
    stopping = set(found(search(graph, STOPPING, 14, 0, 10**7, 10**5)))
    assert words
    assert words <= stopping
    lengths = np.array([len(word) for word in words])
    assert lengths.min() > 2
