"""The moving average of a network's weights, which is what a training with one gives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class Average:
    """Exponential moving average of `module`'s parameters; buffers are copied.

    Step n keeps the smaller of `decay` and (1 + n)/(10 + n) of it: what training started from is soon forgotten.
    """

    def __init__(self, module: torch.nn.Module, decay: float) -> None:
        self.module, self.decay = module, decay
        self.averaged = AveragedModel(module)

    def update(self) -> None:
        """Once per step; after the first one the average is its weights."""
        done = int(self.averaged.n_averaged)
        decay = min(self.decay, (1 + done) / (10 + done))
        self.averaged.multi_avg_fn = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        self.averaged.update_parameters(self.module)

    def put(self) -> None:
        """The average into the module."""
        self.module.load_state_dict(self.averaged.module.state_dict())

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The module computes with the average inside the block, with its own weights after it."""
        own = {name: tensor.clone() for name, tensor in self.module.state_dict().items()}
        self.put()
        try:
            yield
        finally:
            self.module.load_state_dict(own)

    def state_dict(self) -> dict[str, Any]:
        return self.averaged.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.averaged.load_state_dict(state)
