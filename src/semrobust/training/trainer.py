"""Which trainer a system learns with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from semrobust.data.content import Split
from semrobust.phy.air import Air
from semrobust.systems.base import System
from semrobust.training.classification import RecognitionTrainer
from semrobust.training.loop import Trainer


def trainer_for(
    system: System, train: Split, validation: Split, air: Air | None, scratch: Path, seed: int, name: str
) -> Any:
    """The trainer of a system's task on these splits."""
    if system.task == "image":
        images = (torch.from_numpy(split.images.copy()) for split in (train, validation))
        return Trainer(system, *images, scratch, seed, name)  # type: ignore[arg-type]
    count = getattr(system.settings.training, "images", None)
    sets = [
        (torch.from_numpy(split.images[:n].copy()), torch.from_numpy(split.labels[:n].copy()).long())
        for split, n in ((train, count), (validation, None))
    ]
    return RecognitionTrainer(system, air, *sets, scratch, seed, name)  # type: ignore[arg-type]
