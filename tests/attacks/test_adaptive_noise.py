"""Losses, Square, the library's set, and surrogates of quantizers, where it is known what they must find."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from semrobust.attacks.image.auto_attack import auto_attack
from semrobust.attacks.image.classifier import Classifier, deterministic
from semrobust.attacks.image.losses import LOSSES, cross_entropy, dlr, margin
from semrobust.attacks.image.noise_settings import NoiseSettings
from semrobust.attacks.image.semantic_noise import SemanticNoise, iterative_fgsm
from semrobust.attacks.image.square import side, square
from semrobust.config.noise import Loss
from semrobust.systems.draw import Randomness
from tests.attacks.noise_samples import PIXELS, drawn, labels, noisy, numbered, settings, stored

COUNT = 6
WEIGHTS = 0.5 * drawn(PIXELS)
Attack = Callable[[Classifier, torch.Tensor, torch.Tensor, NoiseSettings, Randomness], SemanticNoise]


def score(images: torch.Tensor) -> torch.Tensor:
    """<w, image - grey>, (B,)."""
    return ((images.flatten(1) - 0.5) * WEIGHTS).sum(1)


def three_classes(images: torch.Tensor) -> torch.Tensor:
    """Logits (s, -s, -50): class 0 where s > 0, and the third never; every loss falls in s alone."""
    s = score(images)
    return torch.stack([s, -s, torch.full_like(s, -50.0)], 1)


def named_right(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """8-bit images near grey with room for the noise, and the classes that `three_classes` gives them."""
    images = stored(count, 100, 155)
    return images, (score(images) < 0).long()


@pytest.mark.parametrize("loss", LOSSES)
def test_all_losses_reach_the_optimum_of_a_linear_classifier(loss: Loss) -> None:
    images, label = named_right(COUNT)
    epsilon = 8 / 255
    effort = settings(loss=loss, epsilon=epsilon, step=epsilon / 4, iterations=6, eight_bit=False)
    found = iterative_fgsm(deterministic(three_classes), images, label, effort, numbered(COUNT))
    away = torch.where(label == 0, -1.0, 1.0)[:, None] * WEIGHTS.sign()
    torch.testing.assert_close(found.images, images + epsilon * away.view_as(images))
    least = score(images).abs() - epsilon * WEIGHTS.abs().sum()  # the dual norm: what no noise goes below
    best = torch.where(label == 0, least, -least)
    expected = LOSSES[loss](torch.stack([best, -best, torch.full_like(best, -50.0)], 1), label)
    torch.testing.assert_close(found.loss_after, expected, rtol=1e-5, atol=1e-6)
    assert bool((found.rise > 0).all())


@pytest.mark.parametrize("attack", [square, auto_attack, iterative_fgsm])
def test_what_is_robust_for_certain_is_never_taken_and_what_is_not_is_found(attack: Attack) -> None:
    images, label = named_right(24)
    reach = 8 / 255 * float(WEIGHTS.abs().sum())
    near = score(images).abs() < reach * 0.5
    assert 3 < int(near.sum()) < 21
    effort = settings(loss="margin", iterations=100 if attack is square else 12)
    found = attack(deterministic(three_classes), images, label, effort, numbered(24))
    assert not found.success[score(images).abs() > reach].any()
    assert bool(found.success[near].all())
    assert bool((found.norm <= 8 / 255 + 1e-9).all())
    assert torch.equal((found.images * 255).round() / 255, found.images)


@pytest.mark.parametrize("attack", [square, iterative_fgsm])
def test_square_breaks_shattered_gradients_where_the_iteration_stands_still(attack: Attack) -> None:
    """Pixels are rounded to 16 levels, whose gradient is zero everywhere."""
    coarse = deterministic(lambda images: three_classes((images * 15).round() / 15))
    images, label = named_right(24)
    label = (score((images * 15).round() / 15) < 0).long()
    effort = settings(loss="margin", epsilon=16 / 255, step=4 / 255, iterations=100)
    found = attack(coarse, images, label, effort, numbered(24))
    if attack is square:
        assert float(found.success.mean()) > 0.5
        assert bool(found.zero_gradient.isnan().all()), "it asks for no gradient, so it can say nothing of one"
    else:
        assert not found.success.any()
        assert torch.equal(found.images, images)
        assert bool((found.zero_gradient == 1).all())
        assert not found.rise.any()


@pytest.mark.parametrize("shape", [(32, 12), (12, 32)])
def test_square_reaches_every_part_of_images_that_are_not_square(shape: tuple[int, int]) -> None:
    """Where a loss rises as noise falls, the stripes are darkened in every part, and nowhere left as they were."""
    images = torch.full((4, 3, *shape), 128 / 255)

    def dark(shown: torch.Tensor) -> torch.Tensor:
        total = shown.sum((1, 2, 3))
        return torch.stack([total + 1e4, -total], 1)

    label = torch.zeros(4, dtype=torch.int64)
    found = square(deterministic(dark), images, label, settings(loss="margin", iterations=400), numbered(4))
    darker = (found.images < images).float()
    for part in darker.tensor_split(4, dim=2 if shape[0] > shape[1] else 3):
        assert float(part.mean()) > 0.55
        assert not bool((part == part[:, :, :1]).all()), "stripes"


def test_square_never_asks_for_a_gradient_and_stops_asking_when_an_image_is_taken() -> None:
    asked: list[int] = []

    def watching(images: torch.Tensor, draw: Randomness, /) -> torch.Tensor:
        assert not torch.is_grad_enabled()
        assert len(draw) == len(images)
        asked.append(len(images))
        return three_classes(images)

    images, label = named_right(12)
    effort = settings(loss="margin", iterations=40)
    found = square(watching, images, label, effort, numbered(12))
    assert asked[0] == asked[1] == 12
    assert asked == sorted(asked, reverse=True)
    assert asked[-1] < 12, "some are taken"
    assert found.success.sum() >= 12 - asked[-1]
    wrong = 1 - label  # all are misclassified before anything is tried
    del asked[:]
    assert torch.equal(square(watching, images, wrong, effort, numbered(12)).images, images)
    assert asked == [12]


def test_more_queries_never_lower_the_loss_and_squares_shrink() -> None:
    sides = [side(query, 1000, 32) for query in range(1, 1001)]
    assert sides == sorted(sides, reverse=True)
    assert (sides[0], sides[-1]) == (29, 1)
    images, matrix = stored(COUNT), 4 * drawn(3, PIXELS, seed=8)
    found = square(
        noisy(matrix, 0.05), images, labels(COUNT, 3), settings(loss="margin", iterations=30), numbered(COUNT)
    )
    assert bool((found.loss_after >= found.loss_before).all())
    assert bool((found.loss_after > found.loss_before).any())


@pytest.mark.parametrize("attack", [square, auto_attack])
def test_an_image_does_not_depend_on_its_batch(attack: Attack) -> None:
    images, matrix, rows = stored(8), drawn(3, PIXELS), torch.tensor([6, 1, 3])
    effort = settings(loss="margin", epsilon=4 / 255, iterations=5, samples=2)
    state = torch.random.get_rng_state()
    whole = attack(noisy(matrix, 0.2), images, labels(8, 3), effort, numbered(8))
    part = attack(noisy(matrix, 0.2), images[rows], labels(8, 3)[rows], effort, numbered(8).take(rows))
    assert torch.equal(part.images, whole.images[rows])
    assert not torch.equal(whole.images, images)
    assert torch.equal(torch.random.get_rng_state(), state)


logits_of = st.lists(st.floats(-20, 20), min_size=5, max_size=5, unique=True)


@given(logits_of, st.integers(0, 4), st.floats(-30, 30), st.floats(0.1, 10))
def test_dlr_knows_neither_shift_nor_scale_and_its_sign_says_who_wins(
    values: list[float], label: int, shift: float, scale: float
) -> None:
    logits, own = torch.tensor([values], dtype=torch.float32), torch.tensor([label])
    ranked = logits.sort(descending=True).values[0]
    if float((ranked[:-1] - ranked[1:]).min()) < 0.01:
        return  # equal logits: nobody wins
    moved = dlr(scale * logits + shift, own)
    torch.testing.assert_close(moved, dlr(logits, own), rtol=1e-2, atol=1e-3)
    wins = int(logits.argmax()) == label
    assert (float(dlr(logits, own)) < 0) == (float(margin(logits, own)) < 0) == wins


def test_the_margin_has_a_gradient_where_cross_entropy_is_flat() -> None:
    logits = torch.tensor([[400.0, 0.0, -5.0]], requires_grad=True)
    flat, steep = (
        torch.autograd.grad(loss(logits, torch.tensor([0])).sum(), logits)[0] for loss in (cross_entropy, margin)
    )
    assert not flat.any()
    assert torch.equal(steep, torch.tensor([[-1.0, 1.0, 0.0]]))


def test_averaging_over_draws_finds_what_one_draw_hides() -> None:
    """Forward a linear classifier; backward its gradient under noise ten times as large, another with each draw."""

    def hiding(images: torch.Tensor, draw: Randomness, /) -> torch.Tensor:
        salt = (10 * draw.normal(*images.shape[1:]) * WEIGHTS.abs().view(images.shape[1:])).flatten(1)
        moved = ((images.flatten(1) - images.detach().flatten(1)) * salt).sum(1)
        s = score(images) + moved  # `moved` is zero
        return torch.stack([s, -s, torch.full_like(s, -50.0)], 1)

    images, label = named_right(COUNT)
    gains = []
    for samples in (1, 200):
        effort = settings(loss="margin", samples=samples, step=8 / 255, iterations=1)
        found = iterative_fgsm(hiding, images, label, effort, numbered(COUNT))
        gains.append(float((found.loss_after - found.loss_before).mean()))
    assert gains[1] > 2 * max(gains[0], 0.0)
