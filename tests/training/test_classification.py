"""Training of hu2022's networks: what a step does, that it learns, and the same weights after any interruption."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from semrobust.attacks.image.noise_settings import NoiseSettings
from semrobust.models.codebook import CodebookCollapse
from semrobust.phy.air import Air
from semrobust.phy.fading import Fading
from semrobust.pipeline import seeds
from semrobust.systems.classification import ClassifyingSettings, ClassifyingSystem
from semrobust.systems.draw import Draw
from semrobust.systems.mae_vq import MaeVqSystem
from semrobust.training import classification as recognition
from semrobust.training.classification import RecognitionTrainer, mixed, shifted
from tests.made import Run
from tests.systems.test_classification import created, tiny
from tests.training.samples import same, weights

AIR = Air(Fading("awgn"), 12.0)
SHORT: dict[str, Any] = {"epochs": 3, "batch": 16, "learning_rate": 5e-3, "precision": "fp32", "shift": 2}


class Interrupted(Exception):
    """Stands for anything that ends a training from outside."""


def coloured(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """uint8 images (count,3,32,32) of ten colours, one per class, under noise; labels (count,) int64."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 10
    colours = torch.randint(40, 216, (10, 3, 1, 1), generator=torch.Generator().manual_seed(0))
    noise = torch.randint(-30, 31, (count, 3, 32, 32), generator=generator)
    return (colours[labels] + noise).to(torch.uint8), labels


def system_of(name: str, training: dict[str, Any] | None = None, **changes: Any) -> Any:
    """A tiny system with a short training."""
    settings = tiny().systems[name]
    assert isinstance(settings, ClassifyingSettings)
    assert settings.training is not None
    schedule = settings.training.model_copy(update=SHORT | (training or {}))
    return created(name, **(changes | {"training": schedule}))


def trainer_of(system: ClassifyingSystem, scratch: Path, images: int = 64) -> RecognitionTrainer:
    air = None if system.training.channel is None else AIR
    return RecognitionTrainer(system, air, coloured(images, 1), coloured(30, 2), scratch, 11, "small")


def one_step(trainer: RecognitionTrainer) -> None:
    trainer.module.train()
    trainer.step(torch.arange(64), 0, torch.Generator().manual_seed(4))


# images of a step


