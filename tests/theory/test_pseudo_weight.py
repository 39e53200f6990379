"""Pseudo-weights: closed forms, codewords, random points of the cone, and known codes."""

from __future__ import annotations

import numpy as np
import pytest

from semrobust.phy.ldpc import LdpcCode, nr_code, regular_code
from semrobust.theory.pseudo_weight import pseudo_weight, transmits_all, tree_bound

HAMMING = [[1, 1, 0, 1, 1, 0, 0], [1, 0, 1, 1, 0, 1, 0], [0, 1, 1, 1, 0, 0, 1]]


def chain(n: int) -> LdpcCode:
    """Repetition code whose graph is a path: no cycles, so its cone holds one ray."""
    matrix = np.zeros((n - 1, n), dtype=np.uint8)
    matrix[np.arange(n - 1), np.arange(n - 1)] = matrix[np.arange(n - 1), np.arange(1, n)] = 1
    return LdpcCode.from_parity_check(matrix)


@pytest.mark.parametrize("n", [2, 5, 9])
def test_repetition_needs_the_power_of_all_its_bits(n: int) -> None:
    found = pseudo_weight(chain(n), girth=0)
    assert found.found == pytest.approx(n)
    assert found.proved == pytest.approx(n)
    assert found.programs == n


def test_one_check_has_the_weight_of_two_bits() -> None:
    found = pseudo_weight(LdpcCode.from_parity_check([[1, 1, 1, 1]]), girth=0)
    assert found.found == pytest.approx(2.0)
    assert found.proved == pytest.approx(2.0)


def test_hamming_code_is_weaker_under_linear_programming_than_its_distance() -> None:
    """No more than the lightest codeword, and no point of the cone lies below what is proved."""
    code = LdpcCode.from_parity_check(HAMMING)
    found = pseudo_weight(code, girth=4)
    assert 2.0 <= found.proved <= found.found <= 3.0 + 1e-9
    rng = np.random.default_rng(0)
    points = rng.exponential(size=(20000, 7)) * (rng.random((20000, 7)) < 0.7)
    inside = np.ones(len(points), dtype=bool)
    for check in np.array(HAMMING, dtype=bool):
        inside &= (2 * points[:, check].max(axis=1) <= points[:, check].sum(axis=1)) & (points.sum(axis=1) > 0)
    weights = points[inside].sum(axis=1) ** 2 / (points[inside] ** 2).sum(axis=1)
    assert inside.sum() > 100
    assert weights.min() >= found.proved


def test_regular_code_lies_between_its_bounds() -> None:
    code = regular_code(48, 3, 6, 0)
    messages = np.eye(code.k, dtype=np.uint8)
    lightest = int((messages @ code.generator % 2).sum(axis=1).min())
    found = pseudo_weight(code, girth=4)
    assert 1 < found.proved <= found.found <= lightest + 1e-9
    few = pseudo_weight(code, girth=4, bits=3)
    assert few.programs == 3
    assert few.proved == tree_bound(4, 3)
    assert few.found >= found.proved


@pytest.mark.parametrize(
    ("girth", "degree", "weight"), [(4, 3, 2), (6, 3, 4), (8, 3, 6), (10, 3, 10), (6, 4, 5), (8, 4, 8), (12, 2, 6)]
)
def test_tree_bound_counts_the_tree(girth: int, degree: int, weight: int) -> None:
    """Tanner's tree: one bit, its neighbours, theirs; for degree 2, a cycle of g/2 bits."""
    assert tree_bound(girth, degree) == weight


def test_punctured_codes_are_refused() -> None:
    code = nr_code(48, 96)
    assert not transmits_all(code)
    with pytest.raises(ValueError, match="punctured"):
        pseudo_weight(code, girth=4)
