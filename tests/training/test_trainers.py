"""Which training a system gets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from semrobust.config.params import Params
from semrobust.config.registry import SYSTEMS
from semrobust.config.settings import SHOWN
from semrobust.data.content import STATE_SHAPE, Split
from semrobust.systems.base import System
from semrobust.training.classification import RecognitionTrainer
from semrobust.training.loop import Trainer
from semrobust.training.train import learns
from semrobust.training.trainers import trainer_for
from tests.attacks.samples import PARAMS, patches


def data(count: int, task: str = "image") -> Split:
    labels = np.arange(count, dtype=np.int64) % 10
    if task == "csi":
        return Split(np.random.default_rng(0).random((count, *STATE_SHAPE), np.float32), labels)
    return Split(patches()[:count], labels)


def system_of(params: Params, name: str) -> System:
    settings = params.systems[name]
    kind = SYSTEMS[settings.kind]
    assert issubclass(kind, System)
    return kind.create(settings, params.link_of(name).real_uses, 1)


@pytest.mark.parametrize("name", [name for name in PARAMS.systems if learns(PARAMS, name)])
def test_every_system_that_learns_has_a_training(name: str, tmp_path: Path) -> None:
    system, channel = system_of(PARAMS, name), PARAMS.systems[name].train_channel
    given = None if channel is None else PARAMS.channels[channel]
    assert system.learns
    trainer = trainer_for(system, data(24, system.task), data(8, system.task), given, tmp_path, 3, name)
    assert isinstance(trainer, Trainer if system.task in SHOWN else RecognitionTrainer)
    assert (len(trainer.validation), trainer.root_seed, trainer.name) == (8, 3, name)
    if isinstance(trainer, RecognitionTrainer):
        assert (trainer.air is None) == (given is None)
        assert len(trainer.labels) == len(trainer.train)


def test_a_chain_has_none(tmp_path: Path) -> None:
    chain = system_of(PARAMS, "jpeg_ldpc_qpsk")
    assert not chain.learns
    with pytest.raises(TypeError, match="has no network to train"):
        trainer_for(chain, data(8), data(8), None, tmp_path, 3, "jpeg_ldpc_qpsk")
