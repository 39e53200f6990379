"""The decoder: against brute force, against Sionna's own wrappers, and by its symmetries."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy import sparse, stats
from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder, LDPCBPDecoder

from semrobust.phy import ldpc, mapping
from semrobust.phy.decoder import CHECK_NODES, Decoded, Decoder
from tests.phy.helpers import QAM16, QPSK, binary_llr, codebook, messages, normal, received_llr

HAMMING = np.array([[1, 0, 1, 0, 1, 0, 1], [0, 1, 1, 0, 0, 1, 1], [0, 0, 0, 1, 1, 1, 1]], dtype=np.uint8)


def block_errors(decoded: Decoded, bits: torch.Tensor) -> int:
    return int((decoded.bits != bits).any(1).sum())


def bit_posteriors(code: ldpc.LdpcCode, llr: torch.Tensor) -> npt.NDArray[np.float64]:
    """Exact log p(bit = 0 | y) / p(bit = 1 | y) of every coded bit, summed over the code book."""
    book = codebook(code).astype(np.float64)
    weight = np.exp(-llr.double().numpy() @ book.T)  # p(y | c) up to a factor
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
    assert bool(decoded.codeword_ok.all())
    if name == "regular":  # nothing to do: the hard decisions are the codeword
        assert int(decoded.iterations.max()) == 0


@pytest.mark.parametrize("check_node", CHECK_NODES)
def test_every_rule_corrects_errors(check_node: str, regular: ldpc.LdpcCode) -> None:
    bits = messages(regular, 40)
    decoded = Decoder(regular, check_node=check_node).decode(received_llr(regular.encode(bits), 5.0))
    assert block_errors(decoded, bits) <= 1  # min-sum may oscillate on a short code
    assert 0 < int(decoded.iterations[decoded.codeword_ok].max()) < 50


@pytest.mark.parametrize("name", ["regular", "nr"])
def test_verdict_and_iteration_count(name: str, request: pytest.FixtureRequest) -> None:
    code: ldpc.LdpcCode = request.getfixturevalue(name)
    bits = messages(code, 200)
    decoded = Decoder(code, iterations=15).decode(received_llr(code.encode(bits), 1.5))
    failed = ~decoded.codeword_ok
    assert 0 < int(failed.sum()) < 200
    assert torch.equal(decoded.iterations[failed], torch.full((int(failed.sum()),), 15))
    right = (decoded.bits == bits).all(1)
    assert int((right & decoded.codeword_ok).sum()) > 100
    assert int((~right & decoded.codeword_ok).sum()) <= 2  # undetected errors are rare


def test_batch_of_a_word_does_not_change_its_result(regular: ldpc.LdpcCode) -> None:
    llr = received_llr(regular.encode(messages(regular, 150)), 1.0)
    decoder = Decoder(regular, iterations=20)
    whole = decoder.decode(llr)
    for size in (1, 3, 16, 149):
        parts = [decoder.decode(part) for part in torch.split(llr[:150], size)[: 40 if size == 1 else None]]
        bits = torch.cat([part.bits for part in parts])
        assert torch.equal(bits, whole.bits[: len(bits)])
        assert torch.equal(torch.cat([part.iterations for part in parts]), whole.iterations[: len(bits)])


def test_steps_from_a_saved_state_equal_one_run(regular: ldpc.LdpcCode) -> None:
    """The early stop rests on this: Sionna called again with its own state continues where it was."""
    engine = LDPCBPDecoder(sparse.csr_matrix(regular.parity_check), hard_out=False, return_state=True, device="cpu")
    logits = -received_llr(regular.encode(messages(regular, 30)), 1.0)
    once, final = engine(logits, num_iter=12)
    state = None
    for steps in (1, 1, 5, 5):
        chunked, state = engine(logits, num_iter=steps, msg_v2c=state)
    torch.testing.assert_close(chunked, once)
    torch.testing.assert_close(state, final)


@pytest.mark.parametrize(("k", "n"), [(100, 200), (192, 384)])
def test_nr_decisions_are_those_of_sionnas_nr_decoder(k: int, n: int) -> None:
    """Our graph leaves out filler bits and re-does rate matching; the decisions must not notice."""
    code = ldpc.nr_code(k, n)
    llr = received_llr(code.encode(messages(code, 100)), 1.5)
    ours = Decoder(code, iterations=20).decode(llr)
    theirs = LDPC5GDecoder(LDPC5GEncoder(k, n, device="cpu"), num_iter=20, device="cpu")(-llr)
    agree = (ours.bits == theirs.to(torch.uint8)).all(1)
    assert bool(agree[ours.codeword_ok].all())
    assert float(agree.float().mean()) > 0.97  # words that never converge may differ in the last float bit


def test_sign_symmetry_is_exact(regular: ldpc.LdpcCode) -> None:
    """The same noise, turned with the codeword's signs, gives the same errors, word by word."""
    bits = messages(regular, 200)
    zero = received_llr(torch.zeros(200, regular.n), 1.5)
    turned = zero * (1 - 2 * regular.encode(bits).float())
    one, two = Decoder(regular).decode(zero), Decoder(regular).decode(turned)
    assert torch.equal(one.bits ^ bits, two.bits)
    assert torch.equal(one.codeword_ok, two.codeword_ok)
    assert torch.equal(one.iterations, two.iterations)
    assert 0 < int((~one.codeword_ok).sum()) < 200


