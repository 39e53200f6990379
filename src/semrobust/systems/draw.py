"""Draws of everything random between an image and its class: channel noise, fading, masks.

A draw gives the same numbers each time it is asked; whoever needs several kinds names them (`named`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol, Self

import numpy as np
import torch

from semrobust.models import masking
from semrobust.pipeline import seeds

_PUBLIC_MASKS = 0
"""Seed of the masks at transmission: a part of the standard that both ends and the attacker know."""


class Randomness(Protocol):
    """What a system asks of a draw for a batch of B images."""

    def __len__(self) -> int: ...
    def named(self, *name: str | int) -> Self:
        """Another draw for the same images, the same one for the same `name`."""

    def take(self, rows: torch.Tensor) -> Self:
        """The same draw for the images `rows` (b,) of the batch."""

    def normal(self, *shape: int) -> torch.Tensor:
        """Standard normal values (B, *shape), float32, on the CPU."""

    def uniform(self, *shape: int) -> torch.Tensor:
        """Uniform values in [0, 1), shape (B, *shape), float32, on the CPU."""

    def visible(self, patches: int, count: int) -> torch.Tensor:
        """Numbers of the `count` patches of each image that are sent, int64 (B, count)."""


@dataclass(frozen=True)
class Draw:
    """One draw for a batch of B images: row i depends on `seed` and `numbers[i]` alone, never on the batch.

    `seed` names the draw, `numbers` (B,) int64 the images, for example their rows in the dataset. Masks depend on the
    numbers alone: both ends must have the same ones, whatever the channel does. Without `public_masks` they are what
    somebody guesses who does not know them: each draw has its own.
    """

    seed: int
    numbers: torch.Tensor
    public_masks: bool = True

    def __len__(self) -> int:
        return len(self.numbers)

    def named(self, *name: str | int) -> Draw:
        """Another draw for the same images, the same one for the same `name`."""
        return replace(self, seed=seeds.integer(self.seed, *name))

    def take(self, rows: torch.Tensor) -> Draw:
        """The same draw for the images `rows` (b,) of the batch."""
        return replace(self, numbers=self.numbers[rows.to(self.numbers.device)])

    def generators(self) -> Iterator[np.random.Generator]:
        """One numpy generator per image, for other distributions than those below."""
        return (seeds.generator(self.seed, "image", number) for number in self.numbers.tolist())

    def normal(self, *shape: int) -> torch.Tensor:
        """Standard normal values (B, *shape), float32, on the CPU. More columns leave the first ones as they are."""
        rows = [stream.standard_normal(shape, dtype=np.float32) for stream in self.generators()]
        return torch.from_numpy(np.stack(rows))

    def uniform(self, *shape: int) -> torch.Tensor:
        """Uniform values in [0, 1), shape (B, *shape), float32, on the CPU."""
        rows = [stream.random(shape, dtype=np.float32) for stream in self.generators()]
        return torch.from_numpy(np.stack(rows))

    def visible(self, patches: int, count: int) -> torch.Tensor:
        """The mask of each image, int64 (B, count)."""
        seed = _PUBLIC_MASKS if self.public_masks else self.seed
        return masking.shared_visible(seed, self.numbers.tolist(), patches, count)


def over_air(seed: int, snr_db: float, numbers: torch.Tensor) -> Draw:
    """The draw of the channel that test images meet at an SNR on their way to classifying receivers.

    The same for all systems, channels and noise, under the root `seed`: comparisons are paired.
    """
    return Draw(seeds.integer(seed, "recognition", float(snr_db)), numbers)


@dataclass(frozen=True)
class BatchDraw:
    """One draw for a training batch of `count` images, from one generator: quick, and different in another batch.

    `seed` names the draw, `masks` that of the masks, which stay the same under `named`: what makes noise for a step
    must see the patches that the step trains on.
    """

    seed: int
    masks: int
    count: int

    def __len__(self) -> int:
        return self.count

    def named(self, *name: str | int) -> BatchDraw:
        """Another draw for the same images with the same masks."""
        return replace(self, seed=seeds.integer(self.seed, *name))

    def take(self, rows: torch.Tensor) -> BatchDraw:
        """Not offered: a draw of a batch belongs to the whole batch."""
        raise ValueError("a training draw cannot be split: send the batch as a whole")

    def normal(self, *shape: int) -> torch.Tensor:
        """Standard normal values (B, *shape), float32, on the CPU."""
        return torch.randn((self.count, *shape), generator=torch.Generator().manual_seed(self.seed))

    def uniform(self, *shape: int) -> torch.Tensor:
        """Uniform values in [0, 1), shape (B, *shape), float32, on the CPU."""
        return torch.rand((self.count, *shape), generator=torch.Generator().manual_seed(self.seed))

    def visible(self, patches: int, count: int) -> torch.Tensor:
        """A random mask per image, int64 (B, count)."""
        return masking.random_visible(self.count, patches, count, torch.Generator().manual_seed(self.masks))
