"""Fades and their transmission: laws in closed form, power and SNR as labelled, draws by name."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats

from semrobust.phy import channel, fading, power
from semrobust.phy.fading import Fading
from tests.phy.helpers import QAM16, QPSK, drawn_fades, normal

RAYLEIGH = Fading("rayleigh")
SQUARE = Fading("rayleigh", transmit=2, receive=2)
EVERY_KIND = [Fading(kind, 3.0, *antennas) for kind in fading.KINDS for antennas in ((1, 1), (2, 2), (2, 3), (1, 2))]


def fades(law: Fading, images: int, blocks: int = 1, seed: int = 0) -> torch.Tensor:
    return drawn_fades(law, images, blocks, seed).true


def standard_errors(sample: torch.Tensor, expected: float) -> float:
    """Distance of a sample's mean from its expectation, in standard errors of the mean."""
    sample = sample.double().flatten()
    return abs(float((sample.mean() - expected) / sample.std())) * math.sqrt(sample.numel())


@pytest.mark.parametrize("law", EVERY_KIND, ids=str)
def test_every_entry_has_unit_mean_power(law: Fading) -> None:
    drawn = fades(law, 4000, 2)
    assert drawn.shape == (4000, 2, law.receive, law.transmit)
    assert drawn.dtype == torch.complex64
    power_of_entry = drawn.abs().square().double().mean(dim=(0, 1))
    assert torch.all((power_of_entry - 1).abs() < 5 / math.sqrt(8000))  # |h|² has a variance of at most 1


def test_rayleigh_entries_are_independent_standard_complex_normals() -> None:
    drawn = torch.view_as_real(fades(SQUARE, 5000, 2)).reshape(5000, -1).double()  # 2 blocks × 4 entries × 2 parts
    for column in drawn.T:
        assert stats.kstest(column.numpy(), stats.norm(scale=math.sqrt(0.5)).cdf).pvalue > 1e-4
    correlation = torch.corrcoef(drawn.T) - torch.eye(16)
    assert float(correlation.abs().max()) < 5 / math.sqrt(5000)


@pytest.mark.parametrize("k_db", [-10.0, 0.0, 6.0, 15.0])
def test_rician_envelope_has_its_law_and_moments(k_db: float) -> None:
    envelope = fades(Fading("rician", k_db), 20_000).abs().flatten().double()
    k = 10 ** (k_db / 10)
    law = stats.rice(math.sqrt(2 * k), scale=math.sqrt(1 / (2 * (k + 1))))
    assert stats.kstest(envelope.numpy(), law.cdf).pvalue > 1e-4
    laguerre = float((1 + k) * special.ive(0, k / 2) + k * special.ive(1, k / 2))
    mean = math.sqrt(math.pi / (4 * (k + 1))) * laguerre
    for order, moment in ((1, mean), (2, 1.0), (4, (2 + 4 * k + k**2) / (1 + k) ** 2)):
        assert standard_errors(envelope**order, moment) < 4


@pytest.mark.parametrize("antennas", [(1, 1), (2, 2), (2, 4)])
def test_rician_goes_from_rayleigh_to_awgn(antennas: tuple[int, int]) -> None:
    laws = [("rician", -math.inf), ("rayleigh", 6.0), ("rician", math.inf), ("awgn", 6.0), ("rician", 200.0)]
    draws = [fades(Fading(kind, k_db, *antennas), 50) for kind, k_db in laws]
    assert torch.equal(draws[0], draws[1])
    assert torch.equal(draws[2], draws[3])
    torch.testing.assert_close(draws[4], draws[3])
    assert Fading("rician", 0.0).line_of_sight_power == pytest.approx(0.5)
    assert Fading("rician", 6.0).line_of_sight_power == pytest.approx(10**0.6 / (1 + 10**0.6), rel=1e-12)
    assert Fading("rician", -1e5).line_of_sight_power == 0


