"""The decoder: against brute force, by its symmetries, at the edges. Its error rates: test_error_rates.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semrobust.phy import ldpc, mapping
from semrobust.phy.decoder import RULES, Decoder
from tests.phy.helpers import (
    QAM16,
    QPSK,
    block_errors,
    codebook,
    messages,
    normal,
    received_llr,
    syndromes,
)

HAMMING = np.array([[1, 0, 1, 0, 1, 0, 1], [0, 1, 1, 0, 0, 1, 1], [0, 0, 0, 1, 1, 1, 1]], dtype=np.uint8)


def bit_posteriors(code: ldpc.LdpcCode, llr: torch.Tensor) -> npt.NDArray[np.float64]:
    """Exact log p(bit = 0 | y) / p(bit = 1 | y) of every coded bit, summed over the code book."""
    book = codebook(code).astype(np.float64)
    metric = llr.double().numpy() @ (0.5 - book.T)
    weight = np.exp(metric - metric.max(axis=1, keepdims=True))  # p(y | c) up to a factor
    return np.asarray(np.log(weight @ (1 - book)) - np.log(weight @ book))


@pytest.mark.parametrize("name", ["regular", "nr"])
@pytest.mark.parametrize("mod", [QPSK, QAM16], ids=lambda mod: mod.name)
def test_noiseless_round_trip(name: str, mod: mapping.Modulation, request: pytest.FixtureRequest) -> None:
    code: ldpc.LdpcCode = request.getfixturevalue(name)
    bits = messages(code, 20)
    llr = mapping.llr(mapping.map_bits(code.encode(bits), mod), 0.1, mod)
    decoded = Decoder(code).decode(llr)
    assert torch.equal(decoded.bits, bits)
    assert decoded.bits.dtype == torch.uint8
    assert decoded.iterations.dtype == torch.int64
    assert decoded.llr.shape == (20, code.nodes)
    assert bool(decoded.codeword_ok.all())
    if name == "regular":  # nothing to do: the hard decisions are the codeword
        assert int(decoded.iterations.max()) == 0
        assert torch.equal(decoded.llr, llr)
    else:  # the punctured bits have to be found
        assert int(decoded.iterations.min()) > 0


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_corrects_errors(rule: str, regular: ldpc.LdpcCode) -> None:
    bits = messages(regular, 40)
    decoded = Decoder(regular, rule).decode(received_llr(regular.encode(bits), 5.0))
    assert block_errors(decoded, bits) <= 1  # min-sum may oscillate on a short code
    assert 0 < int(decoded.iterations[decoded.codeword_ok].max()) < 50


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", ["regular", "nr"])
def test_verdict_and_iteration_count(name: str, rule: str, request: pytest.FixtureRequest) -> None:
    code: ldpc.LdpcCode = request.getfixturevalue(name)
    bits = messages(code, 200)
    decoded = Decoder(code, rule, iterations=15).decode(received_llr(code.encode(bits), 1.5))
    failed = ~decoded.codeword_ok
    assert 0 < int(failed.sum()) < 200
    assert torch.equal(decoded.iterations[failed], torch.full((int(failed.sum()),), 15))
    words = (decoded.llr <= 0).numpy()
    assert np.array_equal(syndromes(code, words).any(axis=1), failed.numpy())
    assert np.array_equal(words[:, code.information_nodes], decoded.bits.numpy())
    right = (decoded.bits == bits).all(1)
    assert int((right & decoded.codeword_ok).sum()) > 100
    assert int((~right & decoded.codeword_ok).sum()) <= 2  # undetected errors are rare


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_a_word_s_result_is_its_own(rule: str, data: st.DataObject) -> None:
    """Bit for bit the same for any batch, order and number of threads."""
    code = ldpc.regular_code(60, 3, 6, seed=1)
    llr = received_llr(code.encode(messages(code, 300)), 2.0)
    torch.set_num_threads(1)
    whole = Decoder(code, rule, iterations=20).decode(llr)
    try:
        torch.set_num_threads(data.draw(st.integers(1, 4), "threads"))
        order = torch.tensor(data.draw(st.permutations(range(300)), "order"))
        size = data.draw(st.sampled_from([1, 3, 16, 17, 150, 299, 300]), "batch")
        for part in torch.split(order, size)[:20]:
            decoded = Decoder(code, rule, iterations=20).decode(llr[part])
            for field in ("bits", "codeword_ok", "iterations", "llr"):
                assert torch.equal(getattr(decoded, field), getattr(whole, field)[part])
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize("rule", RULES)
def test_sign_symmetry_is_exact(rule: str, regular: ldpc.LdpcCode) -> None:
    """The same noise, turned with the codeword's signs, gives the same errors, word by word."""
    bits = messages(regular, 200)
    zero = received_llr(torch.zeros(200, regular.n), 1.5)
    signs = 1 - 2 * regular.encode(bits).float()
    one, two = Decoder(regular, rule).decode(zero), Decoder(regular, rule).decode(zero * signs)
    assert torch.equal(one.bits ^ bits, two.bits)
    assert torch.equal(one.llr * signs, two.llr)
    assert torch.equal(one.codeword_ok, two.codeword_ok)
    assert torch.equal(one.iterations, two.iterations)
    assert 0 < int((~one.codeword_ok).sum()) < 200


