"""Equalizers: SINR and error rates in closed form, Sionna's matrices, derivatives, receivers that know less."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from sionna.phy.mimo import lmmse_equalizer, zf_equalizer

from semrobust.phy import equalizer, fading, mapping, power
from semrobust.phy.fading import Fading
from tests.phy.helpers import QAM16, QPSK, binomial_interval, drawn_fades, normal, q_function

RAYLEIGH = Fading("rayleigh")
SQUARE = Fading("rayleigh", transmit=2, receive=2)


def through(
    law: Fading,
    snr_db: float,
    images: int,
    uses: int,
    rule: str,
    modulation: mapping.Modulation = QPSK,
) -> tuple[torch.Tensor, torch.Tensor, equalizer.Equalized]:
    """Bits sent, real uses sent, and what the receiver makes of them; one block per image."""
    bits = torch.randint(0, 2, (images, uses * modulation.bits_per_use), generator=torch.Generator().manual_seed(9))
    sent = mapping.map_bits(bits, modulation)
    channel = drawn_fades(law, images)
    received = fading.transmit(sent, channel.true, snr_db, normal(images, law.received_uses(uses), seed=4))
    return bits, sent, equalizer.equalize(received, channel.known, law.assumed_noise_variance(snr_db), rule)


def first_bit_errors(law: Fading, snr_db: float, images: int, rule: str = "lmmse") -> int:
    """Errors of one QPSK bit per fade, so that they are independent and their number is binomial."""
    bits, _, seen = through(law, snr_db, images, 2 * law.transmit, rule)
    return int(((mapping.llr(seen.symbols, seen.variance, QPSK) < 0) != bits.bool())[:, 0].sum())


def rayleigh_rate(snr: float) -> float:
    """Uncoded QPSK on Rayleigh: (1 - sqrt(g/(1+g)))/2 at g = E_b/N_0 (Proakis and Salehi 2008, eq. 13.3-7), where the
    SNR per real use is E_s/N_0 = 2g."""
    return 0.5 * (1 - math.sqrt(snr / (2 + snr)))


@pytest.mark.parametrize("rule", equalizer.RULES)
@pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0])
def test_error_rate_of_qpsk_on_rayleigh(snr_db: float, rule: str) -> None:
    low, high = binomial_interval(100_000, rayleigh_rate(10 ** (snr_db / 10)))
    assert low <= first_bit_errors(RAYLEIGH, snr_db, 100_000, rule) <= high


@pytest.mark.parametrize(("k_db", "snr_db"), [(-math.inf, 10.0), (0.0, 10.0), (6.0, 8.0), (math.inf, 6.0)])
def test_error_rate_of_qpsk_on_rician(k_db: float, snr_db: float) -> None:
    """The mean of Q(sqrt(SNR)|h|) over Rice's law; its ends are Rayleigh's and the AWGN channel's."""
    snr, k = 10 ** (snr_db / 10), 10 ** (k_db / 10) if k_db < 1000 else math.inf
    if k == math.inf:
        rate = q_function(math.sqrt(snr))
    else:
        law = stats.rice(math.sqrt(2 * k), scale=math.sqrt(1 / (2 * (k + 1))))
        rate = integrate.quad(lambda h: q_function(math.sqrt(snr) * h) * law.pdf(h), 0, 8)[0]
        if k == 0:
            assert rate == pytest.approx(rayleigh_rate(snr), rel=1e-6)
    low, high = binomial_interval(100_000, rate)
    assert low <= first_bit_errors(Fading("rician", k_db), snr_db, 100_000) <= high


@pytest.mark.parametrize("antennas", [2, 3])
def test_zero_forcing_on_as_many_antennas_is_rayleigh_with_the_snr_shared(antennas: int) -> None:
    law = Fading("rayleigh", transmit=antennas, receive=antennas)
    low, high = binomial_interval(40_000, rayleigh_rate(10**1.5 / antennas))
    assert low <= first_bit_errors(law, 15.0, 40_000, "zf") <= high


@pytest.mark.parametrize("antennas", [1, 2, 4])
def test_antennas_without_fading_keep_the_error_rate_of_the_awgn_channel(antennas: int) -> None:
    law = Fading("awgn", transmit=antennas, receive=antennas)
    low, high = binomial_interval(40_000, q_function(10 ** (5.0 / 20)))
    for rule in equalizer.RULES:
        assert low <= first_bit_errors(law, 5.0, 40_000, rule) <= high


