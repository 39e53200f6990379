"""Attackers who know less than everything: blind pulses, one vector for all images, another decoder's perturbations."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from semrobust.attacks.base import Target
from semrobust.attacks.on_air.directions import Inversion
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


def seeing(target: Target, seen: Target) -> Target:
    return replace(target, seen=seen)


def test_universal_finds_the_direction_that_is_worst_for_all() -> None:
    """Without noise all images of a linear receiver share the worst direction, the steepest one."""
    gains = torch.ones(USES)
    gains[5] = 4.0
    target, seen = (aimed(Diagonal(gains), grey(count), torch.zeros(count, USES), 0.01) for count in (3, 6))
    found = attack("universal", iterations=200, **FINE).run(seeing(target, seen))
    least = PIXELS * 0.01 / 16
    assert found.success.all()
    assert (found.power_total >= least * (1 - 1e-3)).all()
    assert (found.power_total <= 1.05 * least).all()


def test_universal_learns_from_what_it_saw_and_from_nothing_else() -> None:
    system = small_deepjscc()
    target, other = (aimed(system, pictures(4, first), 0.3 * normal(4, 128), 0.05) for first in (800, 900))
    seen = aimed(system, pictures(8, 300), 0.3 * normal(8, 128), 0.05)
    universal = attack("universal", iterations=10)
    assert isinstance(universal, Universal)
    direction = universal.direction(seeing(target, seen))
    torch.testing.assert_close(direction.square().sum(1), torch.full((4,), 128.0))
    assert torch.equal(universal.direction(seeing(other, seen)), direction)
    assert not torch.equal(universal.direction(seeing(target, other)), direction)
    both = list(universal.run_all([seeing(target, seen), seeing(other, seen)]))
    moved = torch.cat([found.perturbation for found in both])
    moved = moved[moved.norm(dim=1) > 0]
    aligned = torch.nn.functional.cosine_similarity(moved, direction[:1])
    torch.testing.assert_close(aligned, torch.ones(len(moved)))


def test_universal_needs_more_than_an_attack_on_each_image() -> None:
    system = small_deepjscc()
    target = aimed(system, pictures(8, 800), 0.3 * normal(8, 128), 0.02)
    seen = aimed(system, pictures(8, 300), 0.3 * normal(8, 128), 0.02)
    universal = attack("universal", iterations=60, **FINE).run(seeing(target, seen))
    each = attack("minimum_norm", starts=2, iterations=60).run(target)
    both = universal.success & each.success & (each.power_total > 0)
    assert both.any()
    assert universal.power_total[both].mean() > each.power_total[both].mean()


def test_inversion_takes_back_what_is_sent_and_the_noise_is_left() -> None:
    target = aimed(small_deepjscc(), pictures(4, 800), 0.3 * normal(4, 128), 0.05)
    inversion = attack("inversion")
    assert isinstance(inversion, Inversion)
    direction = inversion.direction(target)
    torch.testing.assert_close(direction, -target.sent.codewords)  # ||z||² = N already
    found = inversion.run(target)
    moved = found.perturbation.norm(dim=1) > 0
    aligned = torch.nn.functional.cosine_similarity(found.perturbation, target.sent.codewords)
    torch.testing.assert_close(aligned[moved], -torch.ones(int(moved.sum())))


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
