"""The air: AWGN as the AWGN channel, fading error rates in closed form, and which codeword meets which fade."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from semrobust.config.params import Params
from semrobust.config.settings import ChannelSettings
from semrobust.phy import channel, mapping, power
from semrobust.phy.air import Air
from semrobust.phy.fading import Fading, fades_from_normals
from semrobust.systems.draw import BatchDraw, Draw
from tests.phy.helpers import QPSK, binomial_interval, normal

SILENT_DB = 120.0
"""An SNR at which float32 shows next to no noise."""


def settings_of(**given: Any) -> ChannelSettings:
    return ChannelSettings(**({"label": "one", "fading": "rayleigh"} | given))


def air(snr_db: float, **given: Any) -> Air:
    return Air.of(settings_of(**given), snr_db)


def draw(count: int, seed: int = 3) -> BatchDraw:
    return BatchDraw(seed, 0, count)


def codewords(count: int, uses: int, seed: int = 1) -> torch.Tensor:
    return power.normalize_power(normal(count, uses, seed))


def bits(count: int, per_row: int) -> torch.Tensor:
    return torch.randint(0, 2, (count, per_row), generator=torch.Generator().manual_seed(5), dtype=torch.uint8)


@pytest.mark.parametrize("equalizer", ["lmmse", "zf"])
@pytest.mark.parametrize("snr_db", [-3.0, 7.0])
def test_without_fading_it_is_the_awgn_channel(equalizer: str, snr_db: float) -> None:
    sent, one = codewords(6, 32), draw(6)
    arrived = air(snr_db, fading="awgn", equalizer=equalizer).receive(sent, one)
    expected = channel.awgn(sent, snr_db, one.named("noise").normal(32))
    torch.testing.assert_close(arrived.symbols, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(arrived.variance, torch.full((6, 32), 10 ** (-snr_db / 10)))


@pytest.mark.parametrize("snr_db", [0.0, 8.0, 15.0])
def test_bit_error_rate_of_qpsk_over_rayleigh_fading_is_the_closed_form(snr_db: float) -> None:
    """Proakis and Salehi 2008, eq. 13.3-7: (1 - sqrt(g/(1+g)))/2, g the mean SNR per bit.

    A real use of QPSK carries one bit: g = E|h|²/(2σ²) with σ² per real dimension. Rows of one symbol, of which only
    the I use counts, make the errors independent of each other.
    """
    count = 40_000
    sent = bits(count, 2)
    arrived = air(snr_db).receive(mapping.map_bits(sent, QPSK), draw(count))
    wrong = (mapping.llr(arrived.symbols, arrived.variance, QPSK) < 0) != sent.bool()
    mean_snr = 10 ** (snr_db / 10) / 2
    low, high = binomial_interval(count, 0.5 * (1 - math.sqrt(mean_snr / (1 + mean_snr))))
    assert low <= int(wrong[:, 0].sum()) <= high
    assert low <= int(wrong[:, 1].sum()) <= high


def shown_fades(one: Air, count: int) -> torch.Tensor:
    """h of each of four codewords of `count` images, of one complex symbol each: what zero noise would show.

    The receiver divides by h, so its variance σ²/|h|² tells |h|².
    """
    arrived = one.receive(codewords(count, 8), draw(count), 4)
    return one.law.assumed_noise_variance(one.snr_db) / arrived.variance.reshape(count, 4, 2)[..., 0]


def test_fades_change_from_codeword_to_codeword_or_stay_over_the_image() -> None:
    one = draw(5)
    still, changing = (shown_fades(air(30.0, block=block), 5) for block in ("image", "codeword"))
    torch.testing.assert_close(still, still[:, :1].expand(-1, 4))
    ranked = changing.flatten().sort().values
    assert (ranked.diff() / ranked[1:]).min() > 1e-4  # 5·4 fades of their own
    for power_shown, blocks in ((still[:, :1], 1), (changing, 4)):
        law = Fading("rayleigh")
        drawn = one.named("fading").normal(law.draws(blocks))
        true = fades_from_normals(law, drawn, torch.zeros_like(drawn)).true
        torch.testing.assert_close(power_shown, true.reshape(5, blocks).abs().square(), rtol=1e-4, atol=1e-6)


def test_codewords_of_an_image_meet_the_fades_in_their_order() -> None:
    """Codeword c is the c-th stretch of uses: only then do errors have the variance that is told for that stretch."""
    one, count = air(0.0, block="codeword", equalizer="zf"), 2000
    arrived = one.receive(torch.ones(count, 12), draw(count), 3)
    error = (arrived.symbols - 1).reshape(count, 3, 4)
    variance = arrived.variance.reshape(count, 3, 4)
    assert torch.equal(variance, variance[..., :1].expand(-1, -1, 4))
    normalized = (error / variance.sqrt()).double()
    assert float(normalized.square().mean()) == pytest.approx(1, abs=5 * math.sqrt(2 / normalized.numel()))
    assert not torch.allclose(variance[:, 0], variance[:, 1])


@pytest.mark.parametrize("rule", ["lmmse", "zf"])
@pytest.mark.parametrize("antennas", [(1, 1), (2, 2), (2, 3)])
def test_without_noise_the_codewords_come_back(antennas: tuple[int, int], rule: str) -> None:
    sent = codewords(20, 48)
    one = air(SILENT_DB, transmit=antennas[0], receive=antennas[1], equalizer=rule, block="codeword")
    arrived = one.receive(sent, draw(20), 3)
    assert arrived.symbols.shape == arrived.variance.shape == (20, 48)
    torch.testing.assert_close(arrived.symbols, sent, rtol=0, atol=2e-3)
    assert torch.all(arrived.variance > 0)


def test_errors_have_the_variance_that_is_told_for_two_antennas_too() -> None:
    """Two streams at twice the noise: straight paths with H^H H = 2I give each use the variance of one antenna."""
    sent, snr_db = codewords(2000, 16), 4.0
    straight = air(snr_db, fading="awgn", transmit=2, receive=2).receive(sent, draw(2000))
    torch.testing.assert_close(straight.variance, torch.full((2000, 16), 10 ** (-snr_db / 10)))
    faded = air(snr_db, transmit=2, receive=2, equalizer="zf").receive(sent, draw(2000))
    for arrived in (straight, faded):
        normalized = ((arrived.symbols - sent) / arrived.variance.sqrt()).double()
        assert float(normalized.square().mean()) == pytest.approx(1, abs=5 * math.sqrt(2 / (2000 * 16 / 8)))


def test_an_error_of_the_estimate_counts_as_noise() -> None:
    """1x1: the receiver divides by |h + e|² and reckons with σ² + σ_e²."""
    sent, count, snr_db = codewords(50, 8), 50, 6.0
    exact, noisy = (air(snr_db, csi_error=error).receive(sent, draw(count)) for error in (0.0, 0.1))
    law = Fading("rayleigh", csi_error=0.1)
    fades = fades_from_normals(law, draw(count).named("fading").normal(2), draw(count).named("estimate").normal(2))
    known = fades.known.reshape(count, 1).abs().square().expand(-1, 8)
    torch.testing.assert_close(noisy.variance, (10 ** (-snr_db / 10) + 0.1) / known, rtol=1e-4, atol=1e-6)
    true = fades.true.reshape(count, 1).abs().square().expand(-1, 8)
    torch.testing.assert_close(exact.variance, 10 ** (-snr_db / 10) / true, rtol=1e-4, atol=1e-6)
    # without noise the estimate is off by the factor h/(h + e)
    silent = air(SILENT_DB, csi_error=0.1).receive(sent, draw(count)).symbols
    turned = power.as_complex(sent) * (fades.true / fades.known).reshape(count, 1)
    torch.testing.assert_close(power.as_complex(silent), turned, rtol=1e-3, atol=1e-3)


def test_gradients_reach_the_codewords() -> None:
    """The receiver undoes the channel: the derivative of a symbol by its own codeword is 1, by all others 0."""
    one = air(5.0, transmit=2, receive=2)
    sent = codewords(3, 8).requires_grad_(True)
    symbols = one.receive(sent, draw(3)).symbols
    weights = normal(3, 8, seed=9)
    (gradient,) = torch.autograd.grad(symbols, sent, weights)
    step = normal(3, 8, seed=10)
    moved = one.receive(sent.detach() + step, draw(3)).symbols - symbols.detach()  # the channel is linear
    assert float((gradient * step).sum()) == pytest.approx(float((moved * weights).sum()), rel=1e-3)
    straight = air(5.0, fading="awgn").receive(sent, draw(3)).symbols
    (gradient,) = torch.autograd.grad(straight, sent, weights)
    torch.testing.assert_close(gradient, weights)


def test_a_row_depends_on_its_own_image_alone() -> None:
    one, numbers = air(3.0, block="codeword", csi_error=0.2), torch.tensor([4, 9, 2, 30])
    sent = codewords(4, 24)
    whole = one.receive(sent, Draw(1, numbers), 3)
    rows = torch.tensor([3, 1])
    part = one.receive(sent[rows], Draw(1, numbers[rows]), 3)
    torch.testing.assert_close(part.symbols, whole.symbols[rows])
    torch.testing.assert_close(part.variance, whole.variance[rows])


def test_uses_that_do_not_fill_slots_and_blocks_are_refused() -> None:
    with pytest.raises(ValueError, match="choose a multiple of 4"):
        air(5.0, transmit=2, receive=2).receive(codewords(1, 6), draw(1))
    with pytest.raises(ValueError, match="choose a multiple of 6"):
        air(5.0, block="codeword").receive(codewords(1, 8), draw(1), 3)


# settings


def test_params_become_the_law_of_the_channel(params: Params) -> None:
    rician = Air.of(params.channels["rician"], 6.0)
    assert rician == Air(Fading("rician", 6.0), 6.0)
    assert Air.of(params.channels["rayleigh_2x2"], 1.0).law == Fading("rayleigh", 0.0, 2, 2)
    assert Air.of(params.channels["rayleigh_noisy_csi"], 1.0).law.csi_error == 0.1
    other = air(2.0, block="codeword", equalizer="zf")
    assert (other.per_codeword, other.rule) == (True, "zf")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"fading": "rayleigh", "k_factor_db": 6.0}, "k_factor_db is what fading"),
        ({"fading": "awgn", "k_factor_db": 6.0}, "k_factor_db is what fading"),
        ({"fading": "rician"}, "k_factor_db is what fading"),
        ({"transmit": 2}, "receive: 1 antennas cannot part 2 symbols"),
        ({"transmit": 3, "receive": 2}, "receive: 2 antennas cannot part 3 symbols"),
        ({"fading": "nakagami"}, "'awgn', 'rayleigh' or 'rician'"),
        ({"csi_error": -0.1}, "greater than or equal to 0"),
        ({"csi_error": math.inf}, "finite"),
        ({"equalizer": "mmse"}, "'lmmse' or 'zf'"),
        ({"block": "slot"}, "'image' or 'codeword'"),
        ({"label": ""}, "at least 1 character"),
    ],
)
def test_settings_that_make_no_channel_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        settings_of(**given)
