"""A training step's loss compiled by `torch.compile`, where that pays and where it can be done."""

from __future__ import annotations

import copy
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import torch

Loss = Callable[[torch.Tensor, torch.Generator], torch.Tensor]

PAYS_FROM = 2000
"""Steps of a training from which compiling, up to a minute and a half, costs less than it saves."""


def compiled(loss: Loss, module: torch.nn.Module, images: torch.Tensor) -> Loss:
    """The loss, compiled for batches like `images`; raises whatever torch does where it cannot be done.

    One step is tried, so that what fails does so here. It leaves no trace in the weights, in the gradients, or in any
    generator, so a training ends with the same weights however often it was interrupted. Ctrl-C comes after a step.
    """
    kept = copy.deepcopy(module.state_dict())
    quick: Loss = torch.compile(loss, dynamic=False)
    try:
        with torch.random.fork_rng():
            quick(images, torch.Generator().manual_seed(0)).backward()  # type: ignore[no-untyped-call]
    finally:
        module.load_state_dict(kept)
        module.zero_grad()

    def held(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        with interrupts_held():
            return quick(images, generator)

    return held


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Ctrl-C within comes at the end.

    Before torch runs compiled code it asks guards, some of them in Python, and drops whatever they raise. One of fifty
    interrupts of a training was lost there, and the training went on.
    """
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler) or threading.current_thread() is not threading.main_thread():  # none is raised here
        yield
        return
    received: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda number, frame: received.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if received:
        handler(*received[0])
