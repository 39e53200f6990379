"""Samples as steps get them: the first ones of the shuffled test set, in batches, and those that attacks learn from.

"Images" here and in the steps are samples of what a system sends (`systems.source`): images, or channel states.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from semrobust.data.splits import load_split
from semrobust.pipeline.work import Work
from semrobust.systems.source import PICTURES, Source


@dataclass(frozen=True)
class TestImages:
    """The first test images: `images` (n,C,32,32) float32 in [0,1], `labels` (n,) int64."""

    images: torch.Tensor
    labels: torch.Tensor

    __test__ = False  # no test class of pytest's

    @classmethod
    def of(cls, work: Work, count: int | None = None, source: Source = PICTURES) -> TestImages:
        """The first `count` test images of the dataset that a job has as its input; None = all."""
        return cls.read(work.input("dataset").artifact.stem, count, source)

    @classmethod
    def read(cls, folder: Path, count: int | None = None, source: Source = PICTURES) -> TestImages:
        """As `of`, from the folder of a dataset."""
        split = load_split(folder, "test")
        images, labels = split.images[:count].copy(), split.labels[:count].copy()
        return cls(source.samples(torch.from_numpy(images)), torch.from_numpy(labels).long())

    def __len__(self) -> int:
        return len(self.images)

    def batches(self, size: int) -> Iterator[torch.Tensor]:
        """Numbers of the images, int64, in batches."""
        return iter(torch.split(torch.arange(len(self)), size))


def training_images(work: Work, count: int | None, source: Source = PICTURES) -> torch.Tensor:
    """The first `count` training images (n,C,32,32), float32 in [0,1], of the dataset that a job has; None = all."""
    split = load_split(work.input("dataset").artifact.stem, "train")
    return source.samples(torch.from_numpy(split.images[:count].copy()))
