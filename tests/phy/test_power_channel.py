"""Power and SNR: the label on the curve is what the codeword really meets."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semrobust.phy import channel, power
from tests.phy.helpers import normal


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 7.5, 20.0])
def test_measured_snr_is_the_label(snr_db: float) -> None:
    sent = power.normalize_power(normal(400, 1536, seed=3))
    noise = channel.awgn(sent, snr_db, channel.channel_noise(5, snr_db, 0, 400, 1536)) - sent
    measured = 10 * math.log10(float(sent.double().square().mean() / noise.double().square().mean()))
    assert measured == pytest.approx(snr_db, abs=0.05)


def test_snr_is_the_same_on_the_complex_view() -> None:
    sent = power.normalize_power(normal(200, 1536, seed=3))
    noise = channel.awgn(sent, 3.0, normal(200, 1536)) - sent
    per_use = float(noise.double().square().mean())
    per_symbol = float(power.as_complex(noise).abs().double().square().mean())
    assert per_symbol == pytest.approx(2 * per_use, rel=1e-6)  # a complex symbol has twice the noise ...
    assert float(power.as_complex(sent).abs().square().mean()) == pytest.approx(2.0, rel=1e-5)  # and power
    assert per_use == pytest.approx(power.noise_variance(3.0), rel=0.01)


@settings(max_examples=50, deadline=None)
@given(batch=st.integers(1, 5), uses=st.integers(1, 2000), scale=st.sampled_from([1e-6, 1.0, 1e6]))
def test_normalized_power_is_the_number_of_uses(batch: int, uses: int, scale: float) -> None:
    codewords = power.normalize_power(scale * normal(batch, uses, seed=uses))
    torch.testing.assert_close(
        power.power_total(codewords), torch.full((batch,), float(uses)).double(), rtol=1e-4, atol=0
    )


@settings(max_examples=30, deadline=None)
@given(uses=st.integers(1, 4000))
def test_zero_codeword_stays_zero(uses: int) -> None:
    mixed = torch.stack([torch.zeros(uses), torch.ones(uses)])
    assert torch.equal(power.normalize_power(mixed)[0], torch.zeros(uses))
    assert float(power.power_total(power.normalize_power(mixed))[1]) == pytest.approx(uses, rel=1e-4)


def test_complex_and_real_views_are_inverse() -> None:
    codewords = normal(3, 10)
    symbols = power.as_complex(codewords)
    assert symbols.shape == (3, 5)
    assert torch.equal(symbols.real[:, 2], codewords[:, 4])
    assert torch.equal(symbols.imag[:, 2], codewords[:, 5])
    assert torch.equal(power.as_real(symbols), codewords)


@given(ratio_db=st.floats(-60, 20), uses=st.integers(1, 10_000))
def test_attack_power_conversions_are_inverse(ratio_db: float, uses: int) -> None:
    total = power.power_from_psr_db(ratio_db, uses)
    assert power.psr_db(total, uses) == pytest.approx(ratio_db, abs=1e-9)
    assert power.power_per_use(total, uses) == pytest.approx(10 ** (ratio_db / 10))


def test_no_attack_and_bandwidth() -> None:
    assert power.psr_db(0.0, 10) == -math.inf
    assert power.bandwidth_ratio(1536) == 0.5
    assert power.channel_bandwidth_ratio(1536) == 0.25


def test_channel_noise_does_not_depend_on_batching() -> None:
    every = channel.channel_noise(1, 10.0, 0, 600, 16)
    for step in (1, 100, 256, 599):
        parts = [channel.channel_noise(1, 10.0, s, min(s + step, 600), 16) for s in range(0, 600, step)]
        assert torch.equal(torch.cat(parts), every)
    assert not torch.equal(channel.channel_noise(1, 11.0, 0, 2, 16), every[:2])
    assert not torch.equal(channel.channel_noise(2, 10.0, 0, 2, 16), every[:2])
    assert torch.equal(channel.channel_noise(1, 10, 0, 2, 16), every[:2])  # 10 and 10.0 are one SNR
