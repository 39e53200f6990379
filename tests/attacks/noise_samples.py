"""Classifiers for semantic noise: linear ones whose optimum is known, and small networks."""

from __future__ import annotations

import hashlib
from typing import Any

import torch

from semrobust.attacks.image.classifier import Classifier, deterministic
from semrobust.attacks.image.noise_settings import NoiseSettings
from semrobust.systems.draw import Draw, Randomness

PIXELS = 48  # 3 x 4 x 4


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def stored(count: int, low: int = 0, high: int = 255, seed: int = 1) -> torch.Tensor:
    """8-bit images (count,3,4,4) with values low..high."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(low, high + 1, (count, 3, 4, 4), generator=generator).float() / 255


def labels(count: int, classes: int = 2) -> torch.Tensor:
    return torch.arange(count) % classes


def numbered(count: int, seed: int = 5) -> Draw:
    return Draw(seed, torch.arange(count))


def linear(matrix: torch.Tensor) -> Classifier:
    """Logits <w_j, image>, element by element, so that no result can depend on the batch."""
    return deterministic(lambda images: (images.flatten(1)[:, None] * matrix).sum(2))


def noisy(matrix: torch.Tensor, deviation: float) -> Classifier:
    """A classifier whose channel adds noise that belongs to the image, and whose loss rises and falls along a line."""

    def classify(images: torch.Tensor, draw: Randomness, /) -> torch.Tensor:
        received = images + deviation * draw.normal(*images.shape[1:])
        return (received.flatten(1)[:, None] * matrix).sum(2).sin() * 3

    return classify


def network(classes: int = 4, seed: int = 3) -> torch.nn.Sequential:
    """A small convolutional network with everything that has a state or a mode."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return torch.nn.Sequential(
            torch.nn.Conv2d(3, 6, 3, padding=1),
            torch.nn.BatchNorm2d(6),
            torch.nn.GELU(),
            torch.nn.Dropout(0.3),
            torch.nn.Flatten(),
            torch.nn.Linear(96, classes),
        )


def settings(**changes: Any) -> NoiseSettings:
    given: dict[str, Any] = {"norm": "linf", "epsilon": 8 / 255, "step": 2 / 255, "iterations": 5}
    return NoiseSettings(**{**given, **changes})


def fingerprint(module: torch.nn.Module) -> str:
    hashed = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        hashed.update(name.encode() + tensor.numpy().tobytes())
    return hashed.hexdigest()
