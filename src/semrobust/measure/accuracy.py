"""Measure how often SYSTEM classifies correctly, over channels, SNRs and semantic noise.

Noise was selected by its loss as if nothing were lost (`measure.noise`); the channel draws here are others, the same
ones for all systems, channels and noise at an SNR, so that comparisons are paired.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from semrobust.config.settings import ChannelSettings, Plain
from semrobust.measure.images import TestImages
from semrobust.measure.names import ERROR_FREE, NONE, TRANSFER
from semrobust.measure.noise import levels, noisy_images, stored_name
from semrobust.phy.air import Air
from semrobust.pipeline import select
from semrobust.pipeline.step import Need, Step
from semrobust.pipeline.work import Work
from semrobust.systems.checkpoint import restore_classifier
from semrobust.systems.classification import ClassifyingSystem
from semrobust.systems.draw import Draw, Randomness, over_air

if TYPE_CHECKING:
    from semrobust.config.params import Params


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


def error_free() -> Link:
    """Where nothing is lost."""
    return Link(ERROR_FREE, float("nan"), None)


def links(given: Plain) -> list[Link]:
    """Error-free first, then where accuracy is measured over ε, then every other channel and SNR."""
    channels = {
        name: ChannelSettings.model_validate({"label": name, **given["channels"][name]}) for name in given["order"]
    }
    points = [(given["channel"], given["at_snr_db"])]
    points += [(channel, snr_db) for channel in channels for snr_db in given["snr_db"]]
    air = [Link(name, snr_db, Air.of(channels[name], snr_db)) for name, snr_db in dict.fromkeys(points)]
    return [error_free(), *air]


def tried(work: Work, source: str) -> list[tuple[str, float]]:
    """Kind and level of the noise made against `source` that the system is tested with: of others the default alone."""
    made = work.inputs("noise")[source]
    every = [
        (kind, level)
        for kind in made.settings["order"]
        for level in levels(made.settings["noise"][kind]["epsilon_levels"])
    ]
    default = work.settings["default_noise"], work.settings["default_level"]
    return [each for each in every if source == work.artifact.name or each == default]


def trials(work: Work, test: TestImages) -> Iterator[Trial]:
    """All images that the system is tested with, no noise first."""
    yield Trial(NONE, "", 0.0, "", test.images)
    for source, made in work.inputs("noise").items():
        own = source == work.artifact.name
        with np.load(made.path(), allow_pickle=False) as stored:
            for kind, level in tried(work, source):
                key, norm = stored_name(kind, level), made.settings["noise"][kind]["norm"]
                measures = {"zero_gradient": stored[f"{key}/zero_gradient"]} if own else {}
                images = noisy_images(test, stored[key])
                yield Trial(kind if own else TRANSFER, norm, level, source, images, measures)


class Receiver:
    """One system under test; `seed` names the channel draws."""

    def __init__(self, system: ClassifyingSystem, test: TestImages, batch: int, seed: int) -> None:
        self.system, self.test, self.batch, self.seed = system, test, batch, seed
        self.clean_indices = cache(lambda: self.indices(test.images))

    def right(self, images: torch.Tensor, link: Link) -> torch.Tensor:
        """Which of the images (n,3,32,32) are classified correctly, bool (n,)."""
        answers = [
            self.system.logits(images[numbers], link.air, over_air(self.seed, link.snr_db, numbers)).argmax(1)
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

    @cached_property
    def sends(self) -> bool:
        """Whether images go over the air; else they arrive as they are, whatever the channel."""
        one = torch.tensor([0])
        return self.system.overhead(self.test.images[one], Draw(0, one)) is not None

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


def needs(params: Params, name: str) -> list[Need]:
    """Its own noise, and that of others which is tried on it."""
    default = params.recognition.default_noise
    sources = [other for other in params.of_task("class") if other == name or default in params.noise_against(other)]
    return [("dataset", params.data.source), ("train", name), *(("noise", source) for source in sources)]


def settings(params: Params, _: str) -> Plain:
    return {
        **select.without(params.section("recognition"), "noise", "adaptive"),
        "channels": {name: select.channel(params, name) for name in params.channels},
        "order": list(params.channels),
        "seed": params.seed,
        "threads": params.compute.job_threads,
    }


def make(work: Work) -> None:
    """Write one row per image, channel, SNR and trial."""
    torch.set_num_threads(work.threads)
    given = work.settings
    system = restore_classifier(work.input("train"))
    receiver = Receiver(system, TestImages.of(work, given["images"]), given["batch"], work.seed)
    overhead = receiver.overhead()
    all_links = links(given) if receiver.sends else [error_free()]
    parts = []
    count = 1 + sum(len(tried(work, source)) for source in work.inputs("noise"))
    sets = trials(work, receiver.test)
    with torch.no_grad():
        for trial in tqdm(sets, f"accuracy of {work.artifact.name}", count, unit="set", disable=None):
            swept = trial.attack == NONE or (trial.attack, trial.level) == (
                given["default_noise"],
                given["default_level"],
            )
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
    with work.output() as path:
        pd.concat(parts, ignore_index=True).to_parquet(path, index=False)


STEP = Step(
    kind="accuracy",
    stage="samples",
    folder="samples/accuracy",
    files=(".parquet",),
    names=lambda params: params.of_task("class"),
    needs=needs,
    settings=settings,
    versions=lambda *_: {"accuracy": 1},
    make=make,
    gpu=lambda *_: True,
    memory_mb=4000,
    minutes=60,
)
