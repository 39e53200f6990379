"""The `rand` set of AutoAttack (Croce, Hein 2020) by `pyautoattack`: APGD on cross entropy, then on DLR.

The library's steps need no setting of their size, which makes it a check of the ones here. It works image by image:
what is left of a batch it hands to the model without saying which images these are, and their masks and channels hang
on that. Its noise is then stored with 8 bits as all noise is, and an image keeps what raises the margin most.
"""

from __future__ import annotations

import logging

import torch
from pyautoattack.autopgd_base import APGDAttack

from semrobust.attacks.image.classifier import Classifier, measure
from semrobust.attacks.image.noise_settings import NoiseSettings
from semrobust.attacks.image.semantic_noise import SemanticNoise, Shown, result
from semrobust.systems.draw import Randomness

VERSION = 1
"""Raised when the noise changes."""

_SET = ("ce", "dlr")


def auto_attack(
    classify: Classifier, images: torch.Tensor, labels: torch.Tensor, settings: NoiseSettings, draw: Randomness
) -> SemanticNoise:
    """The noise of largest margin that the set finds, and the clean image.

    `settings.iterations` and `restarts` are the library's (100 and 5 in its own evaluation), `samples` its `eot_iter`,
    each on a draw of its own. An image that is misclassified on all draws is left as it is. The norm must be "linf";
    loss, step and start do not count. Arguments and errors as in `semantic_noise.iterative_fgsm`.
    """
    shown, draws = Shown(images, labels, draw, settings), settings.draws(draw)
    before = measure(classify, images, labels, draws, True, "margin")
    kept, loss, wrong = images.detach().clone(), before.loss.clone(), before.wrong.clone()
    for row in torch.arange(len(images) if settings.epsilon else 0):
        one = row[None]
        for name in _SET:
            if wrong[row] == 1:
                break
            own = draw.take(one).named(name)
            found = _search(classify, images[one], labels[one], settings, own, name)
            asked = shown.of(one)(found - images[one])
            now = measure(classify, asked, labels[one], [each.take(one) for each in draws], False, "margin")
            if now.loss > loss[row]:
                kept[one], loss[one], wrong[one] = asked, now.loss, now.wrong
    return result(images, kept, settings, before, loss, wrong)


def _search(
    classify: Classifier, image: torch.Tensor, label: torch.Tensor, settings: NoiseSettings, draw: Randomness, loss: str
) -> torch.Tensor:
    """Best of a single image (1,C,H,W), not stored yet; torch's global generator is left as it was."""
    asked = 0

    def model(images: torch.Tensor) -> torch.Tensor:
        nonlocal asked
        asked += 1
        return classify(images, draw.named("asked", asked if settings.samples > 1 else 0))

    attack = APGDAttack(
        model,
        n_iter=settings.iterations,
        n_restarts=settings.restarts,
        eps=settings.epsilon,
        seed=int(1e9 * float(draw.uniform(1))),
        loss=loss,
        eot_iter=settings.samples,
        device=image.device,
        logger=logging.getLogger(__name__),
    )
    with torch.random.fork_rng(devices=[]):
        found: torch.Tensor = attack.perturb(image.contiguous(), label)  # the library takes no views of its gradients
    return found
