"""A code is recovered from words without error, and from nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from semrobust.attacks.code.recovery import BLIND, NOT, STANDARD, recover
from semrobust.phy.ldpc import Bits, LdpcCode, nr_code, regular_code, row_reduce

CODE = regular_code(192, 3, 6, 1)


def words_of(code: LdpcCode, count: int) -> Bits:
    messages = np.random.default_rng(3).integers(2, size=(count, code.k), dtype=np.uint8)
    return code.encode(messages)


@pytest.mark.parametrize("weights", [(3, 6), (4, 6), (4, 12)])
def test_all_checks_of_a_sparse_code_are_found(weights: tuple[int, int]) -> None:
    code = regular_code(192, *weights, 1)
    found = recover(words_of(code, code.k + 60), 40, 0)
    assert (found.by, found.dimension) == (BLIND, code.k)
    assert not (found.checks.astype(int) @ code.generator.T % 2).any(), "orthogonal to all codewords"
    assert len(row_reduce(found.checks)[0]) == code.n - code.k, "and to nothing else"
    assert {row.tobytes() for row in found.checks} >= {row.tobytes() for row in code.parity_check.toarray()}


def test_the_same_words_and_seed_give_the_same_checks_in_the_same_order() -> None:
    words = words_of(CODE, 160)
    assert np.array_equal(recover(words, 40, 5).checks, recover(words, 40, 5).checks)


def test_a_few_wrong_bits_hide_the_code() -> None:
    words = words_of(CODE, 400)
    words[np.arange(200), np.arange(200) % 192] ^= 1
    assert recover(words, 4, 0).by == NOT


def test_too_few_words_do_not_pass_for_the_code() -> None:
    found = recover(words_of(CODE, CODE.k // 2), 4, 0)
    assert (found.by, len(found.checks)) == (NOT, 0)


def test_a_code_without_sparse_checks_gives_no_decoder() -> None:
    generator = np.random.default_rng(1).integers(2, size=(96, 192), dtype=np.uint8)
    messages = np.random.default_rng(2).integers(2, size=(160, 96), dtype=np.uint8)
    assert recover((messages @ generator % 2).astype(np.uint8), 4, 0).by == NOT


def test_a_code_of_the_standard_is_known_by_its_size() -> None:
    code = nr_code(96, 192)
    assert recover(words_of(code, 160), 4, 0).by == STANDARD
