"""A compiled training: the same training to the last digits, resumable like any other, and never required."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from semrobust.systems.deepjscc import DeepJSCCSystem
from semrobust.training.compiled import compiled, interrupts_held
from semrobust.training.loop import Trainer
from tests.attacks.samples import REPOSITORY, deepjscc_settings
from tests.training.samples import USES, same, trainer, weights


@pytest.fixture
def recompiled() -> Iterator[None]:
    """torch remembers what it compiled, and what it could not."""
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def test_a_short_training_is_not_compiled(tmp_path: Path) -> None:
    short = trainer(tmp_path, epochs=1)
    short.run()
    assert short.trained() == {"device": "cpu", "compiled_epochs": 0}


@pytest.mark.parametrize("handler", [signal.default_int_handler, signal.SIG_IGN], ids=["raised", "ignored"])
def test_ctrl_c_is_held_until_the_end_and_stays_ignored_where_it_was(handler: Any) -> None:
    before = signal.signal(signal.SIGINT, handler)
    try:
        done = False
        try:
            with interrupts_held():
                os.kill(os.getpid(), signal.SIGINT)
                done = True
        except KeyboardInterrupt:
            assert handler is signal.default_int_handler
        else:
            assert handler is signal.SIG_IGN
        assert done
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.usefixtures("recompiled")
def test_ctrl_c_within_a_compiled_loss_is_not_lost() -> None:
    """torch drops what is raised before compiled code runs, so nothing may be raised there."""
    module, images = torch.nn.Linear(3, 3), torch.ones(2, 3)
    steps: list[str] = []

    @torch.compiler.disable
    def interrupted() -> None:
        steps.append("begun")
        if len(steps) > 2:  # not while it compiles
            os.kill(os.getpid(), signal.SIGINT)
        steps.append("done")

    def loss(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        interrupted()
        result: torch.Tensor = module(images).square().mean()
        return result

    quick = compiled(loss, module, images)
    assert steps == ["begun", "done"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            quick(images, torch.Generator())
    finally:
        signal.signal(signal.SIGINT, before)
    assert steps == ["begun", "done"] * 2


@pytest.mark.slow
@pytest.mark.usefixtures("recompiled")
def test_compiled_training_is_the_same_to_the_last_digits_and_resumable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    eager = trainer(tmp_path / "eager", epochs=2)
    eager.run()
    monkeypatch.setattr(Trainer, "compile_from", 0)
    whole = trainer(tmp_path / "whole", epochs=2)
    whole.run()
    assert whole.trained()["compiled_epochs"] == 2
    for name, weight in weights(whole).items():
        torch.testing.assert_close(weight, weights(eager)[name], rtol=0, atol=2e-4)
    assert not same(weights(whole), weights(eager)), "nothing was compiled"

    class Interrupted(Exception):
        pass

    def stop(_: int) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        trainer(tmp_path / "resumed", epochs=2).run(stop)
    torch.compiler.reset()  # as in another process
    resumed = trainer(tmp_path / "resumed", epochs=2)
    assert resumed.run() == whole.history
    assert same(weights(resumed), weights(whole))
    assert resumed.trained() == whole.trained()


WITHOUT_A_COMPILER = """
import sys, warnings
from pathlib import Path
import torch
from semrobust.training.loop import Trainer
from tests.training.samples import trainer, weights
Trainer.compile_from = 0
torch.set_num_threads(1)
of = trainer(Path(sys.argv[1]) / "scratch", epochs=2)
of.run()
torch.save((of.trained(), weights(of)), Path(sys.argv[1]) / "done.pt")
"""


def test_without_a_compiler_one_warning_and_the_weights_of_an_eager_training(tmp_path: Path) -> None:
    eager = trainer(tmp_path / "eager", epochs=2)
    eager.run()
    nothing = {name: value for name, value in os.environ.items() if name != "CXX"}
    surroundings = nothing | {"PATH": str(tmp_path), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-c", WITHOUT_A_COMPILER, str(tmp_path)]
    done = subprocess.run(command, cwd=REPOSITORY, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("'small' is trained without torch.compile") == 1
    assert "Traceback" not in done.stderr
    trained, found = torch.load(tmp_path / "done.pt", weights_only=True)
    assert trained["compiled_epochs"] == 0
    assert same(found, weights(eager))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_precision_is_that_of_forward_passes_in_training(tmp_path: Path, precision: Any) -> None:
    seen = []

    class Watched(DeepJSCCSystem):
        def loss(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
            seen.append((self.module.training, torch.is_autocast_enabled("cpu")))
            return super().loss(images, generator)

    given = trainer(tmp_path, epochs=1, precision=precision)
    system = Watched.create(deepjscc_settings(epochs=1, precision=precision), USES, 5)
    watched = Trainer(system, given.train, given.validation, tmp_path, 11, "small")
    watched.run()
    assert {autocast for training, autocast in seen if training} == {precision == "bf16"}
    assert {autocast for training, autocast in seen if not training} == {False}
    assert {weight.dtype for weight in weights(watched).values()} == {torch.float32}
