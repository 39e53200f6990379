"""Semantic noise on the source image: iterative FGSM against a classifier (hu2022, eqs. 4-7), and baselines.

All functions take a `Classifier` and keep no state. They neither touch the model's `.grad` fields nor its modes: if
its forward pass has side effects in training mode, wrap the call in `classifier.evaluating`. Noise made on one model
is transferred to another by passing it the images.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass

import torch

from semrobust.attacks.image.classifier import Classifier, Measured, measure
from semrobust.attacks.image.noise_ball import LEVELS, levels
from semrobust.attacks.image.noise_settings import NoiseSettings
from semrobust.systems.draw import Randomness

VERSION = 1
"""Raised when the noise or what is measured of it changes, so that nothing made by the old code is taken for new."""


@dataclass(frozen=True)
class SemanticNoise:
    """Noisy images and what the attacker measured, per image.

    `images` (B, ...) as the clean ones, in [0,1]; `norm` (B,) float64, ||Δ||_p in pixels; `loss_before` and
    `loss_after` (B,) float32, the loss averaged over the given draws; `success` (B,) float32, the share
    of these draws on which the noisy image is misclassified; `zero_gradient` (B,) float32, the share of pixels of the
    clean image whose gradient is exactly 0: near 1 the gradient is masked, and a failed attack proves nothing; `rise`
    (B,) float32, the loss at the end of the first run less that after its first step: a gradient that leads somewhere
    makes it positive. Both are NaN of what follows no gradient, `rise` of what takes no steps one by one.

    >>> import semrobust, torch
    >>> classifier = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3072, 10))
    >>> made = semrobust.semantic_noise(classifier, semrobust.example_images(2), torch.tensor([0, 1]))
    >>> made.success.shape
    torch.Size([2])
    """

    images: torch.Tensor
    norm: torch.Tensor
    loss_before: torch.Tensor
    loss_after: torch.Tensor
    success: torch.Tensor
    zero_gradient: torch.Tensor
    rise: torch.Tensor


def iterative_fgsm(
    classify: Classifier, images: torch.Tensor, labels: torch.Tensor, settings: NoiseSettings, draw: Randomness
) -> SemanticNoise:
    """The noise of largest loss among all iterates of all runs, and the clean image (hu2022, eqs. 4-7).

    `images` (B, ...) floating point in [0,1], 8-bit values if `settings.eight_bit`, else DataError; `labels` (B,)
    int64; `draw` of B images. Of equal losses the first one counts. Evaluate the images on other draws than `draw`:
    on this one they were selected. Raises SemrobustError where the classifier gives no finite loss or gradient.
    """
    shown, ball = Shown(images, labels, draw, settings), settings.ball
    draws, fresh = settings.draws(draw), settings.fresh_draws
    clean = measure(classify, images, labels, draws, True, settings.loss)
    kept, loss, wrong = images.detach().clone(), clean.loss, clean.wrong
    rise = torch.zeros_like(loss)
    for run in range(settings.restarts if settings.epsilon else 0):
        own, from_clean = draw.named("run", run), run == 0 and not settings.random_start
        noise = torch.zeros_like(images) if from_clean else ball.start(images, own)
        if run == 0 and settings.shifted_start:
            noise, from_clean = ball.shift(images), False
        for iteration in range(settings.iterations + 1):
            tried, last = shown(noise), iteration == settings.iterations
            now = clean
            if iteration or not from_clean:
                now = measure(classify, tried, labels, draws, not (fresh or last), settings.loss)
                better = now.loss > loss
                kept = torch.where(better.view(-1, *[1] * (images.dim() - 1)), tried, kept)
                loss, wrong = torch.where(better, now.loss, loss), torch.where(better, now.wrong, wrong)
            if run == 0 and iteration == 1:
                rise = -now.loss
            if run == 0 and last:
                rise = rise + now.loss
            if last:
                break
            if fresh:
                others = settings.draws(own.named("iteration", iteration))
                now = measure(classify, tried, labels, others, True, settings.loss)
            assert now.gradient is not None
            noise = ball.project(noise + settings.step * ball.direction(now.gradient), images)
    return result(images, kept, settings, clean, loss, wrong, rise)


def last_iterate(
    classify: Classifier, images: torch.Tensor, labels: torch.Tensor, settings: NoiseSettings, draw: Randomness
) -> torch.Tensor:
    """Images (B, ...) after one run, whatever their loss: the noise for training, at one gradient per iteration.

    Arguments and errors as in `iterative_fgsm`; `restarts` is not used. One iteration with a random start and
    step = 1.25 ε is the usual economy (Wong, Rice, Kolter 2020).
    """
    shown, ball = Shown(images, labels, draw, settings), settings.ball
    own = draw.named("run", 0)
    noise = ball.start(images, own) if settings.random_start else torch.zeros_like(images)
    for iteration in range(settings.iterations if settings.epsilon else 0):
        draws = settings.draws(own.named("iteration", iteration) if settings.fresh_draws else draw)
        gradient = measure(classify, shown(noise), labels, draws, True, settings.loss).gradient
        assert gradient is not None
        noise = ball.project(noise + settings.step * ball.direction(gradient), images)
    return shown(noise)


@dataclass(frozen=True)
class AdversarialBatch:
    """Clean samples, then their noisy twins: `images` (2B, ...), `labels` (2B,) int64, `noisy` (2B,) bool."""

    images: torch.Tensor
    labels: torch.Tensor
    noisy: torch.Tensor


def adversarial_batch(
    classify: Classifier, images: torch.Tensor, labels: torch.Tensor, settings: NoiseSettings, draw: Randomness
) -> AdversarialBatch:
    """Add to a batch its images under semantic noise; the clean samples stay in (stated in hu2022).

    `images` (B, ...) floating point in [0,1], `labels` (B,) int64, `draw` of B images. The noise is `last_iterate`,
    made at the weights as they are. `settings` with one iteration, a random start
    and step = 1.25 epsilon cost one gradient instead of I. Errors as in `iterative_fgsm`.
    """
    noisy = last_iterate(classify, images, labels, settings, draw)
    mark = torch.arange(2 * len(images), device=images.device) >= len(images)
    return AdversarialBatch(torch.cat([images, noisy]), torch.cat([labels, labels]), mark)


def fgsm(
    classify: Classifier, images: torch.Tensor, labels: torch.Tensor, settings: NoiseSettings, draw: Randomness
) -> SemanticNoise:
    """Baseline: the linearized optimum Δ = ε dir(g) in a single step (hu2022, eqs. 5-6), kept even at a lower loss.

    Of the settings only norm, epsilon, samples and eight_bit count. Arguments and errors as in `iterative_fgsm`.
    """
    ball = settings.ball
    return _baseline(classify, images, labels, settings, draw, lambda g: settings.epsilon * ball.direction(g))


def random_noise(
    classify: Classifier, images: torch.Tensor, labels: torch.Tensor, settings: NoiseSettings, draw: Randomness
) -> SemanticNoise:
    """Baseline: noise of the same budget that knows no classifier (`Ball.random`), kept even at a lower loss.

    Of the settings only norm, epsilon, samples and eight_bit count. Arguments and errors as in `iterative_fgsm`.
    """
    noise = draw.named("random")
    return _baseline(classify, images, labels, settings, draw, lambda g: settings.ball.random(images, noise))


def shift(
    classify: Classifier, images: torch.Tensor, labels: torch.Tensor, settings: NoiseSettings, draw: Randomness
) -> SemanticNoise:
    """Baseline: each colour brighter or darker as a whole (`Ball.shift`): what no codec takes away.

    Of the settings only norm, epsilon, samples and eight_bit count. Arguments and errors as in `iterative_fgsm`.
    """
    return _baseline(classify, images, labels, settings, draw, lambda g: settings.ball.shift(images))


def _baseline(
    classify: Classifier, images: torch.Tensor, labels: torch.Tensor, settings: NoiseSettings, draw: Randomness,
    noise: Callable[[torch.Tensor], torch.Tensor],
) -> SemanticNoise:  # fmt: skip
    """The result of the noise made from the gradient at the clean images; none at ε = 0."""
    shown, draws = Shown(images, labels, draw, settings), settings.draws(draw)
    clean = measure(classify, images, labels, draws, True, settings.loss)
    assert clean.gradient is not None
    tried = images.detach().clone()
    if settings.epsilon:
        tried = shown(settings.ball.project(noise(clean.gradient), images))
    after = measure(classify, tried, labels, draws, False, settings.loss)
    return result(images, tried, settings, clean, after.loss, after.wrong)


class Shown:
    """Noise -> the images that the classifier gets; checks the batch when made."""

    def __init__(self, images: torch.Tensor, labels: torch.Tensor, draw: Randomness, settings: NoiseSettings) -> None:
        if labels.shape != (len(images),) or len(draw) != len(images):
            raise ValueError(f"{len(images)} images need as many labels and draws, not {len(labels)} and {len(draw)}")
        if not bool(((images >= 0) & (images <= 1)).all()):
            raise ValueError("images must lie in [0,1]")
        if settings.eight_bit:
            levels(images)
        self.images, self.ball, self.eight_bit = images, settings.ball, settings.eight_bit

    def of(self, rows: torch.Tensor) -> Shown:
        """The same for some images of the batch."""
        part = copy(self)
        part.images = self.images[rows]
        return part

    def __call__(self, noise: torch.Tensor) -> torch.Tensor:
        if self.eight_bit:
            return self.ball.store(noise, self.images)
        return (self.images + noise).clamp(0, 1)


def result(
    clean: torch.Tensor, images: torch.Tensor, settings: NoiseSettings, before: Measured, loss: torch.Tensor,
    wrong: torch.Tensor, rise: torch.Tensor | None = None,
) -> SemanticNoise:  # fmt: skip
    """What is said of the noise between clean and noisy images, at `loss` and `wrong` after it."""
    noise = images.double() - clean.double()
    if settings.eight_bit:
        noise = (levels(images) - levels(clean)).double() / LEVELS
    unknown = torch.full_like(loss, torch.nan)
    zero = unknown if before.gradient is None else (before.gradient == 0).flatten(1).float().mean(1)
    size = settings.ball.size(noise)
    return SemanticNoise(images, size, before.loss, loss, wrong, zero, unknown if rise is None else rise)