@pytest.mark.parametrize(("sent", "received"), [(1, 1), (2, 2), (2, 4), (3, 3)])
def test_snr_after_zero_forcing_is_gamma(sent: int, received: int) -> None:
    """Of N_r - N_t + 1 degrees and scale SNR/N_t (Winters, Salz and Gitlin 1994): exponential for N_r = N_t."""
    law = Fading("rayleigh", transmit=sent, receive=received)
    _, variance = equalizer.filters(drawn_fades(law, 5000).true, law.assumed_noise_variance(10.0), "zf")
    gamma = stats.gamma(received - sent + 1, scale=10.0 / sent)
    for symbol in range(sent):
        assert stats.kstest(1 / variance[:, 0, symbol].double().numpy(), gamma.cdf).pvalue > 1e-4


@pytest.mark.parametrize("rule", equalizer.RULES)
def test_one_antenna_divides_by_the_fade(rule: str) -> None:
    channel = drawn_fades(RAYLEIGH, 50, 2).true
    received = normal(50, 16)
    seen = equalizer.equalize(received, channel, 0.3, rule)
    each = channel.reshape(50, 2, 1)
    expected = power.as_complex(received).reshape(50, 2, 4) / each
    torch.testing.assert_close(seen.symbols, power.as_real(expected.reshape(50, 8)), rtol=1e-4, atol=1e-5)
    variance = (0.3 / each.abs().square()).expand(50, 2, 8).reshape(50, 16)
    torch.testing.assert_close(seen.variance, variance, rtol=1e-4, atol=0)


def test_variances_in_closed_form() -> None:
    """σ² [(H^H H)^-1]_kk and (1 - d)/d with d the gain before scaling: the textbook's, from our general formula."""
    h = drawn_fades(Fading("rayleigh", transmit=2, receive=3), 200).true.to(torch.complex128)
    for noise in (1e-4, 0.1, 10.0):
        inverse = torch.linalg.inv(h.mH @ h)
        zf = equalizer.filters(h, noise, "zf")[1]
        torch.testing.assert_close(zf, noise * torch.diagonal(inverse, dim1=-2, dim2=-1).real, rtol=1e-6, atol=0)
        left = noise * torch.linalg.inv(h.mH @ h + noise * torch.eye(2))
        d = 1 - torch.diagonal(left, dim1=-2, dim2=-1).real
        torch.testing.assert_close(equalizer.filters(h, noise, "lmmse")[1], (1 - d) / d, rtol=1e-6, atol=0)