TREES: dict[str, list[list[int]]] = {
    "single parity check": [list(range(8))],
    "repetition": [[0, bit] for bit in range(1, 7)],
    "path": [[0, 1, 2], [2, 3, 4], [4, 5], [5, 6, 7, 8], [8, 9, 10], [10, 11]],
    "star": [[0, 1, 2, 3], [0, 4, 5], [0, 6], [1, 7, 8], [4, 9, 10, 11], [11]],
}


@pytest.mark.parametrize("kind", TREES)
def test_bp_is_bitwise_map_without_cycles(kind: str) -> None:
    """After as many iterations as the tree is deep, posteriors are the true ones, by summing over the code book."""
    checks = TREES[kind]
    parity_check = np.zeros((len(checks), 1 + max(map(max, checks))), np.uint8)
    for row, check in zip(parity_check, checks, strict=True):
        row[check] = 1
    code = ldpc.LdpcCode.from_parity_check(parity_check)
    llr = received_llr(code.encode(messages(code, 300)), -1.0)
    posterior = Decoder(code).gradient(llr, torch.zeros(300, code.nodes), 2 * len(checks))[0].numpy()
    with np.errstate(divide="ignore"):
        expected = bit_posteriors(code, llr)
    sure = np.isinf(expected)  # bits that the code book never sets
    np.testing.assert_allclose(posterior[~sure], expected[~sure], rtol=1e-4, atol=1e-5)
    assert np.all(posterior[sure] > 1e5)


@pytest.mark.parametrize("kind", ["hamming", "regular"])
def test_bp_is_close_to_maximum_likelihood(kind: str) -> None:
    """ML is the floor; on tiny codes full of short cycles BP stays within a factor of two of it."""
    code = ldpc.LdpcCode.from_parity_check(HAMMING) if kind == "hamming" else ldpc.regular_code(20, 3, 5, seed=1)
    bits = messages(code, 3000)
    llr = received_llr(code.encode(bits), 3.0)
    book = codebook(code)
    best = book[np.argmax(llr.numpy() @ (1.0 - 2.0 * book.T), axis=1)]
    ml = int((best[:, code.information_nodes] != bits.numpy()).any(1).sum())
    bp = block_errors(Decoder(code).decode(llr), bits)
    assert 30 < ml <= bp <= 2 * ml


def test_a_word_that_is_a_codeword_is_maximum_likely_and_left_alone() -> None:
    code = ldpc.LdpcCode.from_parity_check(HAMMING)
    llr = received_llr(code.encode(messages(code, 400)), 2.0)
    decoded = Decoder(code).decode(llr)
    untouched = decoded.iterations == 0
    assert 20 < int(untouched.sum()) < 400
    assert torch.equal(decoded.llr[untouched], llr[untouched])
    book = codebook(code)
    best = book[np.argmax(llr.numpy() @ (1.0 - 2.0 * book.T), axis=1)]
    assert np.array_equal((llr < 0).numpy()[untouched], best[untouched])


@pytest.mark.parametrize("rule", RULES)
def test_huge_llrs_and_empty_batches(rule: str, regular: ldpc.LdpcCode) -> None:
    bits = messages(regular, 3)
    llr = (1 - 2 * regular.encode(bits).float()) * 1e30
    llr[:, 5] *= -1e-30  # one lie among certainties
    decoded = Decoder(regular, rule).decode(llr)
    assert torch.equal(decoded.bits, bits)
    assert bool(decoded.llr.isfinite().all())
    loud = Decoder(regular, rule).decode(-llr.sign() * 1e30)
    assert bool(loud.llr.isfinite().all())
    empty = Decoder(regular, rule).decode(llr[:0])
    assert empty.bits.shape == (0, regular.k)
    assert empty.llr.shape == (0, regular.nodes)
    assert empty.iterations.shape == empty.codeword_ok.shape == (0,)


