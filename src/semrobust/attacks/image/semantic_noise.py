"""Semantic noise on the source image: iterative FGSM against a classifier (hu2022, eqs. 4-7), and baselines.

All functions take a `Classifier` and keep no state. They neither touch the model's `.grad` fields nor its modes: if
its forward pass has side effects in training mode, wrap the call in `classifier.evaluating`. Noise made on one model
is transferred to another by passing it the images.
"""

from __future__ import annotations

from collections.abc import Callable
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
    `loss_after` (B,) float32, cross entropy in nats averaged over the given draws; `success` (B,) float32, the share
    of these draws on which the noisy image is misclassified; `zero_gradient` (B,) float32, the share of pixels of the
    clean image whose gradient is exactly 0: near 1 the gradient is masked, and a failed attack proves nothing.
    """

    images: torch.Tensor
    norm: torch.Tensor
    loss_before: torch.Tensor
    loss_after: torch.Tensor
    success: torch.Tensor
    zero_gradient: torch.Tensor


def iterative_fgsm(
    classify: Classifier, images: torch.Tensor, labels: torch.Tensor, settings: NoiseSettings, draw: Randomness
) -> SemanticNoise:
    """The noise of largest loss among all iterates of all runs, and the clean image (hu2022, eqs. 4-7).

    `images` (B, ...) floating point in [0,1], 8-bit values if `settings.eight_bit`, else DataError; `labels` (B,)
    int64; `draw` of B images. Of equal losses the first one counts. Evaluate the images on other draws than `draw`:
    on this one they were selected. Raises SemrobustError where the classifier gives no finite loss or gradient.
    """
    shown, ball = _Shown(images, labels, draw, settings), settings.ball
    draws, fresh = settings.draws(draw), settings.fresh_draws
    clean = measure(classify, images, labels, draws, gradient=True)
    kept, loss, wrong = images.detach().clone(), clean.loss, clean.wrong
    for run in range(settings.restarts if settings.epsilon else 0):
        own, from_clean = draw.named("run", run), run == 0 and not settings.random_start
        noise = torch.zeros_like(images) if from_clean else ball.start(images, own)
        for iteration in range(settings.iterations + 1):
            tried, last = shown(noise), iteration == settings.iterations
            now = clean
            if iteration or not from_clean:
                now = measure(classify, tried, labels, draws, gradient=not (fresh or last))
                better = now.loss > loss
                kept = torch.where(better.view(-1, *[1] * (images.dim() - 1)), tried, kept)
                loss, wrong = torch.where(better, now.loss, loss), torch.where(better, now.wrong, wrong)
            if last:
                break
            if fresh:
                now = measure(classify, tried, labels, settings.draws(own.named("iteration", iteration)), gradient=True)
            assert now.gradient is not None
            noise = ball.project(noise + settings.step * ball.direction(now.gradient), images)
    return _result(images, kept, settings, clean, loss, wrong)


def last_iterate(
    classify: Classifier, images: torch.Tensor, labels: torch.Tensor, settings: NoiseSettings, draw: Randomness
) -> torch.Tensor:
    """Images (B, ...) after one run, whatever their loss: the noise for training, at one gradient per iteration.

    Arguments and errors as in `iterative_fgsm`; `restarts` is not used. One iteration with a random start and
    step = 1.25 ε is the usual economy (Wong, Rice, Kolter 2020).
    """
    shown, ball = _Shown(images, labels, draw, settings), settings.ball
    own = draw.named("run", 0)
    noise = ball.start(images, own) if settings.random_start else torch.zeros_like(images)
    for iteration in range(settings.iterations if settings.epsilon else 0):
        draws = settings.draws(own.named("iteration", iteration) if settings.fresh_draws else draw)
        gradient = measure(classify, shown(noise), labels, draws, gradient=True).gradient
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


def _baseline(
    classify: Classifier, images: torch.Tensor, labels: torch.Tensor, settings: NoiseSettings, draw: Randomness,
    noise: Callable[[torch.Tensor], torch.Tensor],
) -> SemanticNoise:  # fmt: skip
    """The result of the noise made from the gradient at the clean images; none at ε = 0."""
    shown, draws = _Shown(images, labels, draw, settings), settings.draws(draw)
    clean = measure(classify, images, labels, draws, gradient=True)
    assert clean.gradient is not None
    tried = images.detach().clone()
    if settings.epsilon:
        tried = shown(settings.ball.project(noise(clean.gradient), images))
    after = measure(classify, tried, labels, draws, gradient=False)
    return _result(images, tried, settings, clean, after.loss, after.wrong)


class _Shown:
    """Noise -> the images that the classifier gets; checks the batch when made."""

    def __init__(self, images: torch.Tensor, labels: torch.Tensor, draw: Randomness, settings: NoiseSettings) -> None:
        if labels.shape != (len(images),) or len(draw) != len(images):
            raise ValueError(f"{len(images)} images need as many labels and draws, not {len(labels)} and {len(draw)}")
        if not bool(((images >= 0) & (images <= 1)).all()):
            raise ValueError("images must lie in [0,1]")
        if settings.eight_bit:
            levels(images)
        self.images, self.ball, self.eight_bit = images, settings.ball, settings.eight_bit

    def __call__(self, noise: torch.Tensor) -> torch.Tensor:
        if self.eight_bit:
            return self.ball.store(noise, self.images)
        return (self.images + noise).clamp(0, 1)


def _result(
    clean: torch.Tensor, images: torch.Tensor, settings: NoiseSettings, before: Measured, loss: torch.Tensor,
    wrong: torch.Tensor,
) -> SemanticNoise:  # fmt: skip
    assert before.gradient is not None
    noise = images.double() - clean.double()
    if settings.eight_bit:
        noise = (levels(images) - levels(clean)).double() / LEVELS
    zero = (before.gradient == 0).flatten(1).float().mean(1)
    return SemanticNoise(images, settings.ball.size(noise), before.loss, loss, wrong, zero)
