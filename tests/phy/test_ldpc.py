"""LDPC codes: structure, encoding, storage."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pyldpc
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sionna.phy.fec.ldpc import LDPC5GEncoder

from semrobust.errors import ArtifactError
from semrobust.phy import ldpc, tanner
from semrobust.phy.decoder import Decoder
from tests.phy.helpers import messages, received_llr, syndromes


def slow_rank(matrix: npt.NDArray[np.uint8]) -> int:
    """Rank over GF(2) by an XOR basis of Python integers: shares nothing with the package's elimination."""
    basis: dict[int, int] = {}
    for row in matrix:
        value = int("".join(map(str, row)), 2)
        while value:
            lead = value.bit_length()
            if lead not in basis:
                basis[lead] = value
                break
            value ^= basis[lead]
    return len(basis)


@pytest.mark.parametrize(
    ("n", "column", "row", "seed"), [(192, 3, 6, 0), (768, 3, 6, 1), (120, 4, 5, 2), (60, 2, 3, 3)]
)
def test_regular_code_structure(n: int, column: int, row: int, seed: int) -> None:
    code = ldpc.regular_code(n, column, row, seed)
    dense = code.parity_check.toarray()
    assert dense.shape == (n * column // row, n)
    assert np.all(dense.sum(axis=0) == column)
    assert np.all(dense.sum(axis=1) == row)
    assert code.k == n - slow_rank(dense)
    assert slow_rank(code.generator) == code.k
    assert not syndromes(code, code.generator).any()
    assert np.array_equal(code.generator[:, code.information_nodes], np.eye(code.k))
    assert code.nodes == code.n == n
    assert np.array_equal(code.channel_nodes, np.arange(n))


@pytest.mark.parametrize("seed", range(5))
def test_row_reduction_against_slow_rank(seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.integers(0, 2, (40, 70 + seed), dtype=np.uint8)
    matrix[30:] = matrix[:10] ^ matrix[10:20]
    kept = matrix.copy()
    reduced, pivots = ldpc.row_reduce(matrix)
    assert np.array_equal(matrix, kept)
    assert len(pivots) == len(reduced) == slow_rank(matrix)
    assert np.array_equal(reduced[:, pivots], np.eye(len(pivots)))
    assert slow_rank(np.vstack([reduced, matrix])) == len(pivots)  # same row space


def test_rank_deficient_matrix_keeps_its_columns() -> None:
    parity_check = np.array([[1, 1, 0, 0, 1, 1], [0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]], dtype=np.uint8)
    code = ldpc.LdpcCode.from_parity_check(parity_check)
    assert code.k == 4
    assert np.array_equal(code.parity_check.toarray(), parity_check)
    assert not syndromes(code, code.generator).any()
    assert np.array_equal(code.generator[:, code.information_nodes], np.eye(4))


def test_same_seed_same_code_other_seed_other_code() -> None:
    one, same, other = (ldpc.regular_code(60, 3, 6, seed) for seed in (0, 0, 1))
    assert np.array_equal(one.parity_check.toarray(), same.parity_check.toarray())
    assert not np.array_equal(one.parity_check.toarray(), other.parity_check.toarray())


@pytest.mark.parametrize(("seed", "kept"), [(0, True), (4, False)])
def test_codes_with_identical_columns_are_drawn_again(seed: int, kept: bool) -> None:
    """Seed 4 of pyldpc has two equal columns, that is a codeword of weight 2; seed 0 has none."""
    drawn = pyldpc.make_ldpc(768, 3, 6, systematic=True, seed=seed)[0]
    code = ldpc.regular_code(768, 3, 6, seed)
    assert np.array_equal(code.parity_check.toarray(), drawn) == kept
    assert np.unique(code.parity_check.toarray(), axis=1).shape[1] == 768
    assert kept == (np.unique(drawn, axis=1).shape[1] == 768)


def test_encode_and_read_back(regular: ldpc.LdpcCode, nr: ldpc.LdpcCode) -> None:
    for code in (regular, nr):
        bits = messages(code, 50)
        words = code.encode(bits)
        assert words.shape == (50, code.n)
        assert words.dtype == torch.uint8
        assert torch.equal(words, code.encode(bits.float()))
        assert torch.equal(code.information(words), bits)
        expected = bits.numpy().astype(np.int64) @ code.generator.astype(np.int64) % 2
        assert np.array_equal(words.numpy(), expected)
    assert not syndromes(regular, regular.encode(messages(regular, 50)).numpy()).any()


@pytest.mark.parametrize(("k", "n"), [(100, 200), (384, 768), (132, 400), (60, 68), (12, 60)])
def test_nr_code_is_sionnas(k: int, n: int) -> None:
    code = ldpc.nr_code(k, n)
    bits = messages(code, 20)
    encoder = LDPC5GEncoder(k, n, device="cpu")
    words = code.encode(bits)
    assert torch.equal(words, encoder(bits.float()).to(torch.uint8))
    assert torch.equal(code.information(words), bits)
    assert code.nodes >= n + 2 * encoder.z
    assert code.parity_check.shape[0] == code.nodes - k
    # with its punctured message bits put back, and the rest filled in, a codeword satisfies the graph
    assert slow_rank(code.parity_check.toarray()) == code.parity_check.shape[0]


def test_nr_graph_holds_exactly_the_codewords() -> None:
    """Every unit message's transmitted bits extend to a word on all nodes with a zero syndrome."""
    code = ldpc.nr_code(100, 200)
    graph = ldpc.LdpcCode.from_parity_check(code.parity_check.toarray())
    assert graph.k == code.k
    # graph codewords restricted to (message, transmitted) nodes span the same space as [I | G]
    ours = np.hstack([np.eye(code.k, dtype=np.uint8), code.generator])
    nodes = np.r_[code.information_nodes, code.channel_nodes]
    theirs = graph.generator[:, nodes]
    assert slow_rank(np.vstack([ours, theirs])) == code.k


@given(k=st.integers(12, 200), rate=st.floats(0.2, 0.95))
@example(k=153, rate=153 / 192)  # core parity bits that are neither sent nor message bits
@example(k=37, rate=37 / 40)
@example(k=64, rate=64 / 155)
@settings(max_examples=15, deadline=None, derandomize=True)
@pytest.mark.filterwarnings("ignore:Effective coderate")
def test_every_nr_code_is_one_and_survives_storage(k: int, rate: float) -> None:
    try:
        code = ldpc.nr_code(k, round(k / rate))
    except ValueError:
        return  # not every rate in this range has one
    survives_storage(code)


@given(matrix=arrays.arrays(np.uint8, st.tuples(st.integers(1, 8), st.integers(9, 12)), elements=st.integers(0, 1)))
@settings(max_examples=30, deadline=None)
def test_every_other_code_survives_storage(matrix: npt.NDArray[np.uint8]) -> None:
    survives_storage(ldpc.LdpcCode.from_parity_check(matrix[matrix.any(axis=1)]))


def survives_storage(code: ldpc.LdpcCode) -> None:
    """Messages have different codewords, and a code that is loaded encodes, reads and decodes as the one stored."""
    stored = code.to_arrays()
    assert all(array.dtype.kind in "iu" for array in stored.values())
    again = ldpc.LdpcCode.from_arrays(stored)
    assert (again.family, again.k, again.n, again.rate) == (code.family, code.k, code.n, code.rate)
    assert slow_rank(code.generator) == code.k
    bits = messages(code, 5)
    words = code.encode(bits)
    assert torch.equal(again.encode(bits), words)
    assert torch.equal(again.information(words), bits)
    llr = received_llr(words, 3.0)
    one, two = (Decoder(each, iterations=5).decode(llr) for each in (code, again))
    assert torch.equal(one.llr, two.llr)
    assert torch.equal(one.bits, two.bits)


@pytest.mark.parametrize("name", ["regular", "nr"])
def test_damaged_storage_is_refused(name: str, request: pytest.FixtureRequest) -> None:
    stored = request.getfixturevalue(name).to_arrays()
    stored["generator"] = stored["generator"].copy()
    stored["generator"][3, -1] ^= 1
    with pytest.raises(ArtifactError, match="damaged"):
        ldpc.LdpcCode.from_arrays(stored)
    del stored["generator"]
    with pytest.raises(ArtifactError, match="incomplete"):
        ldpc.LdpcCode.from_arrays(stored)


@pytest.mark.parametrize(
    ("args", "match"),
    [
        ((0, 3, 6, 0), "positive"),
        ((190, 3, 6, 0), "must divide"),
        ((192, 6, 3, 0), "column_weight < row_weight"),
        ((192, 1, 6, 0), "2 <= column_weight"),
        ((192, 3, 6, -1), "seed"),
        ((12, 3, 6, 0), "too short"),
    ],
)
def test_impossible_regular_codes(args: tuple[int, int, int, int], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        ldpc.regular_code(*args)


@pytest.mark.parametrize(
    ("k", "n", "match"),
    [
        (24, 26, "two messages would share a codeword"),
        (100, 0, "positive"),
        (100, 100, "its rate must be from 1/5 to 0.95"),
        (10, 20, "12 <= k <= 8448"),
        (96, 100, "its rate must"),
        (153, 768, "its rate must"),
        (9000, 18000, "12 <= k <= 8448"),
        (3830, 13000, "at most 3824"),
    ],
)
@pytest.mark.filterwarnings("ignore:Effective coderate")
def test_impossible_nr_codes(k: int, n: int, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        ldpc.nr_code(k, n)


@given(k=st.integers(1, 9000), rate=st.fractions(Fraction(1, 6), 1))
@example(k=3840, rate=Fraction(1, 4))
@example(k=3841, rate=Fraction(1, 4))
@example(k=3824, rate=Fraction(7, 24))
@example(k=3825, rate=Fraction(7, 24))
@example(k=3825, rate=Fraction(1, 3))
@settings(max_examples=200, deadline=None)
def test_sizes_of_nr_codes_are_those_that_sionna_takes(k: int, rate: Fraction) -> None:
    """Sionna's own choice of a base graph, without what it builds then."""
    n = math.ceil(k / rate)
    taken = 12 <= k <= 8448 and Fraction(1, 5) <= Fraction(k, n) and k / n <= 0.95
    if taken:
        try:
            LDPC5GEncoder._sel_basegraph(LDPC5GEncoder.__new__(LDPC5GEncoder), k, k / n)
        except ValueError:
            taken = False
    assert (ldpc.no_nr_code(k, n) is None) == taken


@pytest.mark.parametrize(("n", "column", "row"), [(48, 3, 6), (96, 3, 6), (60, 3, 4), (48, 2, 3)])
def test_shared_pairs_are_their_mean_over_draws(n: int, column: int, row: int) -> None:
    stream = np.random.RandomState(0)
    counts = []
    for _ in range(400):
        alike = pyldpc.parity_check_matrix(n, column, row, seed=stream).T
        counts.append(sum((alike[first] == alike[first + 1 :]).all(axis=1).sum() for first in range(n)))
    expected = ldpc.shared_pairs(n, column, row)
    assert np.mean(counts) == pytest.approx(expected, abs=5 * math.sqrt(expected / 400))


def test_wrong_shapes_are_refused(regular: ldpc.LdpcCode) -> None:
    with pytest.raises(ValueError, match="expected"):
        regular.encode(torch.zeros(2, regular.k + 1))
    with pytest.raises(ValueError, match="expected"):
        regular.information(torch.zeros(2, regular.n + 1))
    with pytest.raises(ValueError, match="no message bits"):
        ldpc.LdpcCode.from_parity_check(np.eye(3, dtype=np.uint8))


def test_tanner_s_code_has_its_numbers() -> None:
    """Three ones a column, five a row, k = 64, no cycle of four."""
    code = tanner.tanner_code()
    matrix = code.parity_check.toarray().astype(np.int64)
    assert (code.n, code.k) == (155, 64)
    assert set(matrix.sum(axis=0)) == {3}
    assert set(matrix.sum(axis=1)) == {5}
    shared = matrix.T @ matrix
    assert shared[~np.eye(155, dtype=bool)].max() == 1