def test_double_precision_beyond_float32_is_clipped(regular: ldpc.LdpcCode) -> None:
    bits = messages(regular, 2)
    llr = (1 - 2 * regular.encode(bits).double()) * 1e200
    decoded = Decoder(regular).decode(llr)
    assert torch.equal(decoded.bits, bits)
    assert torch.equal(decoded.llr.abs(), torch.full((2, regular.nodes), 1e6))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", ["regular", "nr"])
def test_erased_word_is_not_the_zero_codeword(name: str, rule: str, request: pytest.FixtureRequest) -> None:
    """All checks of an erased word hold, in a way; yet nothing is known of it."""
    code: ldpc.LdpcCode = request.getfixturevalue(name)
    llr = torch.zeros(3, code.n)
    llr[1] *= -1.0  # minus zero is zero
    llr[2] = received_llr(code.encode(messages(code, 1)), 8.0)
    llr[2, ::7] = 0.0  # this one can be saved
    decoded = Decoder(code, rule, iterations=4).decode(llr)
    assert decoded.codeword_ok.tolist() == [False, False, True]
    assert decoded.iterations.tolist()[:2] == [4, 4]
    assert bool(decoded.bits[:2].all())
    assert not decoded.llr[:2].any()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_non_finite_llrs_are_refused(bad: float, regular: ldpc.LdpcCode) -> None:
    llr = normal(4, regular.n)
    llr[2, 7] = bad
    with pytest.raises(ValueError, match="not finite"):
        Decoder(regular).decode(llr)


def test_wrong_use_is_refused(regular: ldpc.LdpcCode) -> None:
    for shape in ((2, 7), (regular.n,), (1, 2, regular.n)):
        with pytest.raises(ValueError, match="expected"):
            Decoder(regular).decode(torch.zeros(shape))
    with pytest.raises(ValueError, match="check node rule 'magic': choose one of min-sum, sum-product"):
        Decoder(regular, rule="magic")
    with pytest.raises(ValueError, match="schedule 'serial': choose one of layered, flooding"):
        Decoder(regular, schedule="serial")
    with pytest.raises(ValueError, match="iterations"):
        Decoder(regular, iterations=0)
    for factor in (0.0, -0.5, 1.01, float("nan")):
        with pytest.raises(ValueError, match="factor"):
            Decoder(regular, factor=factor)
    empty = ldpc.LdpcCode.from_parity_check(np.array([[1, 1, 0, 1], [0, 0, 0, 0]], np.uint8))
    with pytest.raises(ValueError, match=r"rows \[1\] .* empty"):
        Decoder(empty)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_llrs_of_numpy_give_what_those_of_torch_give(dtype: Any, regular: ldpc.LdpcCode) -> None:
    llr = received_llr(regular.encode(messages(regular, 30)), 1.0)
    decoder = Decoder(regular)
    expected, found = decoder.decode(llr), decoder.decode(llr.numpy().astype(dtype))
    for name in ("bits", "codeword_ok", "iterations", "llr"):
        array = getattr(found, name)
        assert isinstance(array, np.ndarray)
        assert np.array_equal(array, getattr(expected, name).numpy()), name
    words = regular.encode(messages(regular, 30).numpy())
    assert np.array_equal(words, regular.encode(messages(regular, 30)).numpy())
    assert np.array_equal(regular.information(words), messages(regular, 30).numpy())
    with pytest.raises(ValueError, match="expected \\(batch, "):
        decoder.decode(llr.numpy()[0])
    with pytest.raises(ValueError, match="not finite"):
        decoder.decode(np.full((1, regular.n), np.inf))


@pytest.mark.gpu
def test_llrs_of_a_gpu_are_answered_there(regular: ldpc.LdpcCode) -> None:
    llr = received_llr(regular.encode(messages(regular, 30)), 1.0)
    found = Decoder(regular).decode(llr.cuda())
    assert found.bits.is_cuda
    assert torch.equal(found.bits.cpu(), Decoder(regular).decode(llr).bits)