@pytest.mark.parametrize(("sent", "received"), [(1, 1), (2, 2), (2, 3)])
def test_matrices_are_sionnas(sent: int, received: int) -> None:
    """Sionna takes symbols of energy 1 and noise per complex dimension; ours have energy 2, so all variances halve."""
    law, noise = Fading("rayleigh", transmit=sent, receive=received), 0.2
    h = drawn_fades(law, 100).true
    vectors = torch.view_as_complex(normal(100, 2 * received).reshape(100, 1, received, 2))
    for rule, theirs in (("zf", zf_equalizer), ("lmmse", lmmse_equalizer)):
        weights, variance = equalizer.filters(h, noise, rule)
        estimate, left = theirs(vectors, h, noise * torch.eye(received, dtype=torch.complex64))
        torch.testing.assert_close((weights @ vectors.unsqueeze(-1)).squeeze(-1), estimate, rtol=2e-3, atol=2e-3)
        torch.testing.assert_close(variance, left, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("law", [SQUARE, Fading("rician", 10.0, 2, 2, line_of_sight="rank_one")], ids=["nlos", "los"])
def test_lmmse_has_the_higher_sinr_and_joins_zero_forcing_at_high_snr(law: Fading) -> None:
    h = drawn_fades(law, 2000).true
    gaps = []
    for snr_db in (-10.0, 0.0, 10.0, 20.0, 40.0, 60.0):
        noise = law.assumed_noise_variance(snr_db)
        zf, lmmse = (equalizer.filters(h, noise, rule)[1] for rule in equalizer.RULES)
        assert torch.all(lmmse <= zf * (1 + 1e-5))
        gaps.append(float((zf / lmmse).log().mean()))
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[0] > 0.3
    assert gaps[-1] < 1e-3


@pytest.mark.parametrize("modulation", [QPSK, QAM16], ids=["qpsk", "16qam"])
@pytest.mark.parametrize("law", [RAYLEIGH, SQUARE, Fading("rician", 6.0, 2, 3)], ids=str)
@pytest.mark.parametrize("rule", equalizer.RULES)
def test_variance_is_that_of_the_error_and_the_estimate_is_unbiased(
    law: Fading, rule: str, modulation: mapping.Modulation
) -> None:
    _, sent, seen = through(law, 6.0, 4000, 24, rule, modulation)
    error = ((seen.symbols - sent) / seen.variance.sqrt()).double()
    blocks = error.square().mean(1)  # one independent value per fade
    assert abs(float(blocks.mean()) - 1) < 4 * float(blocks.std()) / math.sqrt(4000)
    bias = (error * sent.sign()).mean(1)
    assert abs(float(bias.mean())) < 4 * float(bias.std()) / math.sqrt(4000)
    for lower, upper in ((0.0, 0.2), (0.2, 1.0), (1.0, 1e9)):  # not just on the whole: good and bad uses alike
        group = error[(seen.variance >= lower) & (seen.variance < upper)].square()
        if len(group) > 1000:
            assert float(group.mean()) == pytest.approx(1, abs=12 / math.sqrt(len(group)))


def test_llr_of_a_use_is_the_log_ratio_of_its_bit() -> None:
    """Where the LLR says l, a share 1/(1 + e^l) of the bits is 1. Exact for zero-forcing, whose noise is Gaussian."""
    bits, _, seen = through(SQUARE, 6.0, 10_000, 24, "zf", QAM16)
    llr = mapping.llr(seen.symbols, seen.variance, QAM16).double()
    for low in np.arange(-3, 3, 0.5):
        hit = (llr >= low) & (llr < low + 0.5)
        expected = float(torch.sigmoid(-llr[hit]).mean())
        assert float(bits[hit].double().mean()) == pytest.approx(expected, abs=10 / math.sqrt(int(hit.sum())))


def test_shrunk_symbols_have_the_least_mean_squared_error() -> None:
    _, sent, seen = through(RAYLEIGH, 3.0, 20_000, 4, "lmmse")
    shrunk = seen.symbols / (1 + seen.variance)
    error, expected = (shrunk - sent).square().mean(1).double(), (seen.variance / (1 + seen.variance)).mean(1).double()
    assert abs(float((error - expected).mean())) < 4 * float((error - expected).std()) / math.sqrt(20_000)
    assert float(shrunk.abs().max()) < 20  # while dividing by a deep fade has no bound


def estimated_rate(snr: float, error: float) -> float:
    """QPSK on Rayleigh, channel estimated with error variance e: (1 - m/sqrt(2 - m²))/2, where m is the correlation of
    the signal received, its symbol taken off, with the estimate (Proakis and Salehi 2008, §13.3 and appendix B)."""
    m = 1 / math.sqrt((1 + 1 / snr) * (1 + error))
    return 0.5 * (1 - m / math.sqrt(2 - m**2))


def test_error_rate_with_noisy_channel_knowledge() -> None:
    counts = []
    assert estimated_rate(30.0, 0.0) == pytest.approx(rayleigh_rate(30.0))
    for error in (0.0, 0.03, 0.3):
        counts.append(first_bit_errors(Fading("rayleigh", csi_error=error), 15.0, 60_000))
        low, high = binomial_interval(60_000, estimated_rate(10**1.5, error))
        assert low <= counts[-1] <= high
    assert counts == sorted(counts)


@pytest.mark.parametrize("rule", equalizer.RULES)
def test_noisy_knowledge_costs_more_with_more_antennas_too(rule: str) -> None:
    counts = [first_bit_errors(Fading("rayleigh", 6.0, 2, 2, error), 20.0, 20_000, rule) for error in (0.0, 0.03, 0.3)]
    assert counts[1] > counts[0] + 4 * math.sqrt(counts[0])
    assert counts[2] > counts[1] + 4 * math.sqrt(counts[1])


def test_counting_with_the_estimate_s_error_gives_honest_variances() -> None:
    """To first order: the mean of error²/variance is near 1, where ignoring σ_e² makes it far too large."""
    law = Fading("rayleigh", 6.0, 2, 2, csi_error=0.02)
    _, sent, seen = through(law, 20.0, 10_000, 8, "lmmse")
    assert float(((seen.symbols - sent).square() / seen.variance).mean()) == pytest.approx(1, abs=0.1)
    known = drawn_fades(law, 10_000).known
    naive = equalizer.filters(known, fading.antenna_noise_variance(20.0, 2), "lmmse")[1]
    honest = equalizer.filters(known, law.assumed_noise_variance(20.0), "lmmse")[1]
    assert torch.all(naive < honest)


@pytest.mark.parametrize("rule", equalizer.RULES)
@pytest.mark.parametrize("shape", [(1, 1), (2, 2)])
def test_a_channel_that_carries_nothing_gives_llrs_near_zero(shape: tuple[int, int], rule: str) -> None:
    dead = torch.zeros(3, 1, *shape, dtype=torch.complex64)
    seen = equalizer.equalize(normal(3, 8), dead, 0.1, rule)
    assert float(mapping.llr(seen.symbols, seen.variance, QPSK).abs().max()) < 1e-6


def test_a_channel_without_full_rank_shows_it_in_the_variance() -> None:
    law = Fading("rician", math.inf, 2, 2, line_of_sight="rank_one")
    for rule in equalizer.RULES:
        _, sent, seen = through(law, 30.0, 500, 24, rule)
        assert float(seen.variance.min()) > 0.99  # two symbols on one path: at best the other one is the noise
        assert float((seen.symbols - sent).square().mean() / seen.variance.mean()) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("rule", equalizer.RULES)
@pytest.mark.parametrize("law", [RAYLEIGH, Fading("rician", 3.0, 2, 3)], ids=str)
def test_derivatives(law: Fading, rule: str) -> None:
    rows = normal(2, law.draws(2)).double()
    h = fading.fades_from_normals(law, rows, rows).true.requires_grad_()
    noise = normal(2, law.received_uses(16), seed=5).double()
    codewords = normal(2, 16, seed=2).double().requires_grad_()

    def link(z: torch.Tensor, matrices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        seen = equalizer.equalize(fading.transmit(z, matrices, 5.0, noise), matrices, 0.3, rule)
        return seen.symbols, seen.variance

    check: Callable[..., bool] = torch.autograd.gradcheck
    assert check(link, (codewords, h))


@pytest.mark.parametrize("rule", equalizer.RULES)
def test_without_noise_zero_forcing_is_the_identity_and_passes_gradients_on(rule: str) -> None:
    channel = drawn_fades(SQUARE, 6, 2).true.to(torch.complex128)
    codewords = normal(6, 32).double().requires_grad_()
    seen = equalizer.equalize(fading.faded(codewords, channel), channel, 1e-13, rule)
    torch.testing.assert_close(seen.symbols, codewords, rtol=1e-6, atol=1e-6)
    (gradient,) = torch.autograd.grad(seen.symbols.sum(), codewords)
    torch.testing.assert_close(gradient, torch.ones_like(gradient), rtol=1e-6, atol=1e-6)


def test_a_row_s_result_does_not_depend_on_its_batch() -> None:
    channel, received = drawn_fades(SQUARE, 40, 2).true, normal(40, 32)
    whole = equalizer.equalize(received, channel, 0.1)
    for part in (slice(0, 1), slice(7, 20), slice(39, 40)):
        alone = equalizer.equalize(received[part], channel[part], 0.1)
        torch.testing.assert_close(alone.symbols, whole.symbols[part])
        torch.testing.assert_close(alone.variance, whole.variance[part])


def test_one_matrix_serves_a_whole_batch() -> None:
    channel, received = drawn_fades(SQUARE, 1, 2).true, normal(5, 32)
    every = equalizer.equalize(received, channel.expand(5, 2, 2, 2), 0.1)
    shared = equalizer.equalize(received, channel, 0.1)
    torch.testing.assert_close(shared.symbols, every.symbols)
    assert torch.equal(shared.variance, every.variance)


def test_wrong_use_says_what_to_do() -> None:
    channel = drawn_fades(SQUARE, 2, 2).true
    with pytest.raises(ValueError, match="choose one of zf, lmmse"):
        equalizer.equalize(normal(2, 16), channel, 0.1, "mmse")
    with pytest.raises(ValueError, match="must be positive"):
        equalizer.equalize(normal(2, 16), channel, 0.0)
    with pytest.raises(ValueError, match="multiple of 8"):
        equalizer.equalize(normal(2, 12), channel, 0.1)