def test_error_rate_of_random_and_zero_codewords(regular: ldpc.LdpcCode) -> None:
    bits = messages(regular, 800)
    decoder = Decoder(regular, iterations=20)
    random = block_errors(decoder.decode(received_llr(regular.encode(bits), 2.0, seed=4)), bits)
    zero = block_errors(decoder.decode(received_llr(torch.zeros(800, regular.n), 2.0, seed=5)), bits * 0)
    table = np.array([[random, 800 - random], [zero, 800 - zero]])
    assert min(random, zero) > 10
    assert stats.fisher_exact(table).pvalue > 0.001


@pytest.mark.parametrize("kind", ["single parity check", "repetition"])
def test_bp_is_bitwise_map_without_cycles(kind: str) -> None:
    if kind == "repetition":  # a star: every bit is compared with bit 0
        parity_check = np.hstack([np.ones((6, 1), np.uint8), np.eye(6, dtype=np.uint8)])
    else:
        parity_check = np.ones((1, 8), dtype=np.uint8)
    code = ldpc.from_parity_check(parity_check)
    llr = binary_llr(code.encode(messages(code, 500)), -1.0)
    expected = bit_posteriors(code, llr)[:, code.information_nodes] <= 0
    assert np.array_equal(Decoder(code).decode(llr).bits.numpy(), expected)


@pytest.mark.parametrize("kind", ["hamming", "regular"])
def test_bp_is_close_to_maximum_likelihood(kind: str) -> None:
    """ML is the floor; on tiny codes full of short cycles BP stays within a factor of two of it."""
    code = ldpc.from_parity_check(HAMMING) if kind == "hamming" else ldpc.regular_code(20, 3, 5, seed=1)
    bits = messages(code, 3000)
    llr = binary_llr(code.encode(bits), 3.0)
    book = codebook(code)
    best = book[np.argmax(llr.numpy() @ (1.0 - 2.0 * book.T), axis=1)]
    ml = int((best[:, code.information_nodes] != bits.numpy()).any(1).sum())
    bp = block_errors(Decoder(code).decode(llr), bits)
    assert 30 < ml <= bp <= 2 * ml


def test_below_capacity_nothing_is_decoded(regular768: ldpc.LdpcCode) -> None:
    """Rate 1/2 needs SNR > 0.19 dB per real use with ±1 inputs (mutual information by quadrature)."""
    points, weights = np.polynomial.hermite_e.hermegauss(80)
    snr_db = -0.5
    sigma = 10 ** (-snr_db / 20)
    loss = np.log2(1 + np.exp(-2 * (1 + sigma * points) / sigma**2))
    assert 1 - float(weights @ loss) / np.sqrt(2 * np.pi) < regular768.rate
    bits = messages(regular768, 40)
    words = regular768.encode(bits)
    below = Decoder(regular768, iterations=30).decode(received_llr(words, snr_db))
    assert block_errors(below, bits) >= 39
    assert block_errors(Decoder(regular768).decode(received_llr(words, 3.5)), bits) == 0


@pytest.mark.slow
def test_known_error_rate(regular768: ldpc.LdpcCode) -> None:
    """Sum-product with 50 iterations on a (3, 6) code of length 768: a few percent of blocks at 2 dB."""
    bits = messages(regular768, 1500)
    errors = block_errors(Decoder(regular768).decode(received_llr(regular768.encode(bits), 2.0)), bits)
    assert 0.02 < errors / 1500 < 0.06


def test_huge_llrs_and_empty_batches(regular: ldpc.LdpcCode) -> None:
    bits = messages(regular, 3)
    llr = (1 - 2 * regular.encode(bits).float()) * 1e30
    llr[:, 5] *= -1  # one confident lie
    assert torch.equal(Decoder(regular).decode(llr).bits, bits)
    empty = Decoder(regular).decode(llr[:0])
    assert empty.bits.shape == (0, regular.k)
    assert empty.iterations.shape == empty.codeword_ok.shape == (0,)


def test_erased_word_is_not_the_zero_codeword(nr: ldpc.LdpcCode) -> None:
    assert bool(Decoder(nr).decode(torch.zeros(1, nr.n)).bits.any())


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_non_finite_llrs_are_refused(bad: float, regular: ldpc.LdpcCode) -> None:
    llr = normal(4, regular.n)
    llr[2, 7] = bad
    with pytest.raises(ValueError, match="not finite"):
        Decoder(regular).decode(llr)


def test_wrong_use_is_refused(regular: ldpc.LdpcCode) -> None:
    with pytest.raises(ValueError, match="expected"):
        Decoder(regular).decode(torch.zeros(2, 7))
    with pytest.raises(ValueError, match="check node"):
        Decoder(regular, check_node="magic")
    with pytest.raises(ValueError, match="iterations"):
        Decoder(regular, iterations=0)
    with pytest.raises(ValueError, match="llr_max"):
        Decoder(regular, llr_max=0.0)