@pytest.mark.parametrize("antennas", [(1, 1), (2, 2), (2, 3), (3, 4)])
def test_lines_of_sight(antennas: tuple[int, int]) -> None:
    sent, received = antennas
    orthogonal = Fading("awgn", transmit=sent, receive=received).line_of_sight_matrix()
    np.testing.assert_allclose(orthogonal.conj().T @ orthogonal, received * np.eye(sent), atol=1e-12)
    np.testing.assert_allclose(np.abs(orthogonal), 1)
    plane = Fading("rician", 6.0, sent, received, line_of_sight="rank_one")
    assert np.linalg.matrix_rank(plane.line_of_sight_matrix()) == 1
    awgn = Fading("awgn", transmit=sent, receive=received, line_of_sight="rank_one")
    np.testing.assert_array_equal(awgn.line_of_sight_matrix(), orthogonal)


@pytest.mark.parametrize("law", EVERY_KIND, ids=str)
def test_snr_is_the_power_of_all_antennas_over_the_noise_of_one(law: Fading) -> None:
    """The one definition, measured: energy sent per antenna and in all, noise and signal on each receive antenna."""
    snr_db, images, uses = 7.0, 3000, 48
    codewords = power.normalize_power(normal(images, uses, seed=3))
    sent = fading.antenna_symbols(codewords, 2, law.transmit)
    energy = sent.abs().square().double().sum(dim=(1, 2))  # (images, antennas)
    torch.testing.assert_close(energy.sum(1), torch.full((images,), float(uses)).double(), rtol=1e-5, atol=0)
    share = float(uses / law.transmit)
    assert torch.all((energy.mean(0) - share).abs() < 0.02 * share)

    slots = uses // (2 * law.transmit)
    transmit_power = float(energy.sum() / images / slots)
    drawn = fades(law, images, 2)
    clean = fading.faded(codewords, drawn)
    noise = fading.transmit(codewords, drawn, snr_db, normal(images, law.received_uses(uses), seed=4)) - clean
    assert noise.shape == (images, law.received_uses(uses))

    def per_antenna(received: torch.Tensor) -> torch.Tensor:
        return power.as_complex(received).reshape(images, slots, law.receive).abs().square().double().mean(dim=(0, 1))

    for antenna in range(law.receive):
        measured = 10 * math.log10(transmit_power / float(per_antenna(noise)[antenna]))
        assert measured == pytest.approx(snr_db, abs=0.1)
        assert float(per_antenna(clean)[antenna]) == pytest.approx(
            transmit_power, rel=0.08
        )  # so is the mean SNR received


def test_one_antenna_without_fading_is_the_awgn_channel() -> None:
    law, codewords = Fading("awgn"), power.normalize_power(normal(5, 64))
    noise = channel.channel_noise(1, 4.0, 0, 5, law.received_uses(64))
    received = fading.transmit(codewords, fades(law, 5, 4), 4.0, noise)
    torch.testing.assert_close(received, channel.awgn(codewords, 4.0, noise))
    assert fading.antenna_noise_variance(4.0, 1) == power.noise_variance(4.0)


def test_layout_by_hand() -> None:
    """Symbols go round the antennas, blocks are consecutive, and I/Q are uses 2i and 2i+1, as the mapper has them."""
    matrices = fades(Fading("rayleigh", transmit=2, receive=3), 1, 2)
    codeword = normal(1, 16)
    received = fading.faded(codeword, matrices)
    z, h, expected = codeword[0].numpy(), matrices[0].numpy(), []
    for slot in range(4):
        x = [z[4 * slot] + 1j * z[4 * slot + 1], z[4 * slot + 2] + 1j * z[4 * slot + 3]]
        for antenna in range(3):
            y = h[slot // 2, antenna] @ np.array(x)
            expected += [y.real, y.imag]
    np.testing.assert_allclose(received[0].numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("modulation", [QPSK, QAM16], ids=["qpsk", "16qam"])
def test_a_symbol_of_the_mapper_is_a_symbol_of_the_channel(modulation: Any) -> None:
    """All bits that the mapper puts on one complex symbol meet the same entry of H."""
    bits = 16 * modulation.bits_per_use
    symbol = modulation.bit_use(bits) // 2
    assert np.array_equal(symbol, np.arange(bits) // (2 * modulation.bits_per_use))


def capacity_bits(matrices: torch.Tensor, snr_db: float) -> torch.Tensor:
    """log2 det(I + HH^H/σ²) of each matrix: bits per slot, for Gaussian symbols of unit power per real use."""
    gram = matrices @ matrices.mH / fading.antenna_noise_variance(snr_db, matrices.shape[-1])
    nats: torch.Tensor = torch.linalg.slogdet(torch.eye(matrices.shape[-2]) + gram)[1]
    return nats / math.log(2)


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0])
def test_ergodic_capacity_of_one_antenna_is_the_exponential_integral(snr_db: float) -> None:
    snr = 10 ** (snr_db / 10)
    expected = math.exp(1 / snr) * special.exp1(1 / snr) / math.log(2)
    assert standard_errors(capacity_bits(fades(RAYLEIGH, 20_000), snr_db), expected) < 4


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0])
def test_ergodic_capacity_of_two_by_two_antennas_is_telatars(snr_db: float) -> None:
    """Telatar 1999, theorem 2: for 2×2 the eigenvalues of HH^H have density (1 + (1 - λ)²) e^-λ, which sums to 2."""
    snr = 10 ** (snr_db / 10)
    expected = integrate.quad(
        lambda e: math.log2(1 + snr * e / 2) * (1 + (1 - e) ** 2) * math.exp(-e), 0, math.inf, epsabs=1e-10
    )[0]
    assert standard_errors(capacity_bits(fades(SQUARE, 20_000), snr_db), expected) < 4


