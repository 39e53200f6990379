"""The training loop: the same weights after any interruption, and nothing lost when something goes wrong."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from semrobust.errors import ArtifactError, TrainingError
from semrobust.training.loop import Trainer, as_float
from tests.attacks.samples import REPOSITORY, deepjscc_settings
from tests.training.samples import poisoned, same, trainer, weights


class Interrupted(Exception):
    """Stands for anything that ends a training from outside."""


def stop_after(epoch: int) -> Callable[[int], None]:
    def after(finished: int) -> None:
        if finished == epoch:
            raise Interrupted

    return after


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    """The finished reference training; not to be trained further."""
    done = trainer(tmp_path_factory.mktemp("reference"))
    done.run()
    return done


def test_loss_falls_and_every_epoch_is_told(uninterrupted: Trainer) -> None:
    history = uninterrupted.history
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]
    assert history[-1]["train_loss"] < 0.8 * history[0]["train_loss"]
    assert history[-1]["validation_loss"] < 0.8 * history[0]["validation_loss"]
    assert all(math.isfinite(value) for row in history for value in row.values())


def test_training_is_repeatable(uninterrupted: Trainer, tmp_path: Path) -> None:
    again = trainer(tmp_path)
    torch.manual_seed(123)  # the global generator has no part in it
    assert again.run() == uninterrupted.history
    assert same(weights(again), weights(uninterrupted))


@pytest.mark.parametrize("epoch", [1, 3, 4])
def test_interrupted_training_ends_with_the_same_weights(uninterrupted: Trainer, tmp_path: Path, epoch: int) -> None:
    first = trainer(tmp_path)
    with pytest.raises(Interrupted):
        first.run(stop_after(epoch))
    assert len(first.history) == epoch
    second = trainer(tmp_path)
    finished: list[int] = []
    history = second.run(finished.append)
    assert finished == list(range(epoch + 1, 5)), "epochs were done twice or left out"
    assert history == uninterrupted.history
    assert same(weights(second), weights(uninterrupted))
    assert same(weights(first), weights(second)) == (epoch == 4)


def test_interruption_within_an_epoch_loses_that_epoch_only(
    uninterrupted: Trainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = trainer(tmp_path)
    step, taken = first.step, 0

    def failing(order: torch.Tensor, number: int, generator: torch.Generator) -> torch.Tensor:
        nonlocal taken
        taken += 1
        if taken == 8 + 5:
            raise KeyboardInterrupt
        return step(order, number, generator)

    monkeypatch.setattr(first, "step", failing)
    with pytest.raises(KeyboardInterrupt):
        first.run()
    second = trainer(tmp_path)
    finished: list[int] = []
    second.run(finished.append)
    assert finished == [2, 3, 4]
    assert second.history == uninterrupted.history
    assert same(weights(second), weights(uninterrupted))


def test_a_process_killed_while_it_saves_goes_on_from_the_epoch_before(uninterrupted: Trainer, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.training.samples", str(tmp_path), "3"]
    killed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = sorted(path.name for path in tmp_path.iterdir())
    assert "state.pt" in left
    assert len(left) == 2, "the half-written state should lie beside the good one"
    resumed = trainer(tmp_path)
    finished: list[int] = []
    history = resumed.run(finished.append)
    assert finished == [3, 4]
    assert history == uninterrupted.history
    assert same(weights(resumed), weights(uninterrupted))


@pytest.mark.parametrize("poison", [math.nan, math.inf, 5.0])
def test_a_loss_that_is_not_finite_or_rises_far_stops_and_keeps_the_last_good_state(
    uninterrupted: Trainer, tmp_path: Path, poison: float
) -> None:
    with pytest.raises(TrainingError) as caught:
        poisoned(tmp_path, poison, after=2 * 8 + 3).run()  # in the third epoch
    message = str(caught.value)
    for part in ("'small'", "epoch 3", "after epoch 2", str(tmp_path), "systems.small.training.learning_rate"):
        assert part in message
    saved = torch.load(tmp_path / "state.pt", weights_only=True)
    assert [row["epoch"] for row in saved["history"]] == [1, 2]
    assert all(torch.isfinite(value).all() for value in saved["module"].values())
    # what was kept is good: a healthy run goes on from it to the same end
    healthy = trainer(tmp_path)
    assert healthy.run() == uninterrupted.history
    assert same(weights(healthy), weights(uninterrupted))


def test_absurd_learning_rate_is_an_error_and_not_a_model(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="learning_rate"):
        trainer(tmp_path, learning_rate=1e11).run()


@pytest.mark.parametrize("damage", ["cut", "garbage", "empty", "of another version"])
def test_damaged_scratch_state_is_refused_with_its_path(tmp_path: Path, damage: str) -> None:
    with pytest.raises(Interrupted):
        trainer(tmp_path).run(stop_after(1))
    state = tmp_path / "state.pt"
    content = state.read_bytes()
    if damage == "of another version":
        torch.save(torch.load(state, weights_only=True) | {"optimizer": {"state": {}, "param_groups": []}}, state)
    else:
        state.write_bytes({"cut": content[: len(content) // 2], "garbage": b"\x00garbage" * 99, "empty": b""}[damage])
    with pytest.raises(ArtifactError) as caught:
        trainer(tmp_path).run()
    assert str(state) in str(caught.value)
    assert f"Remove the folder {tmp_path}" in str(caught.value)


def test_validation_images_never_influence_the_weights(uninterrupted: Trainer, tmp_path: Path) -> None:
    other = trainer(tmp_path, validation=128)
    history = other.run()
    assert same(weights(other), weights(uninterrupted))
    for mine, theirs in zip(history, uninterrupted.history, strict=True):
        assert mine["train_loss"] == theirs["train_loss"]
        assert mine["validation_loss"] != theirs["validation_loss"]


def test_the_stream_s_name_and_the_schedule_do_influence_them(uninterrupted: Trainer, tmp_path: Path) -> None:
    renamed = trainer(tmp_path / "name")
    renamed.name = "another"
    renamed.run()
    assert not same(weights(renamed), weights(uninterrupted))
    quiet = trainer(tmp_path / "quiet", train_snr_db=None)
    quiet.run()
    assert not same(weights(quiet), weights(uninterrupted))


def test_every_epoch_uses_every_image_once_in_an_order_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = trainer(tmp_path)
    seen: list[torch.Tensor] = []
    step = watched.step

    def noting(order: torch.Tensor, number: int, generator: torch.Generator) -> torch.Tensor:
        seen.append(order[number * 32 : (number + 1) * 32])
        return step(order, number, generator)

    monkeypatch.setattr(watched, "step", noting)
    watched.run()
    epochs = [torch.cat(seen[8 * epoch : 8 * (epoch + 1)]) for epoch in range(4)]
    assert all(order.sort().values.tolist() == list(range(256)) for order in epochs)
    assert len({tuple(order.tolist()) for order in [*epochs, torch.arange(256)]}) == 5


def test_learning_rate_rises_to_its_peak_and_falls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rated = trainer(tmp_path, learning_rate=4e-3, warmup_share=0.25)
    step, rates = rated.step, list[float]()

    def noting(order: torch.Tensor, number: int, generator: torch.Generator) -> torch.Tensor:
        rates.append(rated.optimizer.each[0].param_groups[0]["lr"])
        return step(order, number, generator)

    monkeypatch.setattr(rated, "step", noting)
    rated.run()
    assert len(rates) == 32
    assert max(rates) == pytest.approx(4e-3)
    assert rates.index(max(rates)) == 7  # a quarter of 32 steps, counted from 0
    assert rates[0] < max(rates) / 10
    assert rates[-1] < max(rates) / 1000


def test_weight_decay_reaches_the_optimizer(tmp_path: Path) -> None:
    groups = trainer(tmp_path, weight_decay=0.03).optimizer.each[0].param_groups
    assert [group["weight_decay"] for group in groups] == [0.03]


def test_fewer_images_than_a_batch_still_train(tmp_path: Path) -> None:
    few = trainer(tmp_path, batch=1000, warmup_share=0.5)
    assert few.steps == 1
    before = weights(few)
    assert len(few.run()) == 4
    assert not same(before, weights(few))


def test_shortest_schedule_is_trained(tmp_path: Path) -> None:
    """One epoch of 8 steps whose warm-up is a single step."""
    short = trainer(tmp_path, epochs=1, warmup_share=1 / 8)
    assert len(short.run()) == 1


def test_pixels_become_floats_between_0_and_1() -> None:
    values = as_float(torch.tensor([0, 51, 255], dtype=torch.uint8))
    assert values.dtype == torch.float32
    assert values.tolist() == pytest.approx([0.0, 0.2, 1.0])


@pytest.mark.parametrize("key", ["epochs", "batch", "learning_rate"])
def test_settings_that_cannot_train_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match=key):
        deepjscc_settings(**{key: 0})
