"""Classifiers as an attack sees them: logits of images under one draw of the randomness, and their gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch

from semrobust.attacks.image.losses import LOSSES
from semrobust.config.noise import Loss
from semrobust.errors import SemrobustError
from semrobust.systems.draw import Randomness


class Classifier(Protocol):
    """Images (B, ...) floating point in [0,1] and a draw of B images -> logits (B, K), row i from image i alone.

    Differentiable in the images where it can be. One without randomness ignores the draw (`deterministic`).
    """

    def __call__(self, images: torch.Tensor, draw: Randomness, /) -> torch.Tensor: ...


def deterministic(classify: Callable[[torch.Tensor], torch.Tensor]) -> Classifier:
    """A network or function of the images alone as a `Classifier`."""

    def ignoring(images: torch.Tensor, draw: Randomness, /) -> torch.Tensor:
        return classify(images)

    return ignoring


@contextmanager
def evaluating(*modules: torch.nn.Module) -> Iterator[None]:
    """Put modules into evaluation mode, and give every submodule its own former mode back, whatever happens.

    In training mode a forward pass of the attack would move running statistics and codebooks, and draw dropout
    from the global generator.
    """
    before = [(part, part.training) for module in modules for part in module.modules()]
    try:
        for module in modules:
            module.eval()
        yield
    finally:
        for part, training in before:
            part.training = training


@dataclass(frozen=True)
class Measured:
    """Averages over draws, per image: `loss` (B,) float32; `wrong` (B,) float32, the share of draws on which the image
    is misclassified; `gradient` of the loss, as the images, or None if not asked for."""

    loss: torch.Tensor
    wrong: torch.Tensor
    gradient: torch.Tensor | None


def measure(
    classify: Classifier,
    images: torch.Tensor,
    labels: torch.Tensor,
    draws: Sequence[Randomness],
    gradient: bool,
    loss: Loss = "cross_entropy",
) -> Measured:
    """Average `loss`, errors and, if `gradient`, its image gradient over `draws` (expectation over transformation).

    `images` (B, ...) floating point, `labels` (B,) int64. Only gradients of the images are formed, so `.grad` of
    parameters stays as it is. A classifier that does not depend differentiably on the images gives gradient 0.
    Raises SemrobustError at a loss or gradient that is not finite.
    """
    shape = (len(images),)
    losses, wrong = (torch.zeros(shape, device=images.device) for _ in range(2))
    total = torch.zeros_like(images) if gradient else None
    for draw in draws:
        with torch.set_grad_enabled(gradient):
            leaf = images.detach().requires_grad_(gradient)
            logits = classify(leaf, draw)
            one = LOSSES[loss](logits, labels)
            summed = one.sum()
        if total is not None and summed.requires_grad:
            total += torch.autograd.grad(summed, leaf, materialize_grads=True)[0]
        losses += one.detach()
        wrong += logits.detach().argmax(1) != labels
    # casts that autocast cached without gradients would cut the weights off from a later backward pass
    torch.clear_autocast_cache()
    finite = losses.isfinite() if total is None else losses.isfinite() & total.flatten(1).isfinite().all(1)
    if not bool(finite.all()):
        raise SemrobustError(
            f"the classifier gives a loss or gradient that is not finite for {int((~finite).sum())} of {len(images)} "
            "images. Check its weights, and run it in float32 or bfloat16 rather than float16."
        )
    count = len(draws)
    return Measured(losses / count, wrong / count, None if total is None else total / count)
