"""Make a system ready and store it: train it if it learns, construct it (codes, tables) if it does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from semrobust.config.params import Params
from semrobust.config.registry import SYSTEMS
from semrobust.data.splits import load_split
from semrobust.pipeline import jobs, seeds
from semrobust.pipeline.layout import Layout
from semrobust.pipeline.record import Making
from semrobust.systems.base import System
from semrobust.systems.checkpoint import save
from semrobust.training.loop import Trainer


def run(params: Params, system: str, command: list[str], after_epoch: Callable[[int], None] = lambda _: None) -> Path:
    """Build the system named `system` and write its checkpoint and record; returns the checkpoint's path.

    An interrupted training goes on from its last finished epoch: its state lies in scratch under the digest of
    settings, code and data.
    """
    layout = Layout(params.run)
    making = Making(jobs.model(params, system), command)
    settings = params.systems[system]
    kind = SYSTEMS[settings.kind]
    assert issubclass(kind, System)
    torch.set_num_threads(params.compute.train_threads)
    ready = kind.create(settings, params.link.real_uses, seeds.integer(params.seed, "create", system))
    details = {}
    if kind.trainable:
        dataset = making.uses(layout.dataset(), jobs.dataset(params))
        train, validation = (
            torch.from_numpy(load_split(dataset.parent, split).images.copy()) for split in ("train", "validation")
        )
        scratch = layout.scratch(system, making.id)
        trainer = Trainer(ready, train, validation, scratch, params.seed, system)  # type: ignore[arg-type]
        details["history"] = trainer.run(after_epoch)
    checkpoint = layout.model(system)
    save(ready, checkpoint)
    making.finish(checkpoint, [checkpoint], details)
    return checkpoint
