"""Receivers that name classes: the answers and the noise of a made run to the bit, and any module in their place."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from semrobust import attack, classify, evaluate, example_images, load, load_images, load_labels, semantic_noise
from semrobust.errors import DataError, ResultError, UsageError
from semrobust.measure.noise import stored_name
from semrobust.systems.classification import ClassifyingSystem
from tests.library.samples import mine
from tests.made import EFFORT, Run

NAME = "mae_vq"


def given(run: Run, name: str = NAME) -> ClassifyingSystem:
    run.artifact(f"train/{name}")
    found = load(name, params=run.params, folder=run.folder)
    assert isinstance(found, ClassifyingSystem)
    return found


def linear(classes: int = 2) -> nn.Linear:
    """Logits W x of flat images, always the same W."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(8)
        return nn.Linear(3072, classes, bias=False).requires_grad_(False)


def flat(classes: int = 2, *layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), *layers, linear(classes))


@pytest.mark.parametrize(("channel", "snr_db"), [("awgn", 12.0), ("rayleigh", 0.0), (None, None)])
def test_answers_are_those_of_the_tables(channel: str | None, snr_db: float | None, run: Run) -> None:
    rows = run.frame(f"accuracy/{NAME}")
    rows = rows[(rows["attack"] == "none") & (rows["channel"] == (channel or "error_free"))]
    rows = rows[rows["snr_db"].isna() if snr_db is None else rows["snr_db"] == snr_db].sort_values("image")
    images = load_images(params=run.params, folder=run.folder)
    labels = load_labels(params=run.params, folder=run.folder)
    assert torch.equal(labels, run.pixels()[1])
    logits = classify(given(run), images, snr_db, channel=channel, seed=run.params.seed, batch=5)
    assert logits.shape == (len(images), 10)
    assert (logits.argmax(1) == labels).tolist() == rows["right"].tolist()
    assert torch.allclose(logits[:3], classify(given(run), images[:3], snr_db, channel=channel, seed=run.params.seed))


@pytest.mark.parametrize(
    ("noise", "level"), [(None, 8.0), ("iterated", 2.0), ("through_channel", 8.0), ("random", 8.0)]
)
def test_noise_is_that_of_the_run(noise: str | None, level: float, run: Run) -> None:
    stored = run.arrays(f"noise/{NAME}")
    images, labels = run.images(), run.pixels()[1]
    effort = {} if noise == "random" else EFFORT
    more: dict[str, Any] = {"samples": 2} if noise == "through_channel" else {}
    own = {} if noise is None else {"epsilon": level / 255}
    made = semantic_noise(given(run), images, labels, noise, seed=run.params.seed, batch=5, **own, **effort, **more)
    key = stored_name(noise or "iterated", level)
    assert np.array_equal(((made.images - images) * 255).round().numpy(), stored[key])
    assert np.allclose(made.loss_after.numpy(), stored[f"{key}/loss_after"], rtol=1e-5)


def test_noise_on_a_linear_classifier_is_its_closed_form() -> None:
    """Of two classes the loss rises most along the sign of the difference of their rows, whatever the image."""
    images, labels = example_images(6), torch.tensor([0, 1, 0, 1, 0, 1])
    weight = linear().weight
    towards = torch.stack([weight[1 - label] - weight[label] for label in labels]).sign().view(images.shape)
    expected = (images + 4 / 255 * towards).clamp(0, 1)
    for noise in ("single", "iterated"):
        made = semantic_noise(flat(), images, labels, noise, epsilon=4 / 255)
        assert torch.allclose(made.images, expected, atol=1e-6), noise
        assert (made.loss_after > made.loss_before).all()
    assert torch.equal(semantic_noise(flat(), images, labels, epsilon=0).images, images)


def test_noise_of_euclidean_norm_keeps_its_budget_with_any_number_of_classes() -> None:
    images, labels = example_images(4), torch.tensor([0, 12, 5, 16])
    made = semantic_noise(flat(17), images, labels, "iterated_l2", epsilon=0.5)
    assert ((made.images - images).flatten(1).norm(dim=1) <= 0.5 + 1e-6).all()
    assert (made.loss_after > made.loss_before).all()


def test_what_the_attacker_believes_leaves_the_receiver_as_it_was(run: Run) -> None:
    network, images, labels = given(run), run.images(4), run.pixels(4)[1]
    before = classify(network, images)
    soft = semantic_noise(network, images, labels, "soft", **EFFORT)
    assert network.temperature is None
    assert torch.equal(classify(network, images), before)
    assert not torch.equal(soft.images, semantic_noise(network, images, labels, "margin", **EFFORT).images)