def test_shifts_and_flips_are_among_all_that_are_allowed() -> None:
    """Brute force: each image is one of the 2·(2s+1)² crops of itself with mirrored edges."""
    images = torch.randint(256, (60, 3, 8, 8), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    seen = set()
    moved = shifted(images, 2, torch.Generator().manual_seed(2))
    assert moved.shape == images.shape
    assert moved.dtype == torch.uint8
    index = torch.tensor([2, 1, 0, 1, 2, 3, 4, 5, 6, 7, 6, 5])  # two more at each end, mirrored at the edge pixels
    for image, result in zip(images, moved, strict=True):
        found = [
            (flip, down, right)
            for flip in (False, True)
            for down in range(5)
            for right in range(5)
            if torch.equal(
                (image.flip(2) if flip else image)[:, index[down : down + 8]][:, :, index[right : right + 8]], result
            )
        ]
        assert len(found) == 1
        seen.add(found[0])
    assert len(seen) > 20  # of 50, by 60 draws
    assert {flip for flip, _, _ in seen} == {False, True}
    assert {down for _, down, _ in seen} == {right for _, _, right in seen} == set(range(5))


def test_without_shift_half_of_the_images_are_flipped_and_nothing_else_happens() -> None:
    images = torch.randint(256, (400, 3, 4, 4), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    given = images.clone()
    moved = shifted(images, 0, torch.Generator().manual_seed(2))
    flipped = (moved == images.flip(3)).flatten(1).all(1)
    assert torch.all(flipped ^ (moved == images).flatten(1).all(1))
    assert abs(int(flipped.sum()) - 200) < 5 * 10  # five standard deviations of a fair coin
    assert torch.equal(images, given)
    assert torch.equal(shifted(images, 0, torch.Generator().manual_seed(2)), moved)


# the adversarial step


def test_noise_rises_over_its_share_of_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """12 steps, of which a quarter; ε is 8/255 from then on."""
    system = system_of("vit_at")
    adversarial = system.training.adversarial.model_copy(update={"warmup_share": 0.25})
    trainer = trainer_of(system_of("vit_at", {"adversarial": adversarial}), tmp_path)
    with spied(monkeypatch, "last_iterate") as calls:
        trainer.run()
    found = [255 * settings.epsilon for _, _, _, settings, _, _ in calls]
    assert found == pytest.approx([8 / 3, 16 / 3, *10 * [8.0]])


def test_mixtures_are_of_two_images_and_say_so() -> None:
    images, labels = torch.eye(12).reshape(12, 1, 1, 12), torch.arange(12) % 10
    pictures, shares = mixed(images, labels, 0.5, torch.Generator().manual_seed(3))
    assert torch.allclose(pictures.sum(dim=(1, 2, 3)), torch.ones(12))
    assert torch.allclose(shares.sum(dim=1), torch.ones(12))
    assert ((pictures > 0).sum(dim=(1, 2, 3)) <= 2).all()
    own = pictures[torch.arange(12), 0, 0, torch.arange(12)]  # the share of the image itself
    assert (shares[torch.arange(12), labels] >= own - 1e-6).all()


@contextmanager
def spied(monkeypatch: pytest.MonkeyPatch, name: str) -> Iterator[list[tuple[Any, ...]]]:
    """Arguments and results of each call of a function of the training's module."""
    calls: list[tuple[Any, ...]] = []
    true = getattr(recognition, name)

    def noting(*given: Any) -> Any:
        result = true(*given)
        calls.append((*given, result))
        return result

    with monkeypatch.context() as patch:
        patch.setattr(recognition, name, noting)
        yield calls


@pytest.mark.parametrize("name", ["vit_at", "mae_vq"])
def test_noise_of_a_step_is_the_params_and_stays_in_its_ball(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = system_of(name, {"shift": 0})
    modes: list[bool] = []
    logits = system.logits

    def noting(images: torch.Tensor, air: Air | None, draw: Any) -> torch.Tensor:
        if images.requires_grad:
            assert air is None  # made as if nothing were lost
            modes.append(system.module.training)
        result: torch.Tensor = logits(images, air, draw)
        return result

    monkeypatch.setattr(system, "logits", noting)
    trainer = trainer_of(system, tmp_path)
    with spied(monkeypatch, "last_iterate") as calls:
        one_step(trainer)
    ((_, clean, labels, settings, _, noisy),) = calls
    assert settings == NoiseSettings(
        norm="linf", epsilon=8 / 255, step=0.75 * (8 / 255), iterations=2, random_start=True
    )
    assert torch.equal(labels, coloured(64, 1)[1][:16])
    moved = 255 * (noisy.double() - clean.double())
    assert torch.all((moved - moved.round()).abs() < 1e-3)  # 8-bit images
    assert 7.9 < float(moved.abs().max()) < 8.1
    assert modes == [False, False]
    assert all(part.training for part in system.module.modules())  # its modes are given back


@pytest.mark.parametrize("name", ["vit_at", "mae_vq"])
def test_weights_come_back_from_their_perturbation(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = trainer_of(system_of(name, {"learning_rate": 0.0, "weight_decay": 0.0}), tmp_path)
    before = weights(trainer)
    with spied(monkeypatch, "perturbation") as calls, spied(monkeypatch, "perturbed") as blocks:
        one_step(trainer)
    ((_, layers, gamma, v),) = calls
    assert gamma == 5e-3
    for layer, parameter in layers.items():
        assert float(v[layer].norm() / parameter.detach().norm()) == pytest.approx(gamma, rel=1e-4)
    assert len(blocks) == 1
    assert same(weights(trainer), before)
    assert all(parameter.grad.abs().max() > 0 for parameter in layers.values())


def test_gradients_are_taken_at_the_perturbed_weights(tmp_path: Path) -> None:
    """The step with γ and the one without start from the same noise, and end with different gradients."""
    found = []
    for gamma in (None, 5e-3, 5e-3):
        adversarial = system_of("vit_at").training.adversarial.model_copy(update={"weight_perturbation": gamma})
        trainer = trainer_of(system_of("vit_at", {"adversarial": adversarial}), tmp_path)
        one_step(trainer)
        found.append(torch.cat([parameter.grad.flatten() for parameter in trainer.module.parameters()]))  # type: ignore[union-attr]
    assert torch.equal(found[1], found[2])
    assert 1e-4 < float((found[1] - found[0]).norm() / found[0].norm()) < 1


def test_without_gamma_nothing_is_perturbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = trainer_of(system_of("mae_no_awp"), tmp_path)
    assert trainer.settings.adversarial is not None
    with (
        spied(monkeypatch, "perturbation") as calls,
        spied(monkeypatch, "perturbed") as blocks,
        spied(monkeypatch, "last_iterate") as noise,
    ):
        one_step(trainer)
    assert (len(calls), len(blocks), len(noise)) == (0, 0, 1)


def test_clean_training_makes_no_noise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with spied(monkeypatch, "last_iterate") as calls:
        one_step(trainer_of(system_of("mae_no_at"), tmp_path))
    assert calls == []


def test_clean_and_noisy_images_count_half_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = trainer_of(system_of("vit_at"), tmp_path)
    shares: list[float] = []
    learn = trainer._learn

    def noting(images: torch.Tensor, labels: torch.Tensor, draw: Any, share: float) -> torch.Tensor:
        shares.append(share)
        return learn(images, labels, draw, share)

    monkeypatch.setattr(trainer, "_learn", noting)
    one_step(trainer)
    assert shares == [0.5, 0.5]


# whole trainings


LEARNERS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("vit", {"epochs": 6}, {}),
    ("mae_no_at", {"epochs": 6}, {"reseed_every": 2, "commitment": 0.25}),
    ("mae_pretrained", {"epochs": 4}, {}),
]


@pytest.mark.parametrize(("name", "training", "changes"), LEARNERS, ids=[name for name, _, _ in LEARNERS])
def test_loss_falls_and_the_history_tells_it(
    name: str, training: dict[str, Any], changes: dict[str, Any], tmp_path: Path
) -> None:
    trainer = trainer_of(system_of(name, training, **changes), tmp_path, images=128)
    history = trainer.run()
    assert [row["epoch"] for row in history] == list(range(1, training["epochs"] + 1))
    assert history[-1]["train_loss"] < 0.9 * history[0]["train_loss"]
    assert history[-1]["validation_loss"] < history[0]["validation_loss"]
    keys = {"epoch", "train_loss", "validation_loss"}
    if name != "mae_pretrained":
        keys |= {"validation_accuracy"}
        assert history[-1]["validation_accuracy"] > 0.2  # chance is 0.1
    if name != "vit":
        keys |= {"codebook_usage", "codebook_perplexity"}
        for row in history:
            assert 1 / 16 <= row["codebook_usage"] <= 1
            assert 1 <= row["codebook_perplexity"] <= 16 * row["codebook_usage"] + 1e-9
    assert all(set(row) == keys for row in history)
    assert all(math.isfinite(value) for row in history for value in row.values())


def test_validation_is_measured_as_the_images_are_sent(tmp_path: Path) -> None:
    """The last row again, from outside: accuracy of all validation images on the draw of that epoch."""
    system = system_of("mae_no_at", {"epochs": 1})
    (row,) = trainer_of(system, tmp_path).run()
    images, labels = coloured(30, 2)
    draw = Draw(seeds.integer(11, "train", "small", "validation", 0), torch.arange(30))
    system.module.eval()
    with torch.no_grad():
        right = system.logits(images / 255, AIR, draw).argmax(1) == labels
        sent = system.indices(images / 255, draw)
    assert row["validation_accuracy"] == pytest.approx(float(right.float().mean()))
    assert row["codebook_usage"] == len(sent.unique()) / 16


CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "adversarial": ("vit_at", {}, {}),
    "AdamW alone": ("mae_no_awp", {"optimizer": "adamw"}, {}),
    "mixed and averaged": ("vit", {"mixup": 0.4, "average": 0.9}, {}),
    "reseeded": ("mae_vq", {}, {"reseed_every": 3}),  # does not divide the 4 steps of an epoch
    "bfloat16": ("mae_vq", {"precision": "bf16"}, {"reseed_every": 2}),
    "moving averages": ("mae_no_at", {}, {"reseed_every": 3, "ema_decay": 0.8}),
}


@pytest.mark.parametrize("case", CASES)
def test_interrupted_training_ends_with_the_same_weights(case: str, tmp_path: Path) -> None:
    name, training, changes = CASES[case]

    def trainer(scratch: str) -> RecognitionTrainer:
        return trainer_of(system_of(name, training, **changes), tmp_path / scratch)

    def stop(finished: int) -> None:
        if finished == 2:
            raise Interrupted

    whole, first, second = trainer("whole"), trainer("parts"), trainer("parts")
    start = weights(whole)
    whole.run()
    with pytest.raises(Interrupted):
        first.run(stop)
    torch.manual_seed(77)  # the global generator has no part in it
    finished: list[int] = []
    history = second.run(finished.append)
    assert finished == [3]
    assert history == whole.history
    assert same(weights(second), weights(whole))
    assert not same(weights(first), weights(whole))
    assert not same(start, weights(whole))


def test_unused_basis_vectors_are_reseeded_as_often_as_asked(tmp_path: Path) -> None:
    system = system_of("mae_no_at", reseed_every=3)
    trainer = trainer_of(system, tmp_path)
    asked: list[torch.Tensor] = []
    reseed = system.module.codebook.reseed

    def noting(features: torch.Tensor, generator: torch.Generator, unused: torch.Tensor) -> torch.Tensor:
        assert features.shape == (16 * 8, 4)  # those of the last batch
        assert features.dtype == torch.float32
        asked.append(unused.clone())
        replaced: torch.Tensor = reseed(features, generator, unused)
        assert replaced.tolist() == unused.nonzero().flatten().tolist()
        return replaced

    system.module.codebook.reseed = noting
    trainer.run()
    assert len(asked) == 3  # once in each epoch of four steps
    assert int(asked[0].sum()) > 0  # an untrained encoder leaves some unused


def test_collapsed_codebook_fails_the_training_and_the_last_good_state_stays(tmp_path: Path) -> None:
    system = system_of("mae_no_at")
    trainer = trainer_of(system, tmp_path)

    def demand(finished: int) -> None:
        if finished == 1:
            system.least_perplexity = 17.0  # of 16 basis vectors

    with pytest.raises(CodebookCollapse, match=r"perplexity \d+\.\d, below the limit of 17, with \d+ of 16 basis"):
        trainer.run(demand)
    saved = torch.load(tmp_path / "state.pt", weights_only=True)
    assert [row["epoch"] for row in saved["history"]] == [1]
    # what was kept is good: a training with a limit in reach goes on from it, to the end of one that never failed
    healthy, whole = (trainer_of(system_of("mae_no_at"), scratch) for scratch in (tmp_path, tmp_path / "whole"))
    assert healthy.run() == whole.run()
    assert same(weights(healthy), weights(whole))


# the step


CHAIN = ["mae_pretrained", "mae_no_at", "mae_vq", "mae_vq_coded"]
"""The coded transceiver and all that it starts from, the first one first."""


def test_each_system_starts_from_the_one_before(run: Run) -> None:
    trained, coded = run.system("mae_vq"), run.system("mae_vq_coded")
    assert isinstance(trained, MaeVqSystem)
    assert isinstance(coded, MaeVqSystem)
    own = trained.module.state_dict()
    assert all(torch.equal(own[name], value) for name, value in coded.module.state_dict().items())
    assert trained.code is None
    assert coded.code is not None
    assert coded.code.k >= 32
    images, _ = coloured(8, 3)
    draw = Draw(1, torch.arange(8))
    assert torch.equal(trained.logits(images / 255, None, draw), coded.logits(images / 255, None, draw))


def test_records_hold_the_history_and_what_was_started_from(run: Run) -> None:
    for start, system in zip([None, *CHAIN], CHAIN, strict=False):
        assert run.params.systems[system].starts_from == start
        record, settings = run.record(f"train/{system}"), run.params.systems[system]
        behind = {address.rpartition("-")[0] for address in record["inputs"]}
        started = set() if start is None else {f"train/{start}"}
        assert isinstance(settings, ClassifyingSettings)
        assert (settings.training is None) == (system == "mae_vq_coded")
        if settings.training is None:
            assert "history" not in record["details"]
            assert behind == started  # it learns nothing, and reads no data
        else:
            history = record["details"]["history"]
            assert [row["epoch"] for row in history] == list(range(1, settings.training.epochs + 1))
            assert {"codebook_usage", "codebook_perplexity"} < set(history[0])
            assert ("validation_accuracy" in history[0]) == (system != "mae_pretrained")
            assert behind == {"dataset/photos10"} | started


def test_a_finished_training_has_nothing_left_to_do(run: Run) -> None:
    run.again("train/mae_vq")  # in this folder: the first one may be a copy of what another process made
    before = run.path("train/mae_vq").read_bytes()
    finished: list[int] = []
    run.train("mae_vq", finished.append)
    assert finished == []  # its state of the last epoch is still there
    assert run.path("train/mae_vq").read_bytes() == before
