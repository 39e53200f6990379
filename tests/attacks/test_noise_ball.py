"""The ball of semantic noise: projections and 8-bit storage for any image, noise and budget."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semrobust.attacks.image.noise_ball import Ball, Norm, levels
from semrobust.errors import DataError
from semrobust.systems.draw import Draw
from semrobust.training.loop import as_float

NORMS: st.SearchStrategy[Norm] = st.sampled_from(["linf", "l2"])
EPSILONS = st.one_of(
    st.floats(0.001, 2.0), st.integers(1, 60).map(lambda level: level / 255), st.floats(2.0, 60.0), st.just(0.0)
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Ball, torch.Tensor, torch.Tensor]:
    """A ball, noise and clean 8-bit images of 3 x 2 x 2 to 3 x 8 x 8, some pixels at 0 and 255."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    side, count = draw(st.sampled_from([2, 8])), draw(st.integers(1, 3))
    values = random.integers(0, 256, (count, 3, side, side))
    values[random.random(values.shape) < draw(st.sampled_from([0.0, 0.4]))] = draw(st.sampled_from([0, 255]))
    noise = random.standard_normal(values.shape) * 10.0 ** draw(st.floats(-4, 1))
    noise[random.random(values.shape) < draw(st.sampled_from([0.0, 0.5, 1.0]))] = 0
    ball = Ball(draw(NORMS), draw(EPSILONS))
    return ball, torch.from_numpy(noise).float(), as_float(torch.from_numpy(values))


@settings(max_examples=80, deadline=None)
@given(cases())
def test_a_projection_is_inside_idempotent_and_the_nearest(case: tuple[Ball, torch.Tensor, torch.Tensor]) -> None:
    ball, noise, clean = case
    inside = ball.project(noise, clean)
    assert bool((ball.size(inside) <= ball.epsilon * (1 + 6e-8)).all())
    assert bool(((clean + inside >= 0) & (clean + inside <= 1)).all())
    assert torch.equal(ball.project(inside, clean), inside)
    # the hyperplane test of a projection onto a convex set: no point of it lies beyond, as seen from the noise
    other = ball.project(torch.randn(noise.shape, generator=torch.Generator().manual_seed(0)), clean)
    beyond = ((noise - inside).double() * (other - inside).double()).flatten(1).sum(1)
    assert bool((beyond <= 1e-5 * (1 + noise.flatten(1).norm(dim=1)) * max(1.0, ball.epsilon)).all())


@settings(max_examples=80, deadline=None)
@given(cases())
def test_storage_is_exact_inside_and_final(case: tuple[Ball, torch.Tensor, torch.Tensor]) -> None:
    ball, noise, clean = case
    shown = ball.store(noise, clean)
    assert shown.dtype == torch.float32
    file = (shown * 255).round().to(torch.uint8)
    assert torch.equal(as_float(file), shown), "the file holds another image"
    moved = file.long() - (clean * 255).round().long()
    if ball.norm == "linf":
        assert int(moved.abs().max()) <= 255 * ball.epsilon * (1 + 1e-9)
    else:
        assert int(moved.square().flatten(1).sum(1).max()) <= (255 * ball.epsilon) ** 2 * (1 + 1e-9)
    assert torch.equal(ball.store(shown - clean, clean), shown), "storing twice moves the image"
    assert bool(((shown - clean) * noise >= 0).all()), "a pixel moved the wrong way"
    assert bool(((moved / 255 - ball.project(noise, clean)).abs() < 1 / 255 + 1e-6).all())


