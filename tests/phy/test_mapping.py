"""Mapping and demapping against the standard's formulas, Sionna, brute force and closed-form error rates."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from sionna.phy.mapping import Demapper, Mapper

from semrobust.phy import channel, mapping, power
from tests.phy.helpers import BPSK, QAM16, QPSK, binomial_interval, normal, q_function

EACH = pytest.mark.parametrize("mod", [BPSK, QPSK, QAM16], ids=lambda mod: mod.name)


def random_bits(count: int, bits: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 2, (count, bits), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


@EACH
def test_levels_have_unit_power_and_gray_labels(mod: mapping.Modulation) -> None:
    assert np.square(mod.levels.astype(float)).mean() == pytest.approx(1.0, rel=1e-6)
    order = np.argsort(mod.levels)
    changes = np.abs(np.diff(mod.labels[order].astype(int), axis=0)).sum(axis=1)
    assert np.all(changes == 1)
    assert mod.levels.dtype == np.float32
    assert mod.labels.dtype == np.uint8


def test_symbols_follow_38211() -> None:
    """Formulas of TS 38.211 §5.1.3 and §5.1.4, scaled to power 2 per complex symbol."""
    for b0, b1 in itertools.product((0, 1), repeat=2):
        expected = ((1 - 2 * b0) + 1j * (1 - 2 * b1)) / math.sqrt(2)
        got = power.as_complex(mapping.map_bits(torch.tensor([[b0, b1]]), QPSK))
        assert complex(got) / math.sqrt(2) == pytest.approx(expected, abs=1e-6)
    for b in itertools.product((0, 1), repeat=4):
        i = (1 - 2 * b[0]) * (2 - (1 - 2 * b[2]))
        q = (1 - 2 * b[1]) * (2 - (1 - 2 * b[3]))
        got = power.as_complex(mapping.map_bits(torch.tensor([b]), QAM16))
        assert complex(got) / math.sqrt(2) == pytest.approx((i + 1j * q) / math.sqrt(10), abs=1e-6)


@pytest.mark.parametrize("mod", [QPSK, QAM16], ids=lambda mod: mod.name)
def test_mapper_and_demapper_agree_with_sionna(mod: mapping.Modulation) -> None:
    """Sionna: unit power and noise variance `no` per *complex* symbol, logits log p(1)/p(0)."""
    bits = random_bits(4, 48)
    per_symbol = 2 * mod.bits_per_use
    theirs = Mapper("qam", per_symbol, device="cpu")(bits.float()) * math.sqrt(2)
    ours = mapping.map_bits(bits, mod)
    torch.testing.assert_close(power.as_complex(ours), theirs)
    received = ours + 0.7 * normal(*ours.shape)
    demapper = Demapper("app", "qam", per_symbol, device="cpu")
    logits = demapper(power.as_complex(received) / math.sqrt(2), torch.tensor(2 * 0.49 / 2))
    torch.testing.assert_close(mapping.llr(received, 0.49, mod), -logits, rtol=1e-4, atol=1e-4)


@EACH
def test_bit_tables_tell_which_use_carries_a_bit(mod: mapping.Modulation) -> None:
    bits = random_bits(1, 24)
    before = mapping.map_bits(bits, mod)
    for j, (use, position) in enumerate(zip(mod.bit_use(24), mod.bit_position(24), strict=True)):
        flipped = bits.clone()
        flipped[0, j] ^= 1
        after = mapping.map_bits(flipped, mod)
        assert torch.nonzero(after[0] != before[0]).flatten().tolist() == [use]
        sign_changed = bool(after[0, use].sign() != before[0, use].sign())
        assert sign_changed == (position == 0)


@EACH
def test_noiseless_llr_has_the_sign_of_the_bit(mod: mapping.Modulation) -> None:
    bits = random_bits(8, 96)
    values = mapping.llr(mapping.map_bits(bits, mod), 0.1, mod)
    assert torch.equal(values > 0, bits == 0)


@pytest.mark.parametrize(("mod", "uses"), [(QPSK, 20), (BPSK, 20), (BPSK, 155)])
def test_llr_of_one_bit_per_use_is_2y_over_variance(mod: mapping.Modulation, uses: int) -> None:
    received = normal(5, uses) * 3
    torch.testing.assert_close(mapping.llr(received, 0.3, mod), 2 * received / 0.3)


@EACH
def test_llr_is_the_exact_log_ratio(mod: mapping.Modulation) -> None:
    received, variance = normal(3, 12), 0.4
    y = received.double().numpy()[..., None]
    density = np.exp(-((y - mod.levels.astype(float)) ** 2) / (2 * variance))
    use, position = mod.bit_use(12 * mod.bits_per_use), mod.bit_position(12 * mod.bits_per_use)
    expected = np.stack(
        [
            np.log(density[:, u, mod.labels[:, p] == 0].sum(-1) / density[:, u, mod.labels[:, p] == 1].sum(-1))
            for u, p in zip(use, position, strict=True)
        ],
        axis=1,
    )
    got = mapping.llr(received, variance, mod)
    assert got.dtype == torch.float32
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-4, atol=1e-4)


@EACH
def test_llr_is_differentiable_and_finite_far_away(mod: mapping.Modulation) -> None:
    received = torch.tensor([[1e4, -1e4, 0.3, -0.8]], requires_grad=True)
    values = mapping.llr(received, 1e-3, mod)
    values.sum().backward()  # type: ignore[no-untyped-call]
    assert received.grad is not None
    assert torch.isfinite(values).all()
    assert torch.isfinite(received.grad).all()
    smooth = torch.tensor([[0.2, -0.5]], dtype=torch.float32, requires_grad=True)
    total = mapping.llr(smooth, 0.5, mod).sum()
    (slope,) = torch.autograd.grad(total, smooth)
    step = torch.tensor([[1e-2, 0.0]])
    rise = mapping.llr(smooth + step, 0.5, mod).sum() - mapping.llr(smooth - step, 0.5, mod).sum()
    assert float(slope[0, 0]) == pytest.approx(float(rise.detach()) / 2e-2, rel=1e-2)


@EACH
def test_noise_variance_may_differ_per_word(mod: mapping.Modulation) -> None:
    received = normal(2, 8)
    both = mapping.llr(received, torch.tensor([[0.2], [0.5]]), mod)
    torch.testing.assert_close(both[1:], mapping.llr(received[1:], 0.5, mod))


@pytest.mark.parametrize("snr_db", [0.0, 4.0, 8.0])
@pytest.mark.parametrize(("mod", "length"), [(QPSK, 1000), (BPSK, 999)])
def test_uncoded_error_rate_of_one_bit_per_use(mod: mapping.Modulation, length: int, snr_db: float) -> None:
    """Q(1/σ): with unit power per real use, `snr_db` is 2 Eb/N0 for both."""
    bits = random_bits(300, length)
    received = channel.awgn(mapping.map_bits(bits, mod), snr_db, normal(300, length, seed=9))
    errors = int(((mapping.llr(received, 1.0, mod) < 0) != (bits == 1)).sum())
    low, high = binomial_interval(bits.numel(), q_function(10 ** (snr_db / 20)))
    assert low <= errors <= high


@pytest.mark.parametrize("snr_db", [2.0, 6.0, 10.0, 14.0])
def test_uncoded_16qam_error_rate(snr_db: float) -> None:
    """Exact Gray 16-QAM: (3 Q(a) + 2 Q(3a) - Q(5a))/4, a = 1/(√5 σ), for decisions to the nearest level."""
    bits = random_bits(300, 2000)
    received = channel.awgn(mapping.map_bits(bits, QAM16), snr_db, normal(300, 1000, seed=9))
    nearest = (received.unsqueeze(-1) - torch.tensor(QAM16.levels)).abs().argmin(-1)
    decided = torch.tensor(QAM16.labels)[nearest][:, QAM16.bit_use(2000), QAM16.bit_position(2000)]
    a = 10 ** (snr_db / 20) / math.sqrt(5)
    rate = (3 * q_function(a) + 2 * q_function(3 * a) - q_function(5 * a)) / 4
    low, high = binomial_interval(bits.numel(), rate)
    assert low <= int((decided != bits).sum()) <= high
    soft = mapping.llr(received, power.noise_variance(snr_db), QAM16) < 0
    assert int((soft != (bits == 1)).sum()) <= high  # bitwise MAP is never worse than nearest level


def test_wrong_use_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown modulation '8psk'"):
        mapping.modulation("8psk")
    with pytest.raises(ValueError, match="multiple of 4"):
        mapping.map_bits(torch.zeros(1, 6), QAM16)
    with pytest.raises(ValueError, match="whole complex symbols"):
        mapping.llr(torch.zeros(1, 3), 1.0, QPSK)
    with pytest.raises(ValueError, match="must be positive"):
        mapping.llr(torch.zeros(1, 4), 0.0, QPSK)
