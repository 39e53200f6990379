"""Semantic noise on the test images, made once against one system and kept, so that it can be tried anywhere.

The noise acts on the stored image, before anything is sent: one noisy image serves all channels and SNRs. It is made as
if nothing were lost on the air, or, where `through` names a channel, on draws of that channel which no test uses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from semrobust.attacks.image.noise_settings import NoiseSettings
from semrobust.attacks.image.semantic_noise import SemanticNoise, fgsm, iterative_fgsm, random_noise
from semrobust.config.params import Params
from semrobust.config.settings import LEVELS, NoiseSweepSettings
from semrobust.data.splits import load_split
from semrobust.phy.air import Air
from semrobust.pipeline import files, jobs, seeds
from semrobust.pipeline.layout import Layout
from semrobust.pipeline.record import Making
from semrobust.systems.checkpoint import restore
from semrobust.systems.classification import ClassifyingSystem
from semrobust.systems.draw import Draw, Randomness

_METHODS = {"iterated": iterative_fgsm, "single": fgsm, "random": random_noise}
_MEASURES = ("norm", "loss_before", "loss_after", "success", "zero_gradient")


@dataclass(frozen=True)
class TestImages:
    """The first test images: `images` (n,3,32,32) float32 in [0,1], `labels` (n,) int64."""

    images: torch.Tensor
    labels: torch.Tensor

    @classmethod
    def load(cls, folder: Path, count: int) -> TestImages:
        """The first `count` images of the shuffled test set in `folder`."""
        split = load_split(folder, "test")
        images, labels = split.images[:count].copy(), split.labels[:count].copy()
        return cls(torch.from_numpy(images).float() / LEVELS, torch.from_numpy(labels).long())

    def batches(self, size: int) -> Iterator[torch.Tensor]:
        """Numbers of the images, int64, in batches."""
        return iter(torch.split(torch.arange(len(self.images)), size))


def make(
    system: ClassifyingSystem, given: NoiseSweepSettings, level: float, air: Air | None, test: TestImages, draw: Draw
) -> SemanticNoise:
    """Noise of one kind at one budget on the images that `draw` numbers; `air` is what the attacker differentiates."""

    def classify(images: torch.Tensor, own: Randomness, /) -> torch.Tensor:
        return system.logits(images, air, own)

    settings = NoiseSettings.of(given, level, given.restarts, given.samples)
    numbers = draw.numbers
    return _METHODS[given.kind](classify, test.images[numbers], test.labels[numbers], settings, draw)


def run(params: Params, name: str, command: list[str]) -> None:
    """Make all semantic noise against the system `name`.

    For noise `a` at `l` levels the file holds `a@l`, the noise in whole levels, int16 (n,3,32,32), and per image,
    float32 (n,), `a@l/norm`, `/loss_before`, `/loss_after`, `/success` and `/zero_gradient` as in `SemanticNoise`.
    """
    layout, given = Layout(params.run), params.recognition
    making = Making(jobs.noise(params, name), command)
    torch.set_num_threads(params.compute.job_threads)
    dataset = making.uses(layout.dataset(), jobs.dataset(params))
    system = restore(params, name, making)
    assert isinstance(system, ClassifyingSystem)
    test = TestImages.load(dataset.parent, given.images)
    seed = seeds.integer(params.seed, "semantic noise")
    sweeps = [
        (kind, given.noise[kind], level) for kind in params.noise_against(name) for level in levels(given.noise[kind])
    ]
    arrays: dict[str, np.typing.NDArray[np.generic]] = {}
    progress = tqdm(total=len(sweeps) * -(-len(test.images) // given.batch), desc=f"noise on {name}", disable=None)
    for kind, noise, level in sweeps:
        air = None if noise.through is None else Air.of(params.channels[noise.through], given.at_snr_db)
        parts = []
        for numbers in test.batches(given.batch):
            parts.append(make(system, noise, level, air, test, Draw(seed, numbers).named(kind)))
            progress.update()
        key = stored_name(kind, level)
        noisy = torch.cat([part.images for part in parts])
        arrays[key] = ((noisy - test.images) * LEVELS).round().to(torch.int16).numpy()
        for measure in _MEASURES:
            arrays[f"{key}/{measure}"] = torch.cat([getattr(part, measure) for part in parts]).float().numpy()
    progress.close()
    output = layout.noise(name)
    with files.replacing(output) as temporary:
        np.savez_compressed(temporary, **arrays)  # type: ignore[arg-type]
    making.finish(output, [output])


def levels(noise: NoiseSweepSettings) -> list[float]:
    """All budgets, 0 among them: noise of no size must change nothing."""
    return [0.0, *noise.epsilon_levels]


def stored_name(kind: str, level: float) -> str:
    """Key of one noise at one budget in the file."""
    return f"{kind}@{level:g}"


def noisy_images(test: TestImages, levels: np.typing.NDArray[np.int16]) -> torch.Tensor:
    """The images (n,3,32,32) under stored noise, 8-bit values in [0,1]."""
    return (((test.images * LEVELS).round() + torch.from_numpy(levels).float()) / LEVELS).clamp(0, 1)
