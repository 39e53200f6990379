"""Which test images a receiver names right: over channels and SNRs, without and under semantic noise.

Noise was selected by its loss as if nothing were lost (`evaluation.noise`); the channel draws here are others, the same
ones for all systems, channels and noise at an SNR, so that comparisons are paired.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from semrobust.config.params import Params
from semrobust.measure.noise import TestImages, levels, noisy_images, stored_name
from semrobust.phy.air import Air
from semrobust.pipeline import files, jobs, seeds
from semrobust.pipeline.layout import Layout
from semrobust.pipeline.record import Making
from semrobust.systems.checkpoint import restore
from semrobust.systems.classification import ClassifyingSystem
from semrobust.systems.draw import Draw, Randomness

ERROR_FREE = "error_free"
TRANSFER = "transfer"
NONE = "none"


@runtime_checkable
class SendsIndices(Protocol):
    """A system whose features travel as indices of a codebook."""

    def indices(self, images: torch.Tensor, draw: Randomness) -> torch.Tensor | None:
        """Indices (B, V) int64 of images, None without a codebook."""


@dataclass(frozen=True)
class Trial:
    """Test images as the sender gets them: under no noise, under noise made on the system, or on another (`source`).

    `measures`: per-image values (n,) that were taken when the noise was made.
    """

    attack: str
    norm: str
    level: float
    source: str
    images: torch.Tensor
    measures: dict[str, np.typing.NDArray[np.float32]] = field(default_factory=dict)


@dataclass(frozen=True)
class Link:
    """Where images are sent: a channel of the params at an SNR, or nothing lost (`air` None)."""

    channel: str
    snr_db: float
    air: Air | None


def links(params: Params) -> list[Link]:
    """Error-free first, then where accuracy is measured over ε, then every other channel and SNR."""
    given = params.recognition
    points = [(given.channel, given.at_snr_db)]
    points += [(channel, snr_db) for channel in params.channels for snr_db in given.snr_db]
    air = [Link(name, snr_db, Air.of(params.channels[name], snr_db)) for name, snr_db in dict.fromkeys(points)]
    return [Link(ERROR_FREE, float("nan"), None), *air]


def trials(params: Params, name: str, test: TestImages, making: Making) -> Iterator[Trial]:
    """All images that the system is tested with, no noise first."""
    layout, given = Layout(params.run), params.recognition
    yield Trial(NONE, "", 0.0, "", test.images)
    for source in params.of_task("class"):
        path = making.uses(layout.noise(source), jobs.noise(params, source))
        with np.load(path, allow_pickle=False) as stored:
            for kind in params.noise_against(source):
                noise = given.noise[kind]
                for level in levels(noise):
                    key = stored_name(kind, level)
                    if source == name:
                        measures = {"zero_gradient": stored[f"{key}/zero_gradient"]}
                        yield Trial(kind, noise.norm, level, source, noisy_images(test, stored[key]), measures)
                    elif (kind, level) == (given.default_noise, given.default_level):
                        yield Trial(TRANSFER, noise.norm, level, source, noisy_images(test, stored[key]))


class Receiver:
    """One system under test; `seed` names the channel draws."""

    def __init__(self, system: ClassifyingSystem, test: TestImages, batch: int, seed: int) -> None:
        self.system, self.test, self.batch, self.seed = system, test, batch, seed
        self.clean_indices = cache(lambda: self.indices(test.images))

    def right(self, images: torch.Tensor, link: Link) -> torch.Tensor:
        """Which of the images (n,3,32,32) are named right, bool (n,)."""
        seed = seeds.integer(self.seed, "recognition", float(link.snr_db))
        answers = [
            self.system.logits(images[numbers], link.air, Draw(seed, numbers)).argmax(1)
            for numbers in self.test.batches(self.batch)
        ]
        return torch.cat(answers) == self.test.labels

    def indices(self, images: torch.Tensor) -> torch.Tensor | None:
        """Indices (n, V) that images are sent as, None for a system without."""
        if not isinstance(self.system, SendsIndices):
            return None
        parts = [self.system.indices(images[numbers], Draw(0, numbers)) for numbers in self.test.batches(self.batch)]
        return None if parts[0] is None else torch.cat([part for part in parts if part is not None])

    def flips(self, images: torch.Tensor) -> np.typing.NDArray[np.float64]:
        """Share of each image's indices that differ from those of the clean one, NaN without indices, (n,)."""
        clean, noisy = self.clean_indices(), self.indices(images)
        if clean is None or noisy is None:
            return np.full(len(images), np.nan)
        return (clean != noisy).double().mean(1).numpy()

    def overhead(self) -> dict[str, np.typing.NDArray[np.float64]]:
        """Bits, symbols and positions of each clean image, NaN where the transmission is not part of the system."""
        images = self.test.images
        parts = [self.system.overhead(images[rows], Draw(0, rows)) for rows in self.test.batches(self.batch)]
        nothing = np.full(len(images), np.nan)
        found = [part for part in parts if part is not None]
        if not found:
            return {"bits": nothing, "symbols": nothing, "positions": nothing}
        return {
            "bits": torch.cat([part.bits for part in found]).numpy(),
            "symbols": torch.cat([part.symbols for part in found]).numpy(),
            "positions": np.full(len(images), float(found[0].positions)),
        }


def run(params: Params, name: str, command: list[str]) -> None:
    """Test the system `name` and write its per-image table."""
    layout, given = Layout(params.run), params.recognition
    making = Making(jobs.accuracy(params, name), command)
    torch.set_num_threads(params.compute.job_threads)
    dataset = making.uses(layout.dataset(), jobs.dataset(params))
    system = restore(params, name, making)
    assert isinstance(system, ClassifyingSystem)
    receiver = Receiver(system, TestImages.load(dataset.parent, given.images), given.batch, params.seed)
    overhead = receiver.overhead()
    all_links = links(params)
    if np.isnan(overhead["symbols"]).all():
        all_links = all_links[:1]  # its images arrive as they are, whatever the channel
    parts = []
    with torch.no_grad():
        for trial in tqdm(trials(params, name, receiver.test, making), f"accuracy of {name}", unit="set", disable=None):
            swept = trial.attack == NONE or (trial.attack, trial.level) == (given.default_noise, given.default_level)
            for link in all_links if swept else all_links[:2]:
                columns = {
                    "image": np.arange(len(trial.images)),
                    "channel": link.channel,
                    "snr_db": link.snr_db,
                    "attack": trial.attack,
                    "norm": trial.norm,
                    "level": trial.level,
                    "source": trial.source,
                    "right": receiver.right(trial.images, link).numpy(),
                }
                if link.air is None:
                    columns |= {"flips": receiver.flips(trial.images), **trial.measures}
                    columns |= overhead if trial.attack == NONE else {}
                parts.append(pd.DataFrame(columns))
    output = layout.accuracy(name)
    with files.replacing(output) as temporary:
        pd.concat(parts, ignore_index=True).to_parquet(temporary, index=False)
    making.finish(output, [output])
