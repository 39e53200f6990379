"""Semantic noise where the strongest noise is known, and what an attack must leave alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from scipy.optimize import brentq

from semrobust.attacks.image.classifier import deterministic, evaluating, measure
from semrobust.attacks.image.losses import LOSSES
from semrobust.attacks.image.semantic_noise import fgsm, iterative_fgsm, last_iterate, random_noise
from semrobust.config.noise import Loss
from semrobust.errors import DataError, SemrobustError
from semrobust.models.straight_through import straight_through
from semrobust.systems.draw import Draw, Randomness
from tests.attacks.noise_samples import (
    PIXELS,
    drawn,
    fingerprint,
    labels,
    linear,
    network,
    noisy,
    numbered,
    settings,
    stored,
)

COUNT = 6
MATRIX = drawn(2, PIXELS)
BUDGETS = [("linf", 8 / 255), ("linf", 5.3 / 255), ("l2", 0.25), ("l2", 0.031)]


def loss_at(images: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Cross entropy of the two-class linear classifier: log(1 + exp(<w_other - w_label, image>)), float64."""
    label = labels(len(images))
    slope = (MATRIX[1 - label] - MATRIX[label]).double()
    return torch.nn.functional.softplus((slope * (images + noise).flatten(1).double()).sum(1))


def slopes(images: torch.Tensor) -> torch.Tensor:
    label = labels(len(images))
    return (MATRIX[1 - label] - MATRIX[label]).double()


def best_noise(images: torch.Tensor, norm: str, epsilon: float) -> torch.Tensor:
    """The maximizer of a linear function over the ball cut by [0,1]: clip(μ g) with the budget's norm."""
    slope, flat = slopes(images), images.flatten(1).double()
    if norm == "linf":
        return torch.maximum(torch.minimum(epsilon * slope.sign(), 1 - flat), -flat).view_as(images)
    rows = []
    for g, x in zip(slope, flat, strict=True):

        def cut(factor: float, g: torch.Tensor = g, x: torch.Tensor = x) -> torch.Tensor:
            return torch.maximum(torch.minimum(factor * g, 1 - x), -x)

        rows.append(cut(brentq(lambda factor, cut=cut: float(cut(factor).norm()) - epsilon, 0, 1e3, xtol=1e-14)))
    return torch.stack(rows).view_as(images)