@settings(max_examples=40, deadline=None)
@given(cases())
def test_the_surface_has_the_budget_s_norm_unless_the_box_is_too_small(
    case: tuple[Ball, torch.Tensor, torch.Tensor],
) -> None:
    ball, noise, clean = case
    noise = torch.where(noise == 0, 0.1, noise)
    reached = ball.surface(noise, clean)
    room = torch.where(noise > 0, 1 - clean, clean)
    assert bool(((clean + reached >= 0) & (clean + reached <= 1)).all())
    if ball.norm == "l2":
        expected = ball.size(room).clamp(max=ball.epsilon)
        torch.testing.assert_close(ball.size(reached), expected, rtol=1e-5, atol=1e-6)
    else:
        assert bool((ball.size(reached) <= ball.epsilon * (1 + 6e-8)).all())


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_every_image_s_random_start_is_inside_and_its_own(norm: Norm) -> None:
    ball, clean = Ball(norm, 0.2), torch.full((50, 3, 4, 4), 0.5)
    noise = ball.start(clean, Draw(1, torch.arange(50)))
    assert bool((ball.size(noise) <= 0.2).all())
    assert len(torch.unique(ball.size(noise))) == 50
    for first, second in itertools.pairwise(noise):
        assert not torch.equal(first, second)


def test_whole_multiples_of_a_level_lose_nothing() -> None:
    clean = torch.full((1, 3, 4, 4), 100 / 255)
    sign = torch.where(torch.arange(48).view(1, 3, 4, 4) % 2 == 0, 1.0, -1.0)
    for level in range(1, 101):
        stored = Ball("linf", level / 255).store(sign * (level / 255), clean)
        assert torch.equal(levels(stored) - 100, (level * sign).long())
        # a cube's corner lies on the l2 sphere of radius level · sqrt(48)
        same = Ball("l2", level / 255 * 48**0.5).store(sign * (level / 255), clean)
        assert torch.equal(same, stored)


def test_between_levels_the_noise_goes_down_to_the_last_whole_one() -> None:
    clean = torch.full((1, 3, 4, 4), 100 / 255)
    for epsilon, expected in ((7.9, 7), (7.5, 7), (7.1, 7), (0.9, 0), (1.0, 1)):
        stored = Ball("linf", epsilon / 255).store(torch.full_like(clean, epsilon / 255), clean)
        assert torch.equal(levels(stored), torch.full((1, 3, 4, 4), 100 + expected))


def test_small_noise_in_many_pixels_does_not_vanish() -> None:
    """Nearest rounding would leave nothing of noise below half a level everywhere."""
    random = torch.Generator().manual_seed(2)
    noise = torch.randn((4, 3, 32, 32), generator=random)
    clean = torch.full_like(noise, 100 / 255)
    ball = Ball("l2", 12 / 255)
    noise = ball.surface(noise, clean)
    assert float(noise.abs().max()) < 0.5 / 255 * 3
    moved = (levels(ball.store(noise, clean)) - 100).flatten(1)
    assert bool((moved.square().sum(1) <= 144).all())
    assert bool((moved.square().sum(1) >= 140).all())
    for row, of in zip(moved, noise.flatten(1), strict=True):
        assert float(of.abs()[row != 0].min()) >= float(of.abs()[row == 0].max()), "not the largest pixels"


def test_noise_well_inside_the_ball_is_not_blown_up_to_its_budget() -> None:
    clean = torch.full((1, 3, 4, 4), 100 / 255)
    noise = torch.full_like(clean, 3.3 / 255)
    moved = levels(Ball("l2", 10.0).store(noise, clean)) - 100
    assert int(moved.square().sum()) <= 48 * 3.3**2 + 1
    assert set(moved.flatten().tolist()) == {3, 4}


def test_only_8_bit_images_have_levels() -> None:
    every = torch.arange(256).to(torch.uint8)
    assert torch.equal(levels(as_float(every)), torch.arange(256))
    for wrong in (torch.tensor([0.5]), torch.tensor([256 / 255]), torch.tensor([-1 / 255])):
        with pytest.raises(DataError, match="not 8-bit"):
            levels(wrong)


def test_directions_have_length_one_also_where_squares_underflow() -> None:
    gradient = torch.stack([torch.full((3, 2, 2), 1e-30), torch.zeros(3, 2, 2)])
    assert torch.equal(Ball("linf", 1.0).direction(gradient), gradient.sign())
    step = Ball("l2", 1.0).direction(gradient)
    torch.testing.assert_close(Ball("l2", 1.0).size(step), torch.tensor([1.0, 0.0]).double(), rtol=1e-6, atol=0)
