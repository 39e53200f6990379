"""Which training a system needs: by its images alone, or with labels and the channel in the loop."""

from __future__ import annotations

from pathlib import Path

import torch

from semrobust.config.settings import ChannelSettings
from semrobust.data.content import Split
from semrobust.phy.air import Air
from semrobust.systems.base import System
from semrobust.systems.classification import ClassifyingSystem
from semrobust.training.classification import RecognitionTrainer
from semrobust.training.loop import Loop, Trainable, Trainer


def trainer_for(
    system: System, train: Split, validation: Split, channel: ChannelSettings | None, scratch: Path, root_seed: int,
    name: str,
) -> Loop:  # fmt: skip
    """The training of a fresh system that `learns`; its `run` makes the system ready.

    `channel` is that of the settings' `train_channel`, None if they name none. `scratch` keeps the state of an
    interrupted training, `root_seed` and `name` name its random streams.
    """
    if isinstance(system, ClassifyingSystem):
        schedule = system.training
        air = None if channel is None or schedule.snr_db is None else Air.of(channel, schedule.snr_db)
        count = len(train.images) if schedule.images is None else schedule.images
        given = _labelled(train, count), _labelled(validation, len(validation.images))
        return RecognitionTrainer(system, air, *given, scratch, root_seed, name)
    if not isinstance(system, Trainable):
        raise TypeError(f"{type(system).__name__} has no network to train: it needs `module`, `training` and `loss`")
    seen, held_out = (torch.from_numpy(split.images.copy()) for split in (train, validation))
    return Trainer(system, seen, held_out, scratch, root_seed, name)


def _labelled(split: Split, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The first `count` images and their labels, in memory."""
    return torch.from_numpy(split.images[:count].copy()), torch.from_numpy(split.labels[:count].copy()).long()
