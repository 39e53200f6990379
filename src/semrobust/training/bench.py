"""Where a training step's time goes: forward, backward and optimizer against everything else."""

from __future__ import annotations

import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from semrobust.core import seeds
from semrobust.core.errors import UsageError
from semrobust.core.params import Params
from semrobust.core.registry import SYSTEMS
from semrobust.systems.base import System
from semrobust.training.loop import Trainer

_WARM_UP = 5


def profile(params: Params, name: str, steps: int) -> dict[str, float]:
    """Time `steps` optimizer steps of the system `name` on random images; seconds per part, and `share` of the three.

    Wall time on the CPU, where operations finish before the call returns; random pixels cost what real ones cost.
    """
    settings = params.systems.get(name)
    learning = [system for system in params.of_task("image") if SYSTEMS[params.systems[system].kind].trainable]
    if settings is None or name not in learning:
        raise UsageError(f"'{name}' is not a system that learns images; params have: {', '.join(learning)}")
    torch.set_num_threads(params.compute.train_threads)
    kind = SYSTEMS[settings.kind]
    assert issubclass(kind, System)
    system = kind.create(settings, params.link.real_uses, seeds.integer(params.seed, "create", name))
    batch = settings.training.batch  # type: ignore[attr-defined]
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, ((steps + _WARM_UP) * batch, 3, 32, 32), dtype=torch.uint8, generator=generator)
    with tempfile.TemporaryDirectory() as scratch:
        trainer = Trainer(system, images, images[:1], Path(scratch), params.seed, name)  # type: ignore[arg-type]
    order = torch.randperm(len(images), generator=generator)
    seconds: dict[str, float] = defaultdict(float)

    def timed(part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def measure(*arguments: Any, **options: Any) -> Any:
            started = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                seconds[part] += time.perf_counter() - started

        return measure

    with (
        warnings.catch_warnings(action="ignore", category=UserWarning),  # the scheduler notices the timed optimizer
        patch.object(system, "loss", timed("forward", system.loss)),  # type: ignore[attr-defined]
        patch.object(torch.Tensor, "backward", timed("backward", torch.Tensor.backward)),
        patch.object(trainer.optimizer, "step", timed("optimizer", trainer.optimizer.step)),
    ):
        for step in range(_WARM_UP):
            trainer.step(order, step, generator)
        seconds.clear()
        started = time.perf_counter()
        for step in range(_WARM_UP, steps + _WARM_UP):
            trainer.step(order, step, generator)
        total = time.perf_counter() - started
    parts = {part: seconds[part] for part in ("forward", "backward", "optimizer")}
    spent = sum(parts.values())
    return parts | {
        "other": total - spent,
        "share": spent / total,
        "images_per_second": steps * batch / total,
    }
