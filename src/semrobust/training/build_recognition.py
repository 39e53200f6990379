"""Make a system of hu2022 ready and store it: take over the checkpoint it starts from, then train it if it learns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file

from semrobust.config.params import Params
from semrobust.config.registry import SYSTEMS
from semrobust.data.splits import load_split
from semrobust.phy.air import Air
from semrobust.pipeline import jobs, seeds
from semrobust.pipeline.layout import Layout
from semrobust.pipeline.record import Making
from semrobust.systems.checkpoint import save
from semrobust.systems.classification import ClassifyingSettings, ClassifyingSystem
from semrobust.training.classification import RecognitionTrainer


def run(params: Params, system: str, command: list[str], after_epoch: Callable[[int], None] = lambda _: None) -> Path:
    """Build the system named `system` and write its checkpoint and record; returns the checkpoint's path.

    An interrupted training goes on from its last finished epoch, as in `training.build`.
    """
    layout = Layout(params.run)
    making = Making(jobs.model(params, system), command)
    settings = params.systems[system]
    kind = SYSTEMS[settings.kind]
    assert issubclass(kind, ClassifyingSystem)
    assert isinstance(settings, ClassifyingSettings)
    torch.set_num_threads(params.compute.recognition_threads)
    ready = kind.create(settings, params.link.real_uses, seeds.integer(params.seed, "create", system))
    if settings.start is not None:
        start = making.uses(layout.model(settings.start), jobs.model(params, settings.start))
        ready.adopt(load_file(start), settings.start)
    details = {}
    schedule = settings.training
    if schedule is not None:
        dataset = making.uses(layout.dataset(), jobs.dataset(params))
        train, validation = (load_split(dataset.parent, split) for split in ("train", "validation"))
        count = len(train.images) if schedule.images is None else schedule.images
        air = None
        if schedule.channel is not None and schedule.snr_db is not None:
            air = Air.of(params.channels[schedule.channel], schedule.snr_db)
        trainer = RecognitionTrainer(
            ready,
            air,
            (torch.from_numpy(train.images[:count].copy()), torch.from_numpy(train.labels[:count].copy()).long()),
            (torch.from_numpy(validation.images.copy()), torch.from_numpy(validation.labels.copy()).long()),
            layout.scratch(system, making.id),
            params.seed,
            system,
        )
        details["history"] = trainer.run(after_epoch)
    checkpoint = layout.model(system)
    save(ready, checkpoint)
    making.finish(checkpoint, [checkpoint], details)
    return checkpoint
