"""Receivers that name the class of an image: what they answer, and semantic noise that makes them err."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

import torch

from semrobust.attacks.image.classifier import Classifier, deterministic
from semrobust.attacks.image.semantic_noise import SemanticNoise
from semrobust.config.noise import NoiseSweepSettings
from semrobust.config.settings import LEVELS, Plain
from semrobust.data.content import CLASSES, IMAGE_SHAPE
from semrobust.errors import ResultError, UsageError, similar
from semrobust.library import arguments, defaults
from semrobust.library.transceiver import device_of, drawing_layer
from semrobust.measure.noise import noise_by
from semrobust.phy.air import Air
from semrobust.pipeline import seeds
from semrobust.systems.classification import ClassifyingSystem
from semrobust.systems.draw import Draw, Randomness, over_air

_ROUNDING = 1e-6  # of levels
_FIELDS = [field.name for field in fields(SemanticNoise)]


def classify(
    system: ClassifyingSystem,
    images: torch.Tensor,
    snr_db: float | None = None,
    *,
    channel: str | None = None,
    seed: int | None = None,
    batch: int | None = None,
) -> torch.Tensor:
    """Send images and classify what arrives: logits (B, 10) float32 on the CPU.

    Args:
        system: of `load`, one that names a class, such as "mae_vq" or "vit".
        images: (B,3,32,32) float in [0,1]. Noise and fading belong to an image's place in them.
        snr_db: SNR per real channel use; None: nothing is lost.
        channel: name in the `channels` of params.yaml; without it the one that accuracies are compared over.
        seed: root of all randomness; that of params.yaml gives the draws of the run's tables.
        batch: images side by side, which changes no result but needs memory.

    Raises UsageError for what cannot be.

    Here `params` and `folder` are those of a run that was made:

    >>> import semrobust
    >>> network = semrobust.load("vit", params=params, folder=folder)
    >>> semrobust.classify(network, semrobust.example_images(4)).shape
    torch.Size([4, 10])
    """
    pictures, params = _pictures(_classifier(system), images), defaults.params()
    root = arguments.whole("seed", seed, params.seed, least=0)
    if snr_db is None and channel is not None:
        raise UsageError(f"channel: {channel!r}, needs an snr_db; without one nothing is lost")
    asked = None if snr_db is None else arguments.one_snr_db(snr_db)
    air = None if asked is None else _air(channel or params.recognition.channel, asked)
    parts = []
    with torch.no_grad():
        for numbers in _batches(len(pictures), batch):
            draw = over_air(root, float("nan") if asked is None else asked, numbers)
            parts.append(system.logits(pictures[numbers], air, draw))
    return torch.cat(parts)


def semantic_noise(
    receiver: ClassifyingSystem | Callable[[torch.Tensor], torch.Tensor],
    images: torch.Tensor,
    labels: torch.Tensor,
    noise: str | None = None,
    *,
    epsilon: float | None = None,
    seed: int | None = None,
    batch: int | None = None,
    **settings: Any,
) -> SemanticNoise:
    """Make noise of ||Δ||_p <= ε on the images, before anything is sent, that a receiver names other classes of.

    What is not given is as in `params.yaml`, so that on a run's images noise is that of the run. Noise is made as if
    nothing were lost on the air, but for noise with `through`. Try it on other draws of the channel (`classify`).

    Args:
        receiver: a system of `load` that names a class, or any module or function from images to logits (B, K), which
            an attack differentiates; what it draws itself must be the same each time. Put modules into `eval()`.
        images: (B,C,H,W) float in [0,1], 8-bit values k/255, of which noisy ones are, too.
        labels: (B,) int64, the right classes.
        noise: a name in `recognition.noise` or `recognition.adaptive.noise` of params.yaml, or a kind of noise; without
            it the default noise.
        epsilon: ε, for pixels in [0,1]; without it that of the default noise for p = ∞, and to be given for p = 2. For
            p = ∞ what fits of whole levels k/255 counts.
        seed, batch: as those of `classify`.
        settings: of the noise, over those of params.yaml: `config.noise.NoiseSweepSettings` says what each means.

    Raises UsageError for what cannot be, and SemrobustError where the receiver gives no finite loss or gradient.

    >>> import semrobust, torch
    >>> classifier = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3072, 10))
    >>> images, labels = semrobust.example_images(4), torch.zeros(4, dtype=torch.int64)
    >>> noisy = semrobust.semantic_noise(classifier, images, labels, epsilon=4 / 255)
    >>> bool((noisy.images - images).abs().max() <= 4.001 / 255)
    True
    """
    pictures, params = arguments.images(images), defaults.params()
    root = arguments.whole("seed", seed, params.seed, least=0)
    name, described = _described(params.recognition.default_noise if noise is None else noise)
    given = NoiseSweepSettings.model_validate(
        defaults.overridden(f"noise {name!r}", NoiseSweepSettings, described, _but_budgets(name, settings))
    )
    level = _level(name, given, epsilon)
    through = None
    if isinstance(receiver, ClassifyingSystem):
        pictures, classes, parts = _pictures(receiver, pictures), CLASSES, receiver.settings.parts
        through = None if given.through is None else _air(given.through, params.recognition.at_snr_db)
    else:
        classes, parts = _classes(receiver, pictures, _least_classes(given)), frozenset()
    lacking = sorted(given.parts - parts)
    if lacking:
        raise UsageError(
            f"noise {name!r} is about {' and '.join(map(repr, lacking))}, which the receiver does not have"
        )
    right = arguments.labels(labels, len(pictures), classes)
    own = Draw(seeds.integer(root, "semantic noise"), torch.arange(len(pictures)), not given.guessed_masks).named(name)
    attacked = _attacked(receiver, given, through)
    found = [
        noise_by(attacked, given, level, pictures[numbers], right[numbers], own.take(numbers))
        for numbers in _batches(len(pictures), batch)
    ]
    return SemanticNoise(**{name: torch.cat([getattr(one, name) for one in found]) for name in _FIELDS})


def _attacked(
    receiver: ClassifyingSystem | Callable[[torch.Tensor], torch.Tensor], given: NoiseSweepSettings, air: Air | None
) -> Classifier:
    """What the attacker differentiates."""
    if not isinstance(receiver, ClassifyingSystem):
        return deterministic(_on_its_device(receiver))

    def logits(images: torch.Tensor, own: Randomness, /) -> torch.Tensor:
        before, receiver.temperature = receiver.temperature, given.temperature
        try:
            return receiver.logits(images, air, own)
        finally:
            receiver.temperature = before

    return logits


def _on_its_device(receiver: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[torch.Tensor], torch.Tensor]:
    where = device_of(receiver)
    return lambda images: receiver(images.to(where).clone()).cpu()  # layers may work in place


def _classes(receiver: object, pictures: torch.Tensor, least: int) -> int:
    """How many classes a foreign receiver tells apart; raises UsageError or ResultError with what to do otherwise."""
    if not callable(receiver):
        raise UsageError(f"a {type(receiver).__name__} names no classes: give a system of semrobust.load, or a module")
    if drawing := drawing_layer(receiver):
        raise ResultError(f"the receiver has {drawing} in training mode: call eval() first")
    two = pictures[:2]
    with torch.no_grad():
        logits = receiver(two.to(device_of(receiver)).clone())
    if not isinstance(logits, torch.Tensor):
        raise ResultError(f"the receiver makes a {type(logits).__name__} of images: must be logits (B, K)")
    if logits.ndim != 2 or len(logits) != len(two) or not logits.is_floating_point():
        raise ResultError(
            f"the receiver makes {tuple(logits.shape)} {logits.dtype} of {len(two)} images: must be logits (B, K)"
        )
    if logits.shape[1] < least:
        raise UsageError(f"the receiver names {logits.shape[1]} classes, and this noise needs {least}")
    return logits.shape[1]


def _least_classes(given: NoiseSweepSettings) -> int:
    """DLR divides by the distance to the third class."""
    return 3 if given.loss == "dlr" or given.kind == "auto_attack" else 2


def _classifier(system: object) -> ClassifyingSystem:
    if not isinstance(system, ClassifyingSystem):
        which = getattr(system, "name", "") or type(system).__name__
        raise UsageError(f'{which!r} names no class of an image: take one that does, such as semrobust.load("mae_vq")')
    return system


def _pictures(system: ClassifyingSystem, given: torch.Tensor) -> torch.Tensor:
    """Images of the size that the networks of the params take."""
    found = arguments.images(given)
    if found.shape[1:] != IMAGE_SHAPE:
        raise UsageError(
            f"images of shape {tuple(given.shape)}: {system.name} takes (B, {', '.join(map(str, IMAGE_SHAPE))})"
        )
    return found


def _batches(count: int, batch: int | None) -> Iterator[torch.Tensor]:
    size = arguments.whole("batch", batch, defaults.params().recognition.batch)
    return iter(torch.split(torch.arange(count), size))


def _air(channel: str, snr_db: float) -> Air:
    arguments.text("channel", channel)
    known = defaults.params().channels
    if channel not in known:
        raise UsageError(f"unknown channel {channel!r}{similar(channel, list(known))}; known: {', '.join(known)}")
    return Air.of(known[channel], snr_db)


def _described(chosen: str) -> tuple[str, Plain]:
    """Name and settings of noise: by its name in the params, or as the first there of its kind."""
    params = defaults.params()
    arguments.text("noise", chosen)
    known: Plain = params.section("recognition", "noise") | params.section("recognition", "adaptive", "noise")
    kinds = {entry["kind"]: name for name, entry in reversed(known.items())}
    name = chosen if chosen in known else kinds.get(chosen)
    if name is None:
        names = list(dict.fromkeys([*known, *kinds]))
        raise UsageError(f"unknown noise {chosen!r}{similar(chosen, names)}; known: {', '.join(names)}")
    return name, known[name]


def _but_budgets(name: str, settings: dict[str, Any]) -> dict[str, Any]:
    if "epsilon_levels" in settings:
        raise UsageError(f"noise {name!r} is made at one budget here: give epsilon, for pixels in [0,1]")
    return settings


def _level(name: str, given: NoiseSweepSettings, epsilon: float | None) -> float:
    """ε in 8-bit levels."""
    if epsilon is None:
        if given.norm != "linf":
            raise UsageError(f"noise {name!r} is for p = 2: give epsilon, such as 0.5")
        return defaults.params().recognition.default_level
    if isinstance(epsilon, bool) or not isinstance(epsilon, int | float) or not 0 <= epsilon < float("inf"):
        raise UsageError(f"epsilon: {epsilon!r}, must be a number of at least 0, for pixels in [0,1]")
    if given.norm == "linf" and 0 < epsilon * LEVELS < 1 - _ROUNDING:
        raise UsageError(f"epsilon: {epsilon!r}, is below one 8-bit level, 1/{LEVELS}, so that no noise fits")
    return epsilon * LEVELS
