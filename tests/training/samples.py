"""Small trainings on photo patches, shared by the tests and by the process that one of them kills."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch

from semrobust.systems.deepjscc import DeepJSCCSettings, DeepJSCCSystem
from semrobust.training.loop import Loop, Trainer
from tests.attacks.samples import deepjscc_settings, patches

USES = 64
ROOT_SEED = 11


class Poisoned(DeepJSCCSystem):
    """A DeepJSCC whose loss becomes `poison` from some training step on."""

    def __init__(self, settings: DeepJSCCSettings, real_uses: int) -> None:
        super().__init__(settings, real_uses)
        self.poison, self.after, self.seen = float("nan"), sys.maxsize, 0

    def loss(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        self.seen += self.module.training
        return super().loss(images, generator) * (self.poison if self.seen > self.after else 1.0)


def trainer_of(system: DeepJSCCSystem, scratch: Path, validation: int = 64) -> Trainer:
    """A training on 256 patches, hence 8 steps; `validation` is where the validation patches begin."""
    images = torch.from_numpy(patches().copy())
    seen, held_out = images[512:768], images[validation : validation + 40]
    return Trainer(system, seen, held_out, scratch, ROOT_SEED, "small")


def trainer(scratch: Path, validation: int = 64, **training: Any) -> Trainer:
    """The training of four epochs, with some settings changed."""
    return trainer_of(DeepJSCCSystem.create(deepjscc_settings(**training), USES, 5), scratch, validation)


def poisoned(scratch: Path, poison: float, after: int) -> Trainer:
    """The same training, whose loss becomes `poison` after so many steps."""
    system = Poisoned.create(deepjscc_settings(), USES, 5)
    system.poison, system.after = poison, after
    return trainer_of(system, scratch)


def weights(of: Loop) -> dict[str, torch.Tensor]:
    """Copies of the weights by name."""
    return {name: value.detach().clone() for name, value in of.module.state_dict().items()}


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    """Whether two sets of weights are equal to the last bit."""
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def die_while_saving(scratch: Path, epoch: int) -> None:
    """Train, and be killed by the system when half of the state after `epoch` is written."""
    torch.set_num_threads(1)
    whole, saves = torch.save, 0

    def half(state: object, path: Path) -> None:
        nonlocal saves
        saves += 1
        whole(state, path)
        if saves == epoch:
            os.truncate(path, path.stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    torch.save = half  # type: ignore[assignment]
    trainer(scratch).run()


if __name__ == "__main__":
    die_while_saving(Path(sys.argv[1]), int(sys.argv[2]))
