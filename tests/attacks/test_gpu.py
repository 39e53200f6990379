"""On a GPU: a training step, attacks and an evaluation agree with the CPU, and an attack leaves its tensors there.

The CPU sums in another order, so single images may end at another step of a search. Tolerances are those of float32
sums (1e-4 relative) for what is computed once, and 5% of the mean attack power for a whole search.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from semrobust.attacks.base import Target
from semrobust.measure.clean import measure
from semrobust.systems.deepjscc import DeepJSCCSystem
from tests.attacks.samples import PARAMS, aimed, attack, normal, pictures, small_deepjscc
from tests.training.samples import trainer

pytestmark = pytest.mark.gpu
ATTACKS = [name for name in PARAMS.attacks if attack(name).requires <= {"gradient"} and not name.startswith("transfer")]


class Moves(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts copies between devices of more values than a Python number has."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.large = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        given = next((value for value in args if isinstance(value, torch.Tensor)), None)
        if isinstance(made, torch.Tensor) and given is not None and "_to_copy" in str(func):
            self.large += made.device != given.device and made.numel() > 1
        return made


def on(device: str) -> Target:
    system: DeepJSCCSystem = copy.deepcopy(small_deepjscc())
    system.module.to("cpu")
    target = aimed(system, pictures(8, 807), 10**-0.4 * normal(8, system.real_uses, seed=9), 10**-1.5, 10**-0.8)
    system.module.to(device)
    sent = replace(target.sent, codewords=target.sent.codewords.to(device), feasible=target.sent.feasible.to(device))
    moved = {name: getattr(target, name).to(device) for name in ("images", "received", "directions")}
    return replace(target, sent=sent, **moved)


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_agrees_with_the_cpu_and_stays_on_the_gpu(name: str) -> None:
    method, expected = attack(name), attack(name).run(on("cpu"))
    target = on("cuda")
    with Moves() as moves:
        found = method.run(target)
    assert {value.device.type for value in vars(found).values()} == {"cuda"}
    starts = getattr(method.settings, "starts", 0)
    assert moves.large <= 2 * starts, "only what a start is drawn from comes from the CPU"
    assert torch.equal(found.success.cpu(), expected.success)
    assert found.power_total.mean().item() == pytest.approx(expected.power_total.mean().item(), rel=0.05)


def test_a_gradient_agrees_with_the_cpu() -> None:
    (error, slope), (expected, steepest) = (
        on(device).gradient(torch.zeros(8, 128, device=device)) for device in ("cuda", "cpu")
    )
    torch.testing.assert_close(error.cpu(), expected, rtol=1e-4, atol=1e-7)
    assert (slope.cpu() - steepest).norm() <= 1e-3 * steepest.norm()


def test_a_network_answers_on_the_device_that_it_is_asked_from() -> None:
    system = on("cuda").system
    for device in ("cpu", "cuda"):
        sent = system.send(pictures(4).to(device))
        shown = system.decode(sent.codewords, 0.1)
        tensors = [sent.codewords, sent.feasible, shown.images, shown.failed]
        assert {tensor.device.type for tensor in tensors} == {device}


def test_a_training_step_agrees_with_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights, losses = [], []
    for device in ("cpu", "cuda"):
        monkeypatch.setattr("semrobust.training.loop.device", lambda device=device: torch.device(device))
        of = trainer(tmp_path / device)
        generator = torch.Generator().manual_seed(0)
        order = torch.randperm(len(of.train), generator=generator)
        losses.append(float(of.step(order, 0, generator)))
        weights.append({name: value.cpu() for name, value in of.module.state_dict().items()})
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    learning_rate = 1e-2  # one step of AdamW moves a weight by no more
    for name, value in weights[0].items():
        assert (weights[1][name] - value).abs().mean() <= 0.05 * learning_rate, name


def test_an_evaluation_agrees_with_the_cpu() -> None:
    found, expected = (measure(on(device).system, pictures(16), 0, [10.0], 7) for device in ("cuda", "cpu"))
    assert found["psnr_db"].to_numpy() == pytest.approx(expected["psnr_db"].to_numpy(), abs=1e-3)
