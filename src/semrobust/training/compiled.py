"""A training step's loss compiled by `torch.compile`, where that pays and where it can be done."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch

Loss = Callable[[torch.Tensor, torch.Generator], torch.Tensor]

PAYS_FROM = 2000
"""Steps of a training from which compiling, up to a minute and a half, costs less than it saves."""


def compiled(loss: Loss, module: torch.nn.Module, images: torch.Tensor) -> Loss:
    """The loss, compiled for batches like `images`; raises whatever torch does where it cannot be done.

    One step is tried, so that what fails does so here. It leaves no trace in the weights, in the gradients, or in any
    generator, so a training ends with the same weights however often it was interrupted.
    """
    kept = copy.deepcopy(module.state_dict())
    quick: Loss = torch.compile(loss, dynamic=False)
    try:
        with torch.random.fork_rng():
            quick(images, torch.Generator().manual_seed(0)).backward()  # type: ignore[no-untyped-call]
    finally:
        module.load_state_dict(kept)
        module.zero_grad()
    return quick
