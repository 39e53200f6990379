"""What `semrobust bench training` and `bench gradients` race against each other: the same step, made in another way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from semrobust.config.params import Params
from semrobust.errors import UsageError
from semrobust.measure import bench_gradient
from semrobust.pipeline.race import Prepare
from semrobust.training import bench_step
from tests.made import CHAIN, NET, made_params

BATCH = 32  # of the small params

THEIRS = """
from torch import nn

class DeepJSCC(nn.Module):
    def __init__(self, c, channel_type, snr):
        super().__init__()
        assert (channel_type, snr) == ("AWGN", 10)
        self.through = nn.Conv2d(3, 3, c)

    def forward(self, images):
        return self.through(images).mean((2, 3), keepdim=True)

    def loss(self, shown, images):
        return (shown - images).square().mean()
"""


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What one step of each way gave, in this process and not compiled."""
    found: dict[str, Any] = {}

    def once(ways: dict[str, Prepare], rounds: int, steps: int, tell: Callable[[str], None]) -> dict[str, Any]:
        found.update({way: prepare()() for way, prepare in ways.items() if "compiled" not in way})
        return {way: {"seconds": 2.0} for way in ways}

    for module in (bench_gradient, bench_step):
        monkeypatch.setattr(module, "race", once)
    monkeypatch.setattr("torch.compile", lambda function, **_: function)
    return found


@pytest.fixture(scope="module")
def small() -> Params:
    return made_params()


def test_keeping_memory_moves_no_gradient(small: Params, taken: dict[str, Any]) -> None:
    bench_gradient.compare(small, NET, 1, 1, lambda _: None)
    (distortion, gradient), (again, same) = taken["first edition"], taken["now"]
    assert torch.equal(distortion, again)
    assert torch.equal(gradient, same)
    assert gradient.abs().sum() > 0
    with pytest.raises(UsageError, match="has no gradient"):
        bench_gradient.compare(small, CHAIN, 1, 1, lambda _: None)


def test_a_training_step_is_the_same_in_every_way_of_ours(
    small: Params, taken: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"has no model\.py"):
        bench_step.compare(small, NET, 1, 1, tmp_path, lambda _: None)
    (tmp_path / "model.py").write_text(THEIRS)
    monkeypatch.syspath_prepend(tmp_path)
    said = bench_step.compare(small, NET, 1, 1, tmp_path, lambda _: None)
    loss = {way: float(taken[way]) for way in said if way != "beside"}
    assert loss["first edition"] == pytest.approx(loss["memory kept"]) == pytest.approx(loss["now, fp32"])
    assert loss["now, bf16"] == pytest.approx(loss["now, fp32"], rel=0.02)
    assert loss["now, bf16"] != loss["now, fp32"]
    assert {one["images_per_second"] for one in said.values()} == {BATCH / 2.0}
