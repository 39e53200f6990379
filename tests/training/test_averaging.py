"""The moving average of the weights, against its closed form, and in a training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from semrobust.training.averaging import Average
from tests.training.test_classification import system_of, trainer_of


def test_the_average_follows_its_formula_and_goes_in_and_out() -> None:
    module = torch.nn.Linear(1, 1, bias=False)
    average = Average(module, 0.2)
    values = [1.0, 3.0, -2.0]
    for value in values:
        module.weight.data.fill_(value)
        average.update()
    first, second = 2 / 11, 0.2  # 3 / 12 is more than the decay
    expected = second * (first * 1.0 + (1 - first) * 3.0) + (1 - second) * -2.0
    with average.applied():
        assert module.weight.item() == pytest.approx(expected)
    assert module.weight.item() == -2.0
    average.put()
    assert module.weight.item() == pytest.approx(expected)


def test_a_training_ends_with_the_average_and_validates_it(tmp_path: Path) -> None:
    trainer = trainer_of(system_of("vit", {"average": 0.9}), tmp_path)
    history = trainer.run()
    state = torch.load(trainer.checkpoint, weights_only=True)
    kept = {name.removeprefix("module."): value for name, value in state["average"].items() if "." in name}
    assert all(torch.equal(value, kept[name]) for name, value in trainer.module.state_dict().items())
    assert not all(torch.equal(value, kept[name]) for name, value in state["module"].items())
    assert trainer._validate(len(history) - 1) == pytest.approx(history[-1]["validation_loss"])
