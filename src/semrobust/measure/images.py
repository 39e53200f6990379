"""Images as steps get them: the first ones of the shuffled test set, in batches, and those that attacks learn from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from semrobust.config.settings import LEVELS
from semrobust.data.splits import load_split
from semrobust.pipeline.work import Work


@dataclass(frozen=True)
class TestImages:
    """The first test images: `images` (n,3,32,32) float32 in [0,1], `labels` (n,) int64."""

    images: torch.Tensor
    labels: torch.Tensor

    __test__ = False  # no test class of pytest's

    @classmethod
    def of(cls, work: Work, count: int | None = None) -> TestImages:
        """The first `count` test images of the dataset that a job has as its input; None = all."""
        return cls.read(work.input("dataset").artifact.stem, count)

    @classmethod
    def read(cls, folder: Path, count: int | None = None) -> TestImages:
        """As `of`, from the folder of a dataset."""
        split = load_split(folder, "test")
        images, labels = split.images[:count].copy(), split.labels[:count].copy()
        return cls(torch.from_numpy(images).float() / LEVELS, torch.from_numpy(labels).long())

    def __len__(self) -> int:
        return len(self.images)

    def batches(self, size: int) -> Iterator[torch.Tensor]:
        """Numbers of the images, int64, in batches."""
        return iter(torch.split(torch.arange(len(self)), size))


def training_images(work: Work, count: int) -> torch.Tensor:
    """The first `count` training images (n,3,32,32), float32 in [0,1], of the dataset that a job has as its input."""
    split = load_split(work.input("dataset").artifact.stem, "train")
    return torch.from_numpy(split.images[:count].copy()).float() / LEVELS