@pytest.mark.parametrize("name", ["mae_vq_coded", "jpeg_vit_full"])
def test_a_system_of_weights_of_another_needs_only_their_file(name: str, tmp_path: Path, run: Run) -> None:
    start = run.params.systems[name].starts_from
    images = run.images(4)
    expected = classify(given(run, name), images, 12)
    for path in run.artifact(f"train/{start}").paths:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(run.folder / path, tmp_path / path)
    alone = load(name, params=run.params, folder=tmp_path)
    assert isinstance(alone, ClassifyingSystem)
    assert torch.equal(classify(alone, images, 12), expected)


def test_what_cannot_be_is_said(run: Run) -> None:
    network, images, labels = given(run), run.images(2), run.pixels(2)[1]
    large = torch.zeros(1, 3, 64, 64)
    ask: Any = classify  # what a type checker would refuse, too
    make: Any = semantic_noise
    for call in (attack, evaluate):
        with pytest.raises(UsageError, match="'mae_vq' reconstructs no images: it names their class"):
            call(network, images, 10)
    with pytest.raises(UsageError, match="'mine' names no class of an image"):
        ask(mine(), images)
    with pytest.raises(UsageError, match=r"mae_vq takes \(B, 3, 32, 32\)"):
        classify(network, large)
    with pytest.raises(UsageError, match="needs an snr_db"):
        classify(network, images, channel="awgn")
    with pytest.raises(UsageError, match=r"unknown channel 'rayleig' \(did you mean 'rayleigh'\?\)"):
        classify(network, images, 10, channel="rayleig")
    with pytest.raises(UsageError, match="must be one number"):
        ask(network, images, [0, 10])
    with pytest.raises(UsageError, match=r"unknown noise 'iterate' \(did you mean 'iterated'\?\)"):
        semantic_noise(network, images, labels, "iterate")
    with pytest.raises(UsageError, match="has no setting 'iteration'"):
        semantic_noise(network, images, labels, iteration=3)
    with pytest.raises(UsageError, match="give epsilon, for pixels"):
        semantic_noise(network, images, labels, epsilon_levels=[3])
    with pytest.raises(UsageError, match="is for p = 2: give epsilon"):
        semantic_noise(network, images, labels, "iterated_l2")
    for kind in (5, ["iterated"]):
        with pytest.raises(UsageError, match="must be a name"):
            make(network, images, labels, kind)
    with pytest.raises(UsageError, match="channel: 5, must be a name"):
        ask(network, images, 5, channel=5)
    with pytest.raises(UsageError, match=r"labels: torch\.complex64"):
        make(network, images, labels + 0j)
    with pytest.raises(UsageError, match="below one 8-bit level"):
        semantic_noise(network, images, labels, epsilon=0.5 / 255)
    for noise, count in (("iterated", 1), ("dlr", 2), ("auto_attack", 2)):
        few = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3072, count))
        with pytest.raises(UsageError, match=f"names {count} classes, and this noise needs {count + 1}"):
            semantic_noise(few, images, 0 * labels, noise)
    for epsilon in (-1, float("nan"), True, "8"):
        with pytest.raises(UsageError, match="must be a number of at least 0"):
            make(network, images, labels, epsilon=epsilon)
    for wrong in (labels[:1], labels.float(), [0, 1]):
        with pytest.raises(UsageError, match="must be whole numbers"):
            make(network, images, wrong)
    with pytest.raises(UsageError, match="labels from 10 to 10: must be from 0 to 9"):
        semantic_noise(network, images, torch.full((2,), 10))
    with pytest.raises(UsageError, match="noise 'through_air' is about"):
        semantic_noise(flat(), images, labels % 2, "through_air")
    with pytest.raises(UsageError, match="names no classes: give a system"):
        make("mae_vq", images, labels)
    with pytest.raises(ResultError, match=r"has Dropout in training mode: call eval\(\)"):
        semantic_noise(flat(2, nn.Dropout()), images, labels % 2)
    with pytest.raises(ResultError, match=r"must be logits \(B, K\)"):
        semantic_noise(nn.Identity(), images, labels)
    with pytest.raises(ResultError, match="makes a dict of images: must be logits"):
        make(lambda images: {"logits": images}, images, labels)
    with pytest.raises(DataError, match="8-bit values"):
        semantic_noise(flat(), images * 0.999, labels % 2)
