"""Make semantic noise on the test images against SYSTEM, a classifier.

It is made once and kept, so that it can be tried anywhere. The noise acts on the stored image, before anything is sent:
one noisy image serves all channels and SNRs. It is made as if nothing were lost on the air, or, where `through` names a
channel, on draws of that channel which no test uses.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import torch
from tqdm import tqdm

from semrobust.attacks.image import auto_attack, semantic_noise, square
from semrobust.attacks.image.classifier import Classifier
from semrobust.attacks.image.noise_settings import NoiseSettings
from semrobust.attacks.image.semantic_noise import SemanticNoise, fgsm, iterative_fgsm, random_noise, shift
from semrobust.config.noise import NoiseSweepSettings
from semrobust.config.settings import LEVELS, ChannelSettings, Plain
from semrobust.measure.images import TestImages
from semrobust.phy.air import Air
from semrobust.pipeline import seeds, select
from semrobust.pipeline.step import Step
from semrobust.pipeline.work import Work
from semrobust.systems.checkpoint import restore_classifier
from semrobust.systems.classification import ClassifyingSystem
from semrobust.systems.draw import Draw, Randomness

if TYPE_CHECKING:
    from semrobust.config.params import Params

_METHODS = {
    "iterated": iterative_fgsm,
    "pgd": iterative_fgsm,
    "single": fgsm,
    "random": random_noise,
    "shift": shift,
    "square": square.square,
    "auto_attack": auto_attack.auto_attack,
}
_VERSIONS = {"square": square.VERSION, "auto_attack": auto_attack.VERSION}
_MEASURES = ("norm", "loss_before", "loss_after", "success", "zero_gradient")


def noise_on(
    system: ClassifyingSystem, given: NoiseSweepSettings, level: float, air: Air | None, test: TestImages, draw: Draw
) -> SemanticNoise:
    """Noise of one kind at one budget on the images that `draw` numbers; `air` is what the attacker differentiates."""

    def classify(images: torch.Tensor, own: Randomness, /) -> torch.Tensor:
        return system.logits(images, air, own)

    numbers = draw.numbers
    return noise_by(classify, given, level, test.images[numbers], test.labels[numbers], draw)


def noise_by(
    classify: Classifier,
    given: NoiseSweepSettings,
    level: float,
    images: torch.Tensor,
    labels: torch.Tensor,
    draw: Randomness,
) -> SemanticNoise:
    """Noise of one kind at one budget in levels against any classifier."""
    return _METHODS[given.kind](classify, images, labels, NoiseSettings.of(given, level), draw)


def versions_of(kinds: Iterable[str]) -> Plain:
    """The integers that stand for the code of these kinds of noise in a key."""
    return {"semantic_noise": semantic_noise.VERSION} | {kind: _VERSIONS[kind] for kind in kinds if kind in _VERSIONS}


def settings(params: Params, name: str) -> Plain:
    chosen = {noise: select.noise(params, noise) for noise in params.noise_against(name)}
    through = {noise["through"] for noise in chosen.values() if noise["through"] is not None}
    return {
        "noise": chosen,
        "order": list(chosen),
        "through": {channel: select.channel(params, channel) for channel in sorted(through)},
        "at_snr_db": params.recognition.at_snr_db if through else None,
        "images": params.recognition.images,
        "batch": params.recognition.batch,
        "seed": params.seed,
        "threads": params.compute.job_threads,
    }


def make(work: Work) -> None:
    """Write all semantic noise against the system.

    For noise `a` at `l` levels the file holds `a@l`, the noise in whole levels, int16 (n,3,32,32), and per image,
    float32 (n,), `a@l/norm`, `/loss_before`, `/loss_after`, `/success` and `/zero_gradient` as in `SemanticNoise`.
    """
    torch.set_num_threads(work.threads)
    name, given = work.artifact.name, work.settings
    system = restore_classifier(work.input("train"))
    test = TestImages.of(work, given["images"])
    seed = seeds.integer(work.seed, "semantic noise")
    kinds = {
        kind: NoiseSweepSettings.model_validate({"label": kind, **given["noise"][kind]}) for kind in given["order"]
    }
    channels = {
        channel: ChannelSettings.model_validate({"label": channel, **described})
        for channel, described in given["through"].items()
    }
    sweeps = [(kind, noise, level) for kind, noise in kinds.items() for level in levels(noise.epsilon_levels)]
    arrays: dict[str, np.typing.NDArray[np.generic]] = {}
    batches = list(test.batches(given["batch"]))
    progress = tqdm(total=len(sweeps) * len(batches), desc=f"noise on {name}", disable=None)
    for kind, noise, level in sweeps:
        air = None if noise.through is None else Air.of(channels[noise.through], given["at_snr_db"])
        parts = []
        for numbers in batches:
            parts.append(noise_on(system, noise, level, air, test, Draw(seed, numbers).named(kind)))
            progress.update()
        key = stored_name(kind, level)
        noisy = torch.cat([part.images for part in parts])
        arrays[key] = ((noisy - test.images) * LEVELS).round().to(torch.int16).numpy()
        for measure in _MEASURES:
            arrays[f"{key}/{measure}"] = torch.cat([getattr(part, measure) for part in parts]).float().numpy()
    progress.close()
    with work.output() as path:
        np.savez_compressed(path, **arrays)  # type: ignore[arg-type]


def levels(budgets: list[float]) -> list[float]:
    """All budgets, 0 among them: noise of no size must change nothing."""
    return [0.0, *budgets]


def stored_name(kind: str, level: float) -> str:
    """Key of one noise at one budget in the file."""
    return f"{kind}@{level:g}"


def noisy_images(test: TestImages, levels: np.typing.NDArray[np.int16]) -> torch.Tensor:
    """The images (n,3,32,32) under stored noise, 8-bit values in [0,1]."""
    return (((test.images * LEVELS).round() + torch.from_numpy(levels).float()) / LEVELS).clamp(0, 1)


STEP = Step(
    kind="noise",
    stage="samples",
    folder="samples/noise",
    files=(".npz",),
    names=lambda params: params.of_task("class"),
    needs=lambda params, name: [("dataset", params.data.source), ("train", name)],
    settings=settings,
    versions=lambda params, name: {
        "noise": 1,
        **versions_of(params.recognition.noise[noise].kind for noise in params.noise_against(name)),
    },
    make=make,
    gpu=lambda *_: True,
    memory_mb=6500,
    minutes=60,
)
