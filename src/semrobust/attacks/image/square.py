"""Square attack (Andriushchenko, Croce, Flammarion, Hein 2020): noise found by asking the system, without a gradient.

Written here because an image's number decides what is drawn for it (mask, channel, squares) and must follow it when
others of its batch are done: libraries call the model on what is left without saying which images these are.
"""

from __future__ import annotations

import math

import torch

from semrobust.attacks.image.classifier import Classifier, measure
from semrobust.attacks.image.noise_settings import NoiseSettings
from semrobust.attacks.image.semantic_noise import SemanticNoise, Shown, result
from semrobust.systems.draw import Randomness

VERSION = 1
"""Raised when the noise changes."""

_FIRST_SHARE = 0.8  # of the pixels, that the first square covers
_HALVED_AT = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # of 10,000 queries: the share is halved


def side(query: int, queries: int, size: int) -> int:
    """Side of the square of a query in pixels of an image whose shorter side is `size`."""
    share = _FIRST_SHARE / 2 ** sum(10_000 * query > mark * queries for mark in _HALVED_AT)
    return min(max(round(math.sqrt(share) * size), 1), size - 1)


def square(
    classify: Classifier, images: torch.Tensor, labels: torch.Tensor, settings: NoiseSettings, draw: Randomness
) -> SemanticNoise:
    """The noise of largest loss among the clean image, random stripes of ±ε and the queries.

    Each of `settings.iterations` queries puts ±ε of one sign per colour into a random square, and is kept where the
    loss rises. An image that is misclassified on all draws is asked no more. Of the settings the norm must be "linf";
    step, start and restarts do not count. Arguments and errors as in `semantic_noise.iterative_fgsm`.
    """
    shown, draws = Shown(images, labels, draw, settings), settings.draws(draw)
    before = measure(classify, images, labels, draws, False, settings.loss)
    kept, loss, wrong = images.detach().clone(), before.loss.clone(), before.wrong.clone()
    held = torch.full_like(loss, -torch.inf)  # the loss of `noise`
    colours, size = images.shape[1], min(images.shape[-2:])
    stripes = draw.named("stripes").uniform(colours, 1, images.shape[-1]).to(images)
    chosen = draw.named("squares").uniform(settings.iterations, 2 + colours)
    noise = settings.epsilon * torch.where(stripes < 0.5, -1.0, 1.0).expand(images.shape).clone()
    for query in range(settings.iterations + 1 if settings.epsilon else 0):
        rows = (wrong < 1).nonzero().squeeze(1)
        if not len(rows):
            break
        tried = noise[rows]
        if query:
            _put(tried, chosen[rows, query - 1], side(query, settings.iterations, size), settings.epsilon)
        asked = shown.of(rows)(tried)
        own = [one.take(rows) for one in draws]
        now = measure(classify, asked, labels[rows], own, False, settings.loss)
        better = now.loss > held[rows]
        noise[rows[better]], held[rows[better]] = tried[better], now.loss[better]
        best = now.loss > loss[rows]
        won = rows[best]
        kept[won], loss[won], wrong[won] = asked[best], now.loss[best], now.wrong[best]
    return result(images, kept, settings, before, loss, wrong)


def _put(noise: torch.Tensor, chosen: torch.Tensor, side: int, epsilon: float) -> None:
    """Write ±ε into one square of each image, at the place and of the signs that `chosen` (B, 2 + C) in [0,1) says."""
    room = torch.tensor(noise.shape[-2:]) - side + 1
    corners = (chosen[:, :2] * room).long().minimum(room - 1)
    signs = torch.where(chosen[:, 2:] < 0.5, -epsilon, epsilon).to(noise)
    for picture, (row, column), sign in zip(noise, corners.tolist(), signs, strict=True):
        picture[:, row : row + side, column : column + side] = sign[:, None, None]
