"""Where a training step's time goes: forward, backward and optimizer against everything else."""

from __future__ import annotations

import os
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from semrobust.config.params import Params
from semrobust.config.registry import SYSTEMS
from semrobust.config.settings import SHOWN
from semrobust.data.content import CLASSES, IMAGE_SHAPE, STATE_SHAPE, Split
from semrobust.data.splits import load_split
from semrobust.errors import UsageError
from semrobust.pipeline import seeds
from semrobust.pipeline.plan import Plan
from semrobust.pipeline.work import finished
from semrobust.systems.base import System
from semrobust.training.loop import Loop
from semrobust.training.trainers import trainer_for

PRECISIONS = ("fp32", "bf16")
_WARM_UP = 5


def recognition_hours(params: Params, plan: Plan, steps: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """What the trainings behind all classifying systems take on this machine, over `steps` steps of each.

    By system: `precision` as in the params, `images` of all its epochs, `fp32` and `bf16` each as in `profile`, and
    `hours` of one process with `compute.train_threads` threads at the params' precision, validation left out.
    `hours` is their sum. Needs the run's dataset, whose images it counts.
    """
    whole = len(load_split(finished(plan, f"dataset/{params.data.source}").artifact.stem, "train"))
    measured: dict[str, Any] = {}
    for name in [*params.of_task("pretraining"), *params.of_task("class")]:
        schedule = getattr(params.systems[name], "training", None)
        if schedule is None:
            continue
        seen = schedule.epochs * ((schedule.images or whole) // schedule.batch) * schedule.batch
        parts = {precision: profile(params, name, steps, precision) for precision in PRECISIONS}
        hours = seen / parts[schedule.precision]["images_per_second"] / 3600
        measured[name] = {"precision": schedule.precision, "images": seen, **parts, "hours": hours}
        speeds = ", ".join(f"{part['images_per_second']:.0f} images/s in {kept}" for kept, part in parts.items())
        tell(f"{name:<16} {speeds}; {60 * hours:.0f} min in {schedule.precision}")
    return {"hours": sum(one["hours"] for one in measured.values()), "steps": steps, "systems": measured}


def profile(params: Params, name: str, steps: int, precision: str | None = None) -> dict[str, float]:
    """Time `steps` optimizer steps of the system `name` on random images; seconds per part, and `share` of the three.

    `precision` "fp32" or "bf16" replaces that of the params. Nothing is compiled, since a compiled step has no parts.
    What makes noise in adversarial training counts as `other`.

    Wall time on the CPU, where operations finish before the call returns; random pixels cost what real ones cost.
    """
    trainer, batch = fresh_trainer(params, name, steps + _WARM_UP, precision)
    count, system = (steps + _WARM_UP) * batch, trainer.learner
    generator = torch.Generator().manual_seed(seeds.integer(params.seed, "bench", "training", name))
    order = torch.randperm(count, generator=generator)
    forward = "learn" if params.task(name) not in SHOWN else "loss"
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
        patch.object(system, forward, timed("forward", getattr(system, forward))),
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


def fresh_trainer(params: Params, name: str, batches: int, precision: str | None = None) -> tuple[Loop, int]:
    """A fresh training of the system `name` on so many batches of random images, and its batch size.

    `precision` "fp32" or "bf16" replaces that of the params. Raises UsageError for a system that does not learn.
    """
    learning = {system: chosen for system, chosen in params.systems.items() if getattr(chosen, "training", None)}
    if name not in learning:
        raise UsageError(f"'{name}' is not a system that learns; params have: {', '.join(learning)}")
    settings = learning[name]
    schedule: Any = settings.training  # type: ignore[attr-defined]
    if precision is not None:
        schedule = schedule.model_copy(update={"precision": precision})
    if getattr(schedule, "images", None) is not None:  # as many as are timed
        schedule = schedule.model_copy(update={"images": None})
    settings = settings.model_copy(update={"training": schedule})
    kind = SYSTEMS[settings.kind]
    assert issubclass(kind, System)
    torch.set_num_threads(params.compute.train_threads)
    system = kind.create(settings, params.link_of(name).real_uses, seeds.integer(params.seed, "create", name))
    batch = schedule.batch
    stream = seeds.generator(params.seed, "bench", "training", name)
    count = batches * batch
    labels = stream.integers(CLASSES, size=count)
    if params.task(name) == "csi":
        train = Split(stream.random((count, *STATE_SHAPE), dtype="float32"), labels)
    else:
        train = Split(stream.integers(0, 256, (count, *IMAGE_SHAPE), dtype="uint8"), labels)
    channel = None if settings.train_channel is None else params.channels[settings.train_channel]
    one = Split(train.images[:1], train.labels[:1])
    nowhere = Path(os.devnull)  # nothing is saved
    return trainer_for(system, train, one, channel, nowhere, params.seed, name), batch
