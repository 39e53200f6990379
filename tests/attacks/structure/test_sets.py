"""The containers: sets in and out, storage, and positions in the transmitted word."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semrobust.attacks.code.structure.analysis import analyse
from semrobust.attacks.code.structure.sets import NodeSets, Structure
from semrobust.errors import ArtifactError
from tests.attacks.structure import samples

SETS = st.lists(st.sets(st.integers(0, 50), max_size=9), max_size=12)


@given(sets=SETS)
@settings(deadline=None)
def test_sets_come_back_as_they_were_put_in(sets: list[set[int]]) -> None:
    container = NodeSets.of([list(nodes) for nodes in sets])
    expected = [tuple(sorted(nodes)) for nodes in sets]
    assert len(container) == len(sets)
    assert samples.tuples(container) == expected
    assert samples.tuples(NodeSets.from_rows(container.rows(12))) == expected
    assert container.sizes.tolist() == [len(nodes) for nodes in sets]
    assert container.nodes.dtype == container.indptr.dtype == np.int64
    matrix = container.matrix(51).toarray()
    assert [tuple(np.flatnonzero(row).tolist()) for row in matrix] == expected


@given(sets=SETS, more=SETS)
@settings(deadline=None)
def test_a_union_has_each_set_once_sorted(sets: list[set[int]], more: list[set[int]]) -> None:
    union = NodeSets.union([NodeSets.of([list(nodes) for nodes in part]) for part in (sets, more)])
    expected = {tuple(sorted(nodes)) for nodes in sets + more if nodes}
    assert samples.tuples(union) == sorted(expected, key=lambda nodes: (len(nodes), nodes))


@given(sets=SETS, data=st.data())
@settings(deadline=None)
def test_taking_by_position_and_by_flag(sets: list[set[int]], data: st.DataObject) -> None:
    container = NodeSets.of([list(nodes) for nodes in sets])
    every = samples.tuples(container)
    places = data.draw(st.lists(st.integers(0, len(sets) - 1), max_size=8)) if sets else []
    assert samples.tuples(container.take(np.array(places, dtype=np.int64))) == [every[place] for place in places]
    flags = np.array([place in places for place in range(len(sets))], dtype=np.bool_)
    chosen = [nodes for nodes, flag in zip(every, flags, strict=True) if flag]
    assert samples.tuples(container.take(flags)) == chosen


def test_places_count_from_both_ends() -> None:
    container = NodeSets.of([[3, 1], [7]])
    assert container[0].tolist() == [1, 3]
    assert container[-1].tolist() == [7]
    for wrong in (2, -3):
        with pytest.raises(IndexError, match=rf"set {wrong} of 2"):
            container[wrong]


@pytest.fixture(scope="module")
def structure() -> Structure:
    return analyse(samples.nr(), samples.settings(), 1)


def test_storage_keeps_everything(structure: Structure) -> None:
    arrays = structure.to_arrays()
    assert all(array.dtype.kind in "iub" for array in arrays.values())
    again = Structure.from_arrays(arrays)
    assert samples.tuples(again.sets) == samples.tuples(structure.sets)
    assert (again.girth, again.spectrum, again.scope) == (structure.girth, structure.spectrum, structure.scope)
    for name, array in again.to_arrays().items():
        assert array.dtype == arrays[name].dtype
        assert np.array_equal(array, arrays[name])


@pytest.mark.parametrize("name", ["indptr", "b", "absorbing", "spectrum", "scope"])
def test_damaged_arrays_are_refused(structure: Structure, name: str) -> None:
    arrays = structure.to_arrays()
    for broken in (arrays[name][..., :-1], None):
        damaged = {key: array for key, array in arrays.items() if key != name}
        if broken is not None:
            damaged[name] = broken
        with pytest.raises(ArtifactError, match="stored code structure is incomplete or damaged"):
            Structure.from_arrays(damaged)


def test_positions_in_the_transmitted_word(structure: Structure) -> None:
    """Punctured nodes drop out; the support of a codeword becomes that of the transmitted word."""
    code = samples.nr()
    words = structure.channel_bits(code, structure.codeword)
    assert words.sizes.tolist() == structure.weight[structure.codeword].tolist()
    codebook = {tuple(np.flatnonzero(word).tolist()) for word in words.matrix(code.n).toarray()}
    assert len(codebook) == int(structure.codeword.sum()) > 0
    for bits in words:
        message = np.zeros(code.n, dtype=np.int64)
        message[bits] = 1
        # solve for the message: a word of the code is a sum of rows of its generator
        stacked = np.vstack([code.generator, message.astype(np.uint8)])
        assert _rank(stacked) == code.k
    every = structure.channel_bits(code)
    assert len(every) == len(structure.sets)
    assert every.sizes.tolist() == structure.weight.tolist()
    assert (structure.weight < structure.a).any()
    for nodes, bits in zip(structure.sets, every, strict=True):
        assert code.channel_nodes[bits].tolist() == [node for node in nodes if node in code.channel_nodes]


def _rank(matrix: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> int:
    """Rank over GF(2), by an XOR basis of Python integers."""
    basis: dict[int, int] = {}
    for row in matrix:
        value = int("".join(map(str, row)), 2)
        while value and value.bit_length() in basis:
            value ^= basis[value.bit_length()]
        if value:
            basis[value.bit_length()] = value
    return len(basis)
