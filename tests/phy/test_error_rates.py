"""Error rates of the decoder: against Sionna's on the same words, published ones, and bounds."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import sparse, stats
from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder, LDPCBPDecoder

from semrobust.phy import ldpc
from semrobust.phy.decoder import RULES, Decoder
from tests.phy.helpers import binomial_interval, block_errors, messages, received_llr
from tests.phy.reference import bound_snr_db, normal_approximation

SHORT_NR_BLER = {2.0: (1477, 10_000), 2.5: (1313, 20_000), 3.0: (1105, 50_000)}
"""Block errors and blocks over E_b/N_0 in dB (here the SNR per real use: the rate is 1/2) of the 5G NR code with
k = 64, n = 128 on AWGN after 20 flooding iterations of sum-product decoding, without CRC. Published output of the
Sionna 2.2.0 tutorial "5G Channel Coding and Rate-Matching: Polar vs. LDPC Codes" (nvlabs.github.io/sionna,
docs/v2.2.0/phy/tutorials/notebooks), "5G LDPC BP-20"."""


@pytest.mark.parametrize("rule", RULES)
def test_error_rate_falls_with_snr(rule: str, regular: ldpc.LdpcCode) -> None:
    bits = messages(regular, 1500)
    words = regular.encode(bits)
    errors = [block_errors(Decoder(regular, rule).decode(received_llr(words, snr)), bits) for snr in (0, 1, 2, 3, 4)]
    assert errors[0] > 1200
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 15


def no_worse(ours: torch.Tensor, theirs: torch.Tensor) -> bool:
    """Whether failures (words,) of ours on the same words are not significantly more (McNemar, 3 σ)."""
    only_ours, only_theirs = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    return only_ours - only_theirs <= 3 * math.sqrt(only_ours + only_theirs)


@pytest.mark.parametrize(
    ("length", "words"), [(192, 400), pytest.param(768, 1000, marks=pytest.mark.slow)], ids=["192", "768"]
)
def test_error_rate_on_a_regular_code_is_no_higher_than_sionnas(length: int, words: int) -> None:
    code = ldpc.regular_code(length, 3, 6, seed=0)
    bits = messages(code, words)
    sent = code.encode(bits)
    llr = received_llr(sent, 1.9)
    engine = LDPCBPDecoder(
        sparse.csr_matrix(code.parity_check), cn_update="boxplus-phi", num_iter=50, hard_out=True, device="cpu"
    )
    theirs = (torch.cat([engine(-part) for part in torch.split(llr, 500)]) != sent).any(1)
    ours = (Decoder(code).decode(llr).bits != bits).any(1)
    assert int(theirs.sum()) > 20
    assert no_worse(ours, theirs)
    assert float((ours == theirs).float().mean()) > 0.95


@pytest.mark.parametrize(("k", "n", "snr_db"), [(100, 200, 2.0), (100, 300, -0.5), (100, 150, 3.5)])
def test_error_rate_on_nr_codes_is_no_higher_than_sionnas(k: int, n: int, snr_db: float) -> None:
    """Rates 1/2, 1/3, 2/3. Our graph leaves out filler bits and re-does rate matching: decisions must not notice."""
    code = ldpc.nr_code(k, n)
    bits = messages(code, 250)
    llr = received_llr(code.encode(bits), snr_db)
    decoded = Decoder(code).decode(llr)
    engine = LDPC5GDecoder(LDPC5GEncoder(k, n, device="cpu"), num_iter=50, device="cpu")
    said = engine(-llr).to(torch.uint8)
    ours, theirs = (decoded.bits != bits).any(1), (said != bits).any(1)
    assert int(theirs.sum()) > 10
    assert no_worse(ours, theirs)
    settled = decoded.codeword_ok & ~theirs
    assert torch.equal(decoded.bits[settled], said[settled])


def test_short_nr_code_has_the_published_error_rate() -> None:
    """A layered iteration does the work of two flooding ones (Hocevar 2004): 10 match the published 20, 20 beat it."""
    code = ldpc.nr_code(64, 128)
    for snr_db, (errors, blocks) in SHORT_NR_BLER.items():
        bits = messages(code, 10_000)
        llr = received_llr(code.encode(bits), snr_db)
        ten, twenty = (block_errors(Decoder(code, iterations=i).decode(llr), bits) for i in (10, 20))
        low, high = binomial_interval(10_000, errors / blocks)
        assert 0.85 * low < ten < 1.15 * high
        assert 0.5 * low < twenty < low


@pytest.mark.parametrize(("k", "n", "snr_db"), [(64, 128, 3.0), (100, 300, 0.0), (100, 150, 4.0), (384, 768, 1.5)])
def test_nr_codes_stay_above_the_finite_length_bound_and_near_it(k: int, n: int, snr_db: float) -> None:
    code = ldpc.nr_code(k, n)
    bits = messages(code, 8000)
    errors = block_errors(Decoder(code).decode(received_llr(code.encode(bits), snr_db)), bits)
    assert errors > 15
    assert errors / 8000 > normal_approximation(k, n, snr_db)
    assert snr_db - bound_snr_db(k, n, errors / 8000) < 1.3  # dB


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


def test_known_error_rate(regular768: ldpc.LdpcCode) -> None:
    """Sum-product with 50 iterations on a (3, 6) code of length 768: a few percent of blocks at 2 dB."""
    bits = messages(regular768, 4000)
    llr = received_llr(regular768.encode(bits), 2.0)
    errors = {rule: block_errors(Decoder(regular768, rule).decode(llr), bits) for rule in RULES}
    assert 0.018 < errors["sum-product"] / 4000 < 0.034
    assert errors["sum-product"] <= errors["min-sum"] < 1.5 * errors["sum-product"]


def test_error_rate_of_random_and_zero_codewords(regular: ldpc.LdpcCode) -> None:
    bits = messages(regular, 3000)
    decoder = Decoder(regular, iterations=20)
    random = block_errors(decoder.decode(received_llr(regular.encode(bits), 2.0, seed=4)), bits)
    zero = block_errors(decoder.decode(received_llr(torch.zeros(3000, regular.n), 2.0, seed=5)), bits * 0)
    table = np.array([[random, 3000 - random], [zero, 3000 - zero]])
    assert min(random, zero) > 100
    assert stats.fisher_exact(table).pvalue > 0.001
