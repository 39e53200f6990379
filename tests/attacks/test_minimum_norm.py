"""Minimum-norm and Carlini-Wagner attacks where the least power is known, and where gradient ascent misses it."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from semrobust.attacks.base import Target
from tests.attacks.samples import PIXELS, Diagonal, Sine, aimed, attack, grey, normal, part, pictures, small_deepjscc
from tests.attacks.test_pga import optimum

USES = 32
METHODS = {
    "minimum_norm": {"starts": 4, "iterations": 80, "step": 2.0, "start_psr_db": 0.0},
    "carlini_wagner": {"searches": 7, "iterations": 300, "learning_rate": 0.05},
}
"""Enough for toy receivers, whose least perturbations are of norm 2 to 3."""


def run(name: str, target: Target, **changes: float) -> torch.Tensor:
    """Powers of a run that must succeed on every image."""
    result = attack(name, **METHODS[name] | changes).run(target)
    assert result.success.all()
    assert (result.mse >= target.threshold).all()
    torch.testing.assert_close(result.mse, target.distortion(result.perturbation))
    return result.power_total


def misleading() -> Target:
    """The error points where the receiver is flat; where it is three times as steep there is next to none."""
    gains = torch.ones(USES)
    gains[5] = 3.0
    noise = torch.zeros(6, USES)
    noise[:, 0] = torch.linspace(0.5, 1.0, 6)
    noise[:, 5] = 1e-4
    return aimed(Diagonal(gains), grey(6), noise, 0.02)


def least(target: Target) -> torch.Tensor:
    assert isinstance(target.system, Diagonal)
    gains = target.system.gains.double()
    errors = gains * target.received.double()
    return torch.tensor([optimum(error, gains, PIXELS * target.threshold) for error in errors], dtype=torch.float64)


@pytest.mark.parametrize(("name", "close"), [("minimum_norm", 1.01), ("carlini_wagner", 1.05)])
def test_finds_the_least_power_where_gradient_ascent_does_not(name: str, close: float) -> None:
    target = misleading()
    best = least(target)
    found = run(name, target)
    assert (found >= best * (1 - 1e-5)).all(), "below the least possible power"
    assert (found <= close * best).all()
    ascent = attack("pga_refined", step=0.02).run(target)
    assert ascent.success.all()
    assert (ascent.power_total > 1.1 * best).all()


@pytest.mark.parametrize("name", METHODS)
def test_images_broken_by_the_channel_alone_cost_nothing(name: str) -> None:
    target = aimed(Diagonal(torch.ones(USES)), grey(8), torch.linspace(0.1, 2, 8)[:, None] * normal(8, USES), 0.01)
    before = target.distortion(torch.zeros_like(target.received)) >= target.threshold
    assert 0 < int(before.sum()) < 8
    assert torch.equal(run(name, target) == 0, before)


@pytest.mark.parametrize("name", METHODS)
def test_what_cannot_be_broken_is_censored_at_the_largest_power_tried(name: str) -> None:
    target = aimed(Sine(), grey(3), torch.full((3, 2), 0.1), 1.1)  # the squared error is at most 1
    result = attack(name, **METHODS[name]).run(target)
    assert not result.success.any()
    assert (result.power_total > 0.01).all()
    torch.testing.assert_close(result.mse, target.distortion(result.perturbation))


def test_norm_that_was_enough_is_shortened_to_the_boundary() -> None:
    target = misleading()
    rough, fine = (run("minimum_norm", target, bisections=count, iterations=10, starts=1) for count in (0, 12))
    assert (fine <= rough).all()
    assert (fine < rough).any()
    shortened = attack("minimum_norm", **METHODS["minimum_norm"]).run(target)
    assert (target.distortion(0.99 * shortened.perturbation) < target.threshold).all()


def test_more_starts_never_cost_power() -> None:
    target = aimed(small_deepjscc(), pictures(8, 800), 0.3 * normal(8, 128), 0.05)
    powers = [
        attack("minimum_norm", starts=starts, iterations=20, bisections=0).run(target).power_total for starts in (1, 3)
    ]
    assert (powers[1] <= powers[0]).all()
    assert (powers[1] < powers[0]).any()


@pytest.mark.parametrize("name", METHODS)
def test_a_network_s_image_does_not_depend_on_its_batch(name: str) -> None:
    target = aimed(small_deepjscc(), pictures(8, 800), 0.3 * normal(8, 128), 0.05)
    cheap = {"minimum_norm": {"starts": 2, "iterations": 20}, "carlini_wagner": {"searches": 2, "iterations": 30}}[name]
    whole = attack(name, **cheap).run(target)
    rows = torch.tensor([7, 3])
    alone = attack(name, **cheap).run(part(target, rows))
    assert torch.equal(alone.success, whole.success[rows])
    torch.testing.assert_close(alone.power_total, whole.power_total[rows], rtol=2e-2, atol=0.0)


def test_weight_of_the_distortion_stays_in_its_range() -> None:
    """With c held far too small nothing is gained by breaking the image; the printed range must be kept."""
    target = misleading()
    held = attack("carlini_wagner", start=1e-6, least=1e-6, most=1e-5, searches=3, iterations=50).run(target)
    assert not held.success.any()
    with pytest.raises(ValidationError, match="must lie between"):
        attack("carlini_wagner", start=1000.0)


def test_margin_asks_for_more_than_success() -> None:
    target = misleading()
    plain, beyond = (run("carlini_wagner", target, margin=margin) for margin in (0.0, 20.0))
    assert (plain <= beyond * 1.02).all()
