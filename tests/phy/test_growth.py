"""Progressive edge growth: regular, seeded, and without short cycles."""

from __future__ import annotations

import numpy as np
import pytest

from semrobust.attacks.code.structure.cycles import girth
from semrobust.phy.growth import grown_matrix
from semrobust.phy.ldpc import LdpcCode, regular_matrix, row_reduce


@pytest.mark.parametrize(("n", "column", "row"), [(192, 3, 6), (384, 4, 8), (240, 4, 6), (93, 2, 3), (60, 3, 5)])
def test_every_weight_is_kept_and_no_cycle_has_four_edges(n: int, column: int, row: int) -> None:
    matrix = grown_matrix(n, column, row, 0)
    assert matrix.shape == (n * column // row, n)
    assert matrix.dtype == np.uint8
    assert np.all(matrix.sum(axis=0) == column)
    assert np.all(matrix.sum(axis=1) == row)
    shared = matrix.T.astype(int) @ matrix
    assert (shared - column * np.eye(n) <= 1).all(), "two nodes share two checks"
    code = LdpcCode.from_parity_check(matrix)
    assert code.k == n - len(row_reduce(matrix)[1]) >= n - len(matrix)


def test_its_cycles_are_longer_than_those_of_a_random_draw() -> None:
    """At the length of the experiments all but a few of the last edges close cycles of eight edges and more."""
    grown, drawn = grown_matrix(768, 3, 6, 2), regular_matrix(768, 3, 6, 0)
    assert girth(grown) == 8
    assert girth(drawn) == 4


def test_a_draw_is_one_matrix_and_other_draws_are_others() -> None:
    one, same, other, longer = (grown_matrix(n, 3, 6, seed) for n, seed in ((96, 1), (96, 1), (96, 2), (102, 1)))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, longer[:48, :96])


@pytest.mark.parametrize(
    ("n", "weights", "match"),
    [(96, (6, 3), "positive rate"), (96, (1, 6), "positive rate"), (97, (3, 6), "must divide"), (0, (3, 6), "divide"),
     (12, (3, 6), "too short")],
)  # fmt: skip
def test_what_is_no_code_is_refused(n: int, weights: tuple[int, int], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        grown_matrix(n, *weights, 0)
