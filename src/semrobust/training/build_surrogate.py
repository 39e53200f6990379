"""Train a surrogate: the encoder of the system it starts from stays as it is, its own decoder learns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file

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
    """Build the system named `system` and write its checkpoint and record, as `training.build` does."""
    layout = Layout(params.run)
    making = Making(jobs.model(params, system), command)
    settings = params.systems[system]
    kind, starts_from = SYSTEMS[settings.kind], settings.starts_from
    assert issubclass(kind, System)
    assert starts_from is not None
    torch.set_num_threads(params.compute.train_threads)
    start = making.uses(layout.model(starts_from), jobs.model(params, starts_from))
    ready = kind.create(settings, params.link.real_uses, seeds.integer(params.seed, "create", system))
    ready.adopt(load_file(start), starts_from)
    dataset = making.uses(layout.dataset(), jobs.dataset(params))
    train, validation = (
        torch.from_numpy(load_split(dataset.parent, split).images.copy()) for split in ("train", "validation")
    )
    scratch = layout.scratch(system, making.id)
    trainer = Trainer(ready, train, validation, scratch, params.seed, system)  # type: ignore[arg-type]
    history = trainer.run(after_epoch)
    checkpoint = layout.model(system)
    save(ready, checkpoint)
    making.finish(checkpoint, [checkpoint], {"history": history})
    return checkpoint
