"""`first_crossing` against receivers whose crossing is known in closed form."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from pydantic import ValidationError

from semrobust.attacks.base import Target
from semrobust.attacks.on_air.directions import DirectionSettings
from semrobust.attacks.search import Path, amplitudes, first_crossing
from semrobust.phy.power import power_from_psr_db, power_total
from tests.attacks.samples import PIXELS, Diagonal, Sine, aimed, grey, normal, part

USES = 16
GRID = amplitudes(-20.0, 20.0, 2.0)


def along(directions: torch.Tensor) -> Path:
    return lambda strength, rows: strength[:, None] * directions[rows]


def linear_target(count: int = 12, threshold: float = 0.05, noise: float = 1.0) -> Target:
    """Error e + A(t d): the MSE is a quadratic of the strength t. Gains differ from use to use."""
    gains = torch.linspace(0.5, 3.0, USES)
    return aimed(Diagonal(gains), grey(count), noise * normal(count, USES), threshold)


def roots(target: Target, directions: torch.Tensor) -> torch.Tensor:
    """The strength t >= 0 at which the squared error a t² + 2 b t + c reaches the threshold, exactly."""
    assert isinstance(target.system, Diagonal)
    gains = target.system.gains.double()
    error, moved = gains * target.received.double(), gains * directions.double()
    a, b = (moved * moved).sum(1), (error * moved).sum(1)
    c = (error * error).sum(1) - PIXELS * target.threshold
    return (-b + (b * b - a * c).sqrt()) / a


def test_grid_of_amplitudes_is_the_powers_asked_for() -> None:
    powers = [USES * amplitude**2 for amplitude in GRID]
    assert powers == pytest.approx([power_from_psr_db(-20.0 + 2.0 * i, USES) for i in range(21)])
    assert len(amplitudes(-3.0, -1.0, 0.5)) == 5


@pytest.mark.parametrize("stop", [-17.0, -15.1])
def test_a_grid_that_would_miss_its_stop_is_refused(stop: float) -> None:
    with pytest.raises(ValidationError, match="whole number of steps of step_db = 2"):
        DirectionSettings(kind="all_bits", label="x", start_psr_db=-20.0, stop_psr_db=stop, step_db=2.0, bisections=0)


@pytest.mark.parametrize("bisections", [0, 1, 5, 12])
def test_crossing_lies_within_the_bisected_interval_above_the_exact_one(bisections: int) -> None:
    target = linear_target()
    directions = normal(len(target), USES, seed=1)
    exact = roots(target, directions)
    result = first_crossing(target, along(directions), GRID, bisections)
    assert result.success.all()
    found = (result.power_total / power_total(directions)).sqrt()
    grid = torch.tensor([0.0, *GRID], dtype=torch.float64)
    upper = torch.searchsorted(grid, exact)
    width = (grid[upper] - grid[upper - 1]) / 2**bisections
    slack = 1e-5 * exact
    assert (found >= exact - slack).all(), "below the least strength that breaks the image along this path"
    assert (found <= exact + width + slack).all()
    assert (result.steps == upper + bisections).all()


def test_mse_is_that_of_the_returned_perturbation_and_success_follows_from_it() -> None:
    target = linear_target(threshold=0.5)
    result = first_crossing(target, along(normal(len(target), USES, seed=1)), [0.1, 1.0, 5.0], 6)
    assert 0 < int(result.success.sum()) < len(target)
    assert torch.equal(result.mse, target.distortion(result.perturbation))
    assert torch.equal(result.success, result.mse >= target.threshold)


def test_images_broken_by_the_channel_alone_cost_nothing() -> None:
    target = linear_target()
    before = target.distortion(torch.zeros(len(target), USES))
    target = replace(target, threshold=float(before.median()))
    broken = before >= target.threshold
    assert 0 < int(broken.sum()) < len(target)
    result = first_crossing(target, along(normal(len(target), USES, seed=1)), GRID, 4)
    assert result.success.all()
    assert torch.equal(result.perturbation[broken], torch.zeros(int(broken.sum()), USES))
    assert torch.equal(result.steps == 0, broken)
    assert (result.power_total[~broken] > 0).all()
    assert torch.equal(result.mse[broken], before[broken])


def test_censored_images_keep_the_strongest_perturbation_tried() -> None:
    target = linear_target(threshold=1e6)
    directions = normal(len(target), USES, seed=1)
    result = first_crossing(target, along(directions), [0.5, 1.0, 2.0], 5)
    assert not result.success.any()
    assert torch.equal(result.perturbation, 2.0 * directions)
    assert (result.steps == 3).all()


def test_censored_and_successful_images_do_not_mix() -> None:
    target = linear_target(threshold=0.05)
    directions = normal(len(target), USES, seed=1)
    exact = roots(target, directions)
    last = float(exact.median()) + 1e-3
    result = first_crossing(target, along(directions), [last / 2, last], 8)
    assert torch.equal(result.success, exact <= last)
    assert torch.equal(result.perturbation[~result.success], torch.tensor(last) * directions[~result.success])


def test_first_crossing_on_the_grid_is_refined_where_distortion_falls_again() -> None:
    target = aimed(Sine(), grey(2), torch.zeros(2, 2), 0.9)
    unit = torch.tensor([[1.0, 0.0]]).expand(2, 2)
    exact = math.asin(math.sqrt(0.9)) / math.pi  # sin²(πt) >= 0.9 first holds here, and ends at 1 - exact
    result = first_crossing(target, along(unit), [0.1 * i for i in range(1, 21)], 10)
    assert result.success.all()
    assert result.perturbation[:, 0].tolist() == pytest.approx([exact] * 2, abs=0.1 / 2**10 + 1e-6)
    # a grid that steps over the first hill finds the second one, never a strength it did not decode
    result = first_crossing(target, along(unit), [0.3, 1.0, 1.45], 10)
    assert result.success.all()
    assert result.perturbation[:, 0].tolist() == pytest.approx([1 + exact] * 2, abs=0.45 / 2**10 + 1e-6)
    assert (result.mse >= 0.9).all()


def test_bisection_of_a_hill_inside_one_interval_returns_only_what_was_seen_to_work() -> None:
    target = aimed(Sine(), grey(1), torch.zeros(1, 2), 0.9)
    # sin² is above 0.9 at 2.5, below at 1.0; between them lies the hill around 1.5
    result = first_crossing(target, along(torch.tensor([[1.0, 0.0]])), [1.0, 2.5], 12)
    assert result.success.all()
    assert target.distortion(result.perturbation) == result.mse >= 0.9
    assert float(result.perturbation[0, 0]) <= 2.5


def test_each_image_is_attacked_for_itself() -> None:
    target = linear_target(threshold=0.05)
    directions = normal(len(target), USES, seed=1)
    whole = first_crossing(target, along(directions), GRID[:12], 6)
    assert 0 < int(whole.success.sum()) < len(target)
    for rows in (torch.tensor([4]), torch.tensor([9, 2, 5]), torch.arange(6, 12)):
        alone = first_crossing(part(target, rows), along(directions[rows]), GRID[:12], 6)
        for field in ("perturbation", "success", "mse", "steps"):
            assert torch.equal(getattr(alone, field), getattr(whole, field)[rows]), field
