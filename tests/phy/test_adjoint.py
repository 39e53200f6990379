"""The gradient of the decoder against differences of the float64 reference."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from semrobust.phy import ldpc
from semrobust.phy.belief import CERTAIN
from semrobust.phy.decoder import FACTOR, RULES, SCHEDULES, Decoder
from tests.phy import reference
from tests.phy.helpers import messages, normal, received_llr
from tests.phy.reference import Reals


def problem(code: ldpc.LdpcCode, words: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Noisy LLRs (words, n) and random weights (words, nodes)."""
    return received_llr(code.encode(messages(code, words)), 1.0), normal(words, code.nodes, seed=9)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("name", "iterations"), [("regular", 1), ("regular", 4), ("nr", 4), ("tree", 3)])
def test_gradient_is_the_limit_of_differences(
    name: str, iterations: int, rule: str, schedule: str, request: pytest.FixtureRequest
) -> None:
    """A random direction for each word, in float64: min-sum is linear but where two magnitudes swap."""
    if name == "tree":  # with a check of one bit and one of two
        rows = [[0], [1, 2], [2, 3, 4], [4, 5, 6, 7, 8], [8, 9]]
        code = ldpc.LdpcCode.from_parity_check(np.array([[j in row for j in range(10)] for row in rows], np.uint8))
    else:
        code = request.getfixturevalue(name)
    llr, weights = problem(code, 6)
    posterior, slope = Decoder(code, rule, schedule=schedule).gradient(llr, weights, iterations)
    given, direction, step = llr.double().numpy(), normal(6, code.n, seed=11).double().numpy(), 1e-6

    def objective(x: Reals) -> tuple[Reals, Reals]:
        found, _ = reference.decode(code, x, rule, iterations, FACTOR, stop=False, schedule=schedule)
        return found, (found * weights.double().numpy()).sum(axis=1)

    np.testing.assert_allclose(posterior, objective(given)[0], rtol=2e-5, atol=2e-4)
    forward, backward = objective(given + step * direction)[1], objective(given - step * direction)[1]
    parts = slope.double().numpy() * direction
    assert np.all(np.abs(parts.sum(axis=1) - (forward - backward) / (2 * step)) < 2e-4 * np.abs(parts).sum(axis=1))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("rule", RULES)
def test_posterior_is_that_of_decode(rule: str, schedule: str, regular: ldpc.LdpcCode) -> None:
    """Words that never stop early have gone through the same operations, bit for bit."""
    llr, weights = problem(regular, 70)
    decoded = Decoder(regular, rule, iterations=3, schedule=schedule).decode(llr)
    posterior, _ = Decoder(regular, rule, schedule=schedule).gradient(llr, weights, 3)
    full = decoded.iterations == 3
    assert int(full.sum()) > 40
    assert torch.equal(posterior[full], decoded.llr[full])


@pytest.mark.parametrize("rule", RULES)
def test_gradient_is_linear_in_the_weights(rule: str, nr: ldpc.LdpcCode) -> None:
    llr, one = problem(nr, 20)
    two = normal(20, nr.nodes, seed=5)
    decoder = Decoder(nr, rule)
    parts = 2 * decoder.gradient(llr, one, 5)[1] - 3 * decoder.gradient(llr, two, 5)[1]
    whole = decoder.gradient(llr, 2 * one - 3 * two, 5)[1]
    torch.testing.assert_close(whole, parts, rtol=1e-3, atol=1e-4 * float(parts.abs().max()))
    assert not decoder.gradient(llr, 0 * one, 5)[1].any()


def direction(slope: Reals) -> Reals:
    """Rows over their largest entries."""
    return np.asarray(slope / np.abs(slope).max(axis=1, keepdims=True))


@pytest.mark.parametrize("depth", [8, 50, 200])
def test_the_direction_through_many_iterations_is_that_of_float64(depth: int) -> None:
    """Whole numbers and a factor of 1, so that float32 rounds nothing forward, and both see the same least messages."""
    code = ldpc.regular_code(48, 4, 6, seed=0)
    llr, weights = problem(code, 8)
    llr = (20 * llr).round()
    _, slope = Decoder(code, "min-sum", factor=1.0).gradient(llr, weights, depth)
    given, sought = llr.double().numpy(), weights.double().numpy()
    expected = reference.min_sum_slope(code, given, sought, depth, 1.0, float(CERTAIN))
    np.testing.assert_allclose(direction(slope.double().numpy()), direction(expected), atol=1e-4)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("rule", RULES)
def test_no_depth_and_no_weight_make_it_infinite(rule: str, schedule: str, regular: ldpc.LdpcCode) -> None:
    """Scaled by powers of two, directions are the same to the bit, and their norms are float32 numbers."""
    llr, weights = problem(regular, 40)
    decoder = Decoder(regular, rule, schedule=schedule)
    whole, large = (decoder.gradient(llr, factor * weights, 5)[1] for factor in (1.0, 2.0**100))
    assert np.array_equal(direction(whole.numpy()), direction(large.numpy()))
    deep = decoder.gradient(llr, weights, 200)[1]
    for slope in (large, deep):
        assert bool(slope.norm(dim=1).isfinite().all())
        assert bool(slope.any(dim=1).all())


@pytest.mark.parametrize("rule", RULES)
def test_a_word_s_gradient_does_not_depend_on_its_batch(rule: str, regular: ldpc.LdpcCode) -> None:
    llr, weights = problem(regular, 150)
    decoder = Decoder(regular, rule)
    posterior, slope = decoder.gradient(llr, weights, 3)
    order = torch.randperm(150, generator=torch.Generator().manual_seed(2))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        shuffled = decoder.gradient(llr[order], weights[order], 3)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(shuffled[0], posterior[order])
    assert torch.equal(shuffled[1], slope[order])
    alone = decoder.gradient(llr[7:8], weights[7:8], 3)
    assert torch.equal(alone[1], slope[7:8])


def test_no_iterations_and_no_words(nr: ldpc.LdpcCode) -> None:
    llr, weights = problem(nr, 3)
    posterior, slope = Decoder(nr).gradient(llr, weights, 0)
    assert torch.equal(posterior[:, nr.channel_nodes], llr)
    assert torch.equal(slope, weights[:, nr.channel_nodes])
    posterior, slope = Decoder(nr).gradient(llr[:0], weights[:0], 5)
    assert posterior.shape == (0, nr.nodes)
    assert slope.shape == (0, nr.n)


@pytest.mark.parametrize("rule", RULES)
def test_certain_and_erased_words_have_finite_gradients(rule: str, regular: ldpc.LdpcCode) -> None:
    llr = torch.stack([torch.zeros(192), torch.full((192,), 1e30), torch.linspace(-1e-6, 1e-6, 192)])
    posterior, slope = Decoder(regular, rule).gradient(llr, torch.ones(3, 192), 5)
    assert bool(posterior.isfinite().all())
    assert bool(slope.isfinite().all())
    if rule == "sum-product":
        assert torch.equal(slope[0], torch.ones(192))  # nothing reaches anything else


def test_wrong_use_is_refused(nr: ldpc.LdpcCode) -> None:
    llr, weights = problem(nr, 3)
    with pytest.raises(ValueError, match="weights of shape"):
        Decoder(nr).gradient(llr, weights[:, 1:], 5)
    with pytest.raises(ValueError, match="iterations = -1"):
        Decoder(nr).gradient(llr, weights, -1)
    with pytest.raises(ValueError, match="not finite"):
        Decoder(nr).gradient(llr * torch.inf, weights, 5)
