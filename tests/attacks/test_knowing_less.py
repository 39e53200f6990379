"""Attackers who know less than everything: blind pulses, one vector for all images, another decoder's perturbations."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from semrobust.attacks.on_air.pulse_jamming import PulseJamming
from semrobust.attacks.on_air.transfer import Transfer
from semrobust.attacks.on_air.universal import Universal
from tests.attacks.samples import PIXELS, Diagonal, aimed, attack, grey, normal, pictures, small_deepjscc

USES = 32
FINE = {"start_psr_db": -30.0, "stop_psr_db": 20.0, "step_db": 2.0, "bisections": 12}


@pytest.mark.parametrize("share", [1 / 32, 0.125, 1.0])
def test_pulses_are_equal_and_on_the_share_of_uses_alone(share: float) -> None:
    jamming = attack("pulse_jamming", share=share)
    assert isinstance(jamming, PulseJamming)
    pulses = jamming.direction(aimed(Diagonal(torch.ones(USES)), grey(50), normal(50, USES), 0.01))
    assert ((pulses != 0).sum(1) == round(share * USES)).all()
    torch.testing.assert_close(pulses.square().sum(1), torch.full((50,), float(USES)))
    assert (pulses.abs().amax(1) == pulses[pulses != 0].abs().min()).all()
    assert 0.35 < (pulses[pulses != 0] > 0).float().mean() < 0.65
    assert len({tuple(row.nonzero().flatten().tolist()) for row in pulses}) > 1 or share == 1.0


def test_pulses_need_the_power_that_theory_says() -> None:
    """Under a linear receiver of equal gains every direction needs the same: ||s||² = 3·32·32·D* / gain²."""
    target = aimed(Diagonal(torch.full((USES,), 2.0)), grey(4), torch.zeros(4, USES), 0.01)
    found = attack("pulse_jamming", share=0.25, **FINE).run(target)
    assert found.success.all()
    torch.testing.assert_close(found.power_total, torch.full((4,), PIXELS * 0.01 / 4).double(), rtol=1e-3, atol=0.0)


def test_universal_finds_the_direction_that_is_worst_for_all() -> None:
    """Without noise all images of a linear receiver share the worst direction, the steepest one."""
    gains = torch.ones(USES)
    gains[5] = 4.0
    target = aimed(Diagonal(gains), grey(6), torch.zeros(6, USES), 0.01)
    found = attack("universal", iterations=200, **FINE).run(target)
    least = PIXELS * 0.01 / 16
    assert found.success.all()
    assert (found.power_total >= least * (1 - 1e-3)).all()
    assert (found.power_total <= 1.05 * least).all()


def test_universal_gives_all_images_of_a_half_one_direction_learned_from_the_other() -> None:
    target = aimed(small_deepjscc(), pictures(8, 800), 0.3 * normal(8, 128), 0.05)
    universal = attack("universal", iterations=10)
    assert isinstance(universal, Universal)
    direction = universal.direction(target)
    even, odd = direction[::2], direction[1::2]
    assert (even == even[0]).all()
    assert (odd == odd[0]).all()
    assert not torch.equal(even[0], odd[0])
    # other even images change nothing for the even ones
    received = target.received.clone()
    received[::2] += 1.0
    again = universal.direction(replace(target, received=received))
    assert torch.equal(again[::2], even)
    assert not torch.equal(again[1::2], odd)


def test_universal_needs_more_than_an_attack_on_each_image() -> None:
    target = aimed(small_deepjscc(), pictures(8, 800), 0.3 * normal(8, 128), 0.02)
    universal = attack("universal", iterations=60, **FINE).run(target)
    each = attack("minimum_norm", starts=2, iterations=60).run(target)
    both = universal.success & each.success & (each.power_total > 0)
    assert both.any()
    assert universal.power_total[both].mean() > each.power_total[both].mean()


def test_one_image_alone_has_nobody_to_learn_from() -> None:
    target = aimed(small_deepjscc(), pictures(1, 800), 0.3 * normal(1, 128), 0.05)
    universal = attack("universal", iterations=10)
    assert isinstance(universal, Universal)
    torch.testing.assert_close(universal.direction(target).square().sum(1), torch.tensor([128.0]))


def test_transfer_keeps_the_direction_and_searches_the_power() -> None:
    gains = torch.ones(USES)
    gains[3] = 2.0
    target = aimed(Diagonal(gains), grey(2), torch.zeros(2, USES), 0.01)
    crafted = torch.zeros(2, USES)
    crafted[0, 3], crafted[1, 7] = 0.1, -5.0  # how long it was on the surrogate does not count
    transfer = attack("transfer_pga", **FINE)
    assert isinstance(transfer, Transfer)
    found = transfer.run(replace(target, directions=crafted))
    assert found.success.all()
    expected = torch.tensor([PIXELS * 0.01 / 4, PIXELS * 0.01]).double()
    torch.testing.assert_close(found.power_total, expected, rtol=1e-3, atol=0.0)
    assert found.perturbation[0].nonzero().flatten().tolist() == [3]
    assert found.perturbation[1, 7] < 0