def test_estimates_are_off_by_the_variance_asked_for() -> None:
    perfect, noisy = (drawn_fades(Fading("rician", 3.0, 2, 2, e), 3000, 2, seed=7) for e in (0.0, 0.3))
    assert torch.equal(perfect.true, perfect.known)
    assert torch.equal(perfect.true, noisy.true)  # a worse receiver does not change the channel
    error = torch.view_as_real(noisy.known - noisy.true).double()
    assert standard_errors(error.square(), 0.15) < 4
    assert standard_errors(error, 0.0) < 4
    scattered = noisy.true - noisy.true.mean(dim=(0, 1))
    assert standard_errors((scattered * torch.view_as_complex(error).conj()).real, 0.0) < 4
    assert Fading("rayleigh", transmit=2, receive=2, csi_error=0.3).assumed_noise_variance(0.0) == pytest.approx(2.6)


def test_fades_are_independent_of_the_estimate_s_error() -> None:
    drawn = drawn_fades(Fading("rayleigh", csi_error=1.0), 4000, seed=3)
    columns = [torch.view_as_real(m).reshape(4000, 2) for m in (drawn.true, drawn.known - drawn.true)]
    correlation = torch.corrcoef(torch.cat(columns, dim=1).T) - torch.eye(4)
    assert float(correlation.abs().max()) < 5 / math.sqrt(4000)


def test_kinds_share_the_scattered_part() -> None:
    rayleigh, rician = (fades(Fading(k, 0.0), 9, 3) for k in ("rayleigh", "rician"))
    torch.testing.assert_close(rician, math.sqrt(0.5) * (1 + rayleigh))


def test_double_precision_stays_double() -> None:
    rows = normal(3, SQUARE.draws(2)).double()
    drawn = fading.fades_from_normals(SQUARE, rows, rows)
    assert drawn.true.dtype == torch.complex128
    assert fading.faded(normal(3, 16).double(), drawn.true).dtype == torch.float64


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"kind": "nakagami"}, "choose one of awgn, rayleigh, rician"),
        ({"kind": "rician", "k_factor_db": math.nan}, "k_factor_db is not a number"),
        ({"kind": "rayleigh", "transmit": 0}, "choose at least 1"),
        ({"kind": "rayleigh", "transmit": 2}, "choose at least 2"),
        ({"kind": "rayleigh", "csi_error": -0.1}, "0 or more"),
        ({"kind": "rayleigh", "csi_error": math.nan}, "0 or more"),
        ({"kind": "rician", "line_of_sight": "none"}, "choose one of orthogonal, rank_one"),
    ],
)
def test_wrong_settings_say_what_to_do(settings_: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Fading(**settings_)


def test_wrong_shapes_say_what_to_do() -> None:
    with pytest.raises(ValueError, match="choose a multiple of 8"):
        fading.antenna_symbols(normal(2, 12), 2, 2)
    with pytest.raises(ValueError, match="choose a multiple of 4"):
        SQUARE.received_uses(6)
    with pytest.raises(ValueError, match="blocks per image"):
        SQUARE.draws(0)
    with pytest.raises(ValueError, match="2×2 matrices"):
        fading.fades_from_normals(SQUARE, normal(2, 12), normal(2, 12))
