"""Top-K coding: positions as numbers without a gap, budgets to the bit, and what arrives is what was quantized."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from semrobust.codecs import top_k
from semrobust.codecs.top_k import TopK


def samples(count: int, planes: int, sites: int, seed: int = 0) -> np.typing.NDArray[np.float32]:
    """Sparse samples: values whose size falls from site to site of a random order."""
    stream = np.random.default_rng(seed)
    sizes = np.exp(-np.arange(sites) / 20.0)
    shuffled = np.stack([stream.permutation(sizes) for _ in range(count)])[:, None]
    return (shuffled * stream.standard_normal((count, planes, sites))).astype(np.float32)


def test_sets_of_positions_are_numbered_without_a_gap() -> None:
    numbers = [top_k.rank(chosen, 9) for chosen in combinations(range(9), 4)]
    assert sorted(numbers) == list(range(math.comb(9, 4)))
    for chosen in combinations(range(9), 4):
        assert top_k.positions(top_k.rank(chosen, 9), 9, 4) == list(chosen)


@pytest.mark.parametrize("number", [-1, math.comb(9, 4)])
def test_a_number_that_no_set_has_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="no set of 4 of 9"):
        top_k.positions(number, 9, 4)


@pytest.mark.parametrize("kept", [1, 10, 100])
def test_positions_cost_the_logarithm_of_the_number_of_sets(kept: int) -> None:
    bits = top_k.position_bits(1024, kept)
    assert 2 ** (bits - 1) < math.comb(1024, kept) <= 2**bits


def test_as_many_coefficients_are_kept_as_fit() -> None:
    kept = top_k.most_kept(1024, 2, 3, 240)

    def cost(count: int) -> int:
        return top_k.position_bits(1024, count) + 6 * count

    assert cost(kept) <= 240 < cost(kept + 1)
    assert top_k.most_kept(1024, 1, 1, 10) == 0


@pytest.mark.parametrize("planes", [1, 2])
def test_what_is_sent_arrives_as_it_was_quantized(planes: int) -> None:
    given = samples(64, planes, 1024)
    codec = TopK.fitted(given, 200)
    assert codec.bits <= 200
    sent = [codec.encode(sample) for sample in given]
    assert {len(each) for each in sent} == {25}
    shown = [codec.decode(each) for each in sent]
    np.testing.assert_array_equal(np.stack([each for each in shown if each is not None]), codec.quantized(given))


def test_any_bits_give_a_sample_or_none() -> None:
    codec = TopK.fitted(samples(64, 2, 1024), 200)
    stream = np.random.default_rng(1)
    found = [codec.decode(stream.bytes(25)) for _ in range(200)]
    assert all(shown is None or (shown.shape == (2, 1024) and np.isfinite(shown).all()) for shown in found)
    assert codec.decode(b"\xff" * 25) is None  # beyond the last set of positions


def test_the_best_approximation_of_k_coefficients_leaves_the_energy_of_the_others() -> None:
    given = samples(8, 2, 1024)
    energy = np.sort(np.square(given).sum(axis=1), axis=1)
    left = np.square(given - top_k.approximated(given, 20)).sum(axis=(1, 2))
    np.testing.assert_allclose(left, energy[:, :-20].sum(axis=1), rtol=1e-4)


def test_the_quantizer_of_a_gaussian_has_the_levels_of_lloyd_and_max() -> None:
    """Max 1960, table I: the best four levels of a normal variable are ±0.4528 and ±1.510."""
    given = np.random.default_rng(2).standard_normal((20_000, 1, 1)).astype(np.float32)
    np.testing.assert_allclose(top_k._levels(given, 1, 4), [-1.510, -0.4528, 0.4528, 1.510], atol=0.04)


def test_a_larger_budget_is_never_worse() -> None:
    given = samples(256, 1, 1024)
    nmse = [TopK.fitted(given, room).nmse(given) for room in (60, 112, 240, 496)]
    assert nmse == sorted(nmse, reverse=True)


def test_a_budget_without_room_for_a_coefficient_is_refused() -> None:
    with pytest.raises(ValueError, match="10 bits hold not one"):
        TopK.fitted(samples(4, 1, 1024), 10)