@pytest.mark.parametrize(("norm", "epsilon"), BUDGETS)
@pytest.mark.parametrize("images", [stored(COUNT, 100, 155), stored(COUNT)], ids=["grey", "full range"])
def test_linear_optimum_is_found(norm: str, epsilon: float, images: torch.Tensor) -> None:
    given = settings(norm=norm, epsilon=epsilon, step=epsilon / 4, iterations=60, eight_bit=False)
    best = best_noise(images, norm, epsilon)
    result = iterative_fgsm(linear(MATRIX), images, labels(COUNT), given, numbered(COUNT))
    torch.testing.assert_close(result.images.double() - images, best, rtol=0, atol=2e-4 if norm == "l2" else 1e-7)
    torch.testing.assert_close(result.loss_after.double(), loss_at(images, best), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(result.loss_before.double(), loss_at(images, torch.zeros(())), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(result.norm, torch.full((COUNT,), epsilon).double(), rtol=1e-5, atol=0)


@pytest.mark.parametrize(("norm", "epsilon"), BUDGETS)
def test_without_the_box_the_loss_is_that_of_the_dual_norm(norm: str, epsilon: float) -> None:
    images = stored(COUNT, 100, 155)
    given = settings(norm=norm, epsilon=epsilon, step=epsilon / 5, eight_bit=False)
    slope = slopes(images)
    gain = epsilon * (slope.abs().sum(1) if norm == "linf" else slope.norm(dim=1))
    expected = torch.nn.functional.softplus((slope * images.flatten(1)).sum(1) + gain)
    for attack in (iterative_fgsm, fgsm):
        result = attack(linear(MATRIX), images, labels(COUNT), given, numbered(COUNT))
        torch.testing.assert_close(result.loss_after.double(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("norm", "epsilon"), BUDGETS)
def test_stored_noise_is_near_the_optimum_and_never_above(norm: str, epsilon: float) -> None:
    images = stored(COUNT, 60, 195)
    given = settings(norm=norm, epsilon=epsilon, step=epsilon / 4, iterations=8)
    result = iterative_fgsm(linear(MATRIX), images, labels(COUNT), given, numbered(COUNT))
    shown = (result.images * 255).round()
    assert torch.equal(shown / 255, result.images)
    moved = shown - (images * 255).round()
    if norm == "linf":
        allowed = {8 / 255: 8, 5.3 / 255: 5}[epsilon]
        assert torch.equal(moved.flatten(1), allowed * slopes(images).sign().float())
        assert torch.equal(result.norm, torch.full((COUNT,), allowed / 255, dtype=torch.float64))
    else:
        assert bool((moved.double().square().flatten(1).sum(1) <= (255 * epsilon) ** 2).all())
        assert bool((result.norm > 0.97 * epsilon).all())
        gain = (slopes(images) * moved.flatten(1) / 255).sum(1) / (epsilon * slopes(images).norm(dim=1))
        assert bool((gain > (0.99 if epsilon > 0.1 else 0.9)).all()), "rounding cost too much of the direction"
    best = loss_at(images, best_noise(images, norm, epsilon))
    assert bool((result.loss_after <= best + 1e-5).all())


def test_no_budget_returns_the_clean_images() -> None:
    images = stored(COUNT)
    for attack in (iterative_fgsm, fgsm, random_noise):
        for norm in ("linf", "l2"):
            given = settings(norm=norm, epsilon=0.0, step=0.0, random_start=True, restarts=2)
            result = attack(linear(MATRIX), images, labels(COUNT), given, numbered(COUNT))
            assert torch.equal(result.images, images)
            assert torch.equal(result.loss_after, result.loss_before)
            assert not result.norm.any()
            assert torch.equal(last_iterate(linear(MATRIX), images, labels(COUNT), given, numbered(COUNT)), images)


def test_a_reach_below_the_budget_is_refused_with_both_ways_out() -> None:
    with pytest.raises(ValidationError, match=r"raise step to at least 0\.00784314, or iterations to at least 8"):
        settings(epsilon=8 / 255, step=1 / 255, iterations=4)
    with pytest.raises(ValidationError, match="raise step to at least"):
        settings(step=0.0)
    assert settings(epsilon=8 / 255, step=0.8 / 255, iterations=10).ball.epsilon == 8 / 255
    for wrong in ({"norm": "l1"}, {"epsilon": -0.1}, {"restarts": 0}, {"samples": 0}, {"steps": 3}):
        with pytest.raises(ValidationError):
            settings(**wrong)


def test_another_budget_keeps_the_proportions() -> None:
    given = settings(epsilon=8 / 255, step=2 / 255, samples=3)
    other = given.at(16 / 255)
    assert (other.epsilon, other.samples) == (16 / 255, 3)
    assert other.step == pytest.approx(4 / 255)
    assert given.at(0.0).step == 0.0
    with pytest.raises(ValueError, match="no proportion"):
        given.at(0.0).at(0.1)


@pytest.mark.parametrize("changes", [{}, {"random_start": True}, {"fresh_draws": True, "samples": 2}], ids=str)
@pytest.mark.parametrize(("norm", "epsilon"), [("linf", 12 / 255), ("l2", 0.4)])
def test_more_effort_never_lowers_the_kept_loss(norm: str, epsilon: float, changes: dict[str, Any]) -> None:
    images, matrix = stored(COUNT), 4 * drawn(3, PIXELS, seed=8)
    before = torch.full((COUNT,), -1.0)
    for iterations, restarts in ((1, 1), (3, 1), (8, 1), (8, 2), (8, 4)):
        given = settings(
            norm=norm, epsilon=epsilon, step=epsilon, iterations=iterations, restarts=restarts, **changes
        )  # fmt: skip
        result = iterative_fgsm(noisy(matrix, 0.05), images, labels(COUNT, 3), given, numbered(COUNT))
        assert bool((result.loss_after >= before).all())
        assert bool((result.loss_after >= result.loss_before).all())
        before = result.loss_after


def test_reported_numbers_are_those_of_the_images_on_the_given_draw() -> None:
    images, classify, draw = stored(COUNT), noisy(drawn(3, PIXELS), 0.3), numbered(COUNT)
    for attack in (iterative_fgsm, fgsm, random_noise):
        result = attack(classify, images, labels(COUNT, 3), settings(random_start=True), draw)
        logits = classify(result.images, draw)
        again = torch.nn.functional.cross_entropy(logits, labels(COUNT, 3), reduction="none")
        assert torch.equal(result.loss_after, again)
        assert torch.equal(result.success, (logits.argmax(1) != labels(COUNT, 3)).float())
    many = iterative_fgsm(classify, images, labels(COUNT, 3), settings(samples=8, epsilon=0.2, step=0.1), draw)
    assert bool(((many.success > 0) & (many.success < 1)).any())


def test_random_noise_spends_the_budget_and_the_iteration_beats_it() -> None:
    images = stored(64, 40, 215)
    for norm, epsilon in (("linf", 8 / 255), ("l2", 0.3)):
        for eight_bit in (False, True):
            given = settings(norm=norm, epsilon=epsilon, step=epsilon, eight_bit=eight_bit)
            blind = random_noise(linear(MATRIX), images, labels(64), given, numbered(64))
            allowance = 0.02 if eight_bit and norm == "l2" else 1e-5
            torch.testing.assert_close(blind.norm, torch.full((64,), epsilon).double(), rtol=allowance, atol=0)
            assert len(torch.unique(blind.images - images, dim=0)) == 64
            assert 0.2 < float((blind.loss_after > blind.loss_before).float().mean()) < 0.8
            seen = iterative_fgsm(linear(MATRIX), images, labels(64), given, numbered(64))
            assert bool((seen.loss_after > blind.loss_after).all())


@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_is_the_mean_over_draws(loss: Loss) -> None:
    images, classify = stored(COUNT), noisy(drawn(3, PIXELS), 0.3)
    draws = [numbered(COUNT, seed) for seed in range(5)]
    together = measure(classify, images, labels(COUNT, 3), draws, True, loss)
    singles = [measure(classify, images, labels(COUNT, 3), [draw], True, loss) for draw in draws]
    assert together.gradient is not None
    each = torch.stack([one.gradient for one in singles if one.gradient is not None])
    assert float(each.std(0).max()) > 0.01, "the draws do not differ"
    torch.testing.assert_close(together.gradient, each.mean(0))
    torch.testing.assert_close(together.loss, torch.stack([one.loss for one in singles]).mean(0))
    torch.testing.assert_close(together.wrong, torch.stack([one.wrong for one in singles]).mean(0))


@pytest.mark.parametrize("fresh", [False, True])
def test_which_draws_are_used(fresh: bool) -> None:
    seen: list[int] = []
    classify = linear(MATRIX)

    def watching(images: torch.Tensor, draw: Randomness, /) -> torch.Tensor:
        assert isinstance(draw, Draw)
        seen.append(draw.seed)
        return classify(images, draw)

    given, images = settings(samples=2, restarts=2, fresh_draws=fresh, iterations=4), stored(COUNT)
    iterative_fgsm(watching, images, labels(COUNT), given, numbered(COUNT))
    judged = {draw.seed for draw in given.draws(numbered(COUNT)) if isinstance(draw, Draw)}
    assert numbered(COUNT).seed in judged
    assert len(judged) == 2
    others = [seed for seed in seen if seed not in judged]
    assert len(seen) - len(others) == 2 * (1 + 4 + 5), "clean, four iterates, and a second run with its start"
    assert len(set(others)) == len(others) == (2 * 2 * 4 if fresh else 0)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_an_image_does_not_depend_on_its_batch(norm: str) -> None:
    images, matrix, rows = stored(8), drawn(3, PIXELS), torch.tensor([6, 1, 3])
    given = settings(norm=norm, epsilon=0.1, step=0.05, random_start=True, restarts=2, samples=2, fresh_draws=True)
    for attack in (iterative_fgsm, fgsm, random_noise):
        whole = attack(noisy(matrix, 0.2), images, labels(8, 3), given, numbered(8))
        part = attack(noisy(matrix, 0.2), images[rows], labels(8, 3)[rows], given, numbered(8).take(rows))
        for name in ("images", "norm", "loss_before", "loss_after", "success", "zero_gradient"):
            torch.testing.assert_close(getattr(part, name), getattr(whole, name)[rows], rtol=1e-6, atol=1e-7)
        assert torch.equal(part.images, whole.images[rows])
        again = attack(noisy(matrix, 0.2), images, labels(8, 3), given, numbered(8))
        assert torch.equal(again.images, whole.images)


@pytest.mark.parametrize("training", [True, False])
def test_model_inputs_and_generators_are_left_as_they_were(training: bool) -> None:
    model = network()
    model.train(training)
    model[3].training = not training  # a mode of its own must come back too
    modes = [part.training for part in model.modules()]
    model[0].bias.requires_grad_(False)
    held = torch.ones(4)
    model[5].bias.grad = held
    images, label, draw = stored(COUNT), labels(COUNT, 4), numbered(COUNT)
    weights, given, state = fingerprint(model), images.clone(), torch.get_rng_state()
    for attack in (iterative_fgsm, fgsm, random_noise):
        with evaluating(model):
            assert not any(part.training for part in model.modules())
            with torch.no_grad():  # the caller's mode does not matter
                result = attack(deterministic(model), images, label, settings(random_start=True), draw)
        assert not torch.equal(result.images, images)
        assert not result.images.requires_grad
        assert not result.loss_after.requires_grad
    assert [part.training for part in model.modules()] == modes
    assert fingerprint(model) == weights
    assert torch.equal(images, given)
    assert not images.requires_grad
    assert torch.equal(torch.get_rng_state(), state)
    assert [name for name, parameter in model.named_parameters() if parameter.grad is not None] == ["5.bias"]
    assert model[5].bias.grad is held
    assert bool((held == 1).all())
    with pytest.raises(RuntimeError, match="stop"), evaluating(model):
        raise RuntimeError("stop")
    assert [part.training for part in model.modules()] == modes


def test_a_masked_gradient_is_seen_and_a_straight_through_step_unmasks_it() -> None:
    images = stored(COUNT, 100, 155)

    def quantized(images: torch.Tensor) -> torch.Tensor:
        return (images * 16).round() / 16

    masked = deterministic(lambda images: (quantized(images).flatten(1)[:, None] * MATRIX).sum(2))
    blocked = iterative_fgsm(masked, images, labels(COUNT), settings(), numbered(COUNT))
    assert torch.equal(blocked.zero_gradient, torch.ones(COUNT))
    assert torch.equal(blocked.images, images)
    detached = deterministic(lambda images: (images.detach().flatten(1)[:, None] * MATRIX).sum(2))
    assert bool((fgsm(detached, images, labels(COUNT), settings(), numbered(COUNT)).zero_gradient == 1).all())

    def through(images: torch.Tensor) -> torch.Tensor:
        return (straight_through(images, quantized(images)).flatten(1)[:, None] * MATRIX).sum(2)

    opened = iterative_fgsm(deterministic(through), images, labels(COUNT), settings(), numbered(COUNT))
    assert not opened.zero_gradient.any()
    assert bool((opened.loss_after > opened.loss_before).all())


def test_zero_gradient_is_a_share_per_image() -> None:
    matrix = MATRIX.clone()
    matrix[:, :12] = 0
    result = fgsm(linear(matrix), stored(COUNT), labels(COUNT), settings(), numbered(COUNT))
    assert torch.equal(result.zero_gradient, torch.full((COUNT,), 0.25))


def test_straight_through_is_exact_forwards_and_the_identity_backwards() -> None:
    values = (1e6 * drawn(50)).requires_grad_(True)
    result = straight_through(values, values.sign() * 1e-7)
    assert torch.equal(result, values.detach().sign() * 1e-7)
    (gradient,) = torch.autograd.grad((result * torch.arange(50.0)).sum(), values)
    assert torch.equal(gradient, torch.arange(50.0))
    for wrong in (values[:3], values.double()):
        with pytest.raises(ValueError, match="keep shape and dtype"):
            straight_through(values, wrong)


@pytest.mark.parametrize(("norm", "epsilon"), [("linf", 8 / 255), ("l2", 0.25)])
def test_noise_for_training_is_the_plain_iteration(norm: str, epsilon: float) -> None:
    images, classify = stored(COUNT, 100, 155), linear(MATRIX)
    given = settings(norm=norm, epsilon=epsilon, step=epsilon, eight_bit=False)
    best = (images + best_noise(images, norm, epsilon)).float()
    torch.testing.assert_close(last_iterate(classify, images, labels(COUNT), given, numbered(COUNT)), best)
    single = settings(norm=norm, epsilon=epsilon, step=1.25 * epsilon, iterations=1, random_start=True, eight_bit=False)
    calls: list[int] = []

    def counting(images: torch.Tensor, draw: Randomness, /) -> torch.Tensor:
        assert isinstance(draw, Draw)
        calls.append(draw.seed)
        return classify(images, draw)

    first, other = (last_iterate(counting, images, labels(COUNT), single, numbered(COUNT, seed)) for seed in (1, 2))
    assert calls == [1, 2], "one gradient each"
    assert not torch.equal(first, other)
    assert bool((given.ball.size(first.double() - images) <= epsilon * (1 + 1e-5)).all())
    assert bool((loss_at(images, first - images) > loss_at(images, torch.zeros(()))).all())


def test_wrong_inputs_are_refused() -> None:
    images, classify = stored(COUNT), linear(MATRIX)
    with pytest.raises(DataError, match="not 8-bit values"):
        iterative_fgsm(classify, images * 0.999, labels(COUNT), settings(), numbered(COUNT))
    iterative_fgsm(classify, images * 0.999, labels(COUNT), settings(eight_bit=False), numbered(COUNT))
    with pytest.raises(ValueError, match=r"\[0,1\]"):
        fgsm(classify, images + 1, labels(COUNT), settings(), numbered(COUNT))
    with pytest.raises(ValueError, match="not 5 and 6"):
        fgsm(classify, images, labels(COUNT - 1), settings(), numbered(COUNT))
    with pytest.raises(ValueError, match="not 6 and 5"):
        fgsm(classify, images, labels(COUNT), settings(), numbered(COUNT - 1))
    broken = MATRIX.clone()
    broken[0, 0] = float("nan")
    for attack in (iterative_fgsm, fgsm, random_noise):
        with pytest.raises(SemrobustError, match="not finite for 6 of 6 images"):
            attack(linear(broken), images, labels(COUNT), settings(), numbered(COUNT))


def test_draws_belong_to_images() -> None:
    draw, rows = numbered(7), torch.tensor([4, 0])
    assert torch.equal(draw.take(rows).normal(3, 2), draw.normal(3, 2)[rows])
    assert torch.equal(draw.take(rows).uniform(5), draw.uniform(5)[rows])
    assert not torch.equal(draw.named("a").normal(4), draw.normal(4))
    assert torch.equal(draw.named("a", 1).normal(4), draw.named("a", 1).normal(4))
    many = Draw(3, torch.arange(400)).normal(50)
    assert abs(float(many.mean())) < 0.03
    assert abs(float(many.std()) - 1) < 0.03
