"""Labelled images in memory, and the digest that names their content whatever their order or file format."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from semrobust.errors import DataError

IMAGE_SHAPE = (3, 32, 32)
CLASSES = 10

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """`images` uint8 NCHW (n, 3, 32, 32) in RGB order; `labels` int64 (n,) in 0..9."""

    images: Images
    labels: Labels

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.shape[1:] != IMAGE_SHAPE:
            raise DataError(f"images must be uint8 (n, 3, 32, 32), not {self.images.dtype} {self.images.shape}")
        if self.labels.dtype != np.int64 or self.labels.shape != self.images.shape[:1]:
            raise DataError(f"labels must be int64 ({len(self.images)},), not {self.labels.dtype} {self.labels.shape}")
        if len(self.labels) and not 0 <= int(self.labels.min()) <= int(self.labels.max()) < CLASSES:
            raise DataError(f"labels must lie in 0..{CLASSES - 1}, not {self.labels.min()}..{self.labels.max()}")

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: npt.NDArray[np.int64]) -> Split:
        """Return the images and labels at `rows` (int64), in that order, as copies."""
        return Split(self.images[rows], self.labels[rows])


@dataclass(frozen=True)
class Raw:
    """A dataset as its source gives it. `validation` is None where it has to be split from `train`."""

    train: Split
    validation: Split | None
    test: Split


def image_digests(images: Images, labels: Labels) -> list[bytes]:
    """Return sha256(32·32·3 RGB bytes in row-major HWC order, then one label byte) of each image.

    Args:
        images: uint8 NCHW (n, 3, 32, 32).
        labels: int64 (n,), 0..9.
    """
    pixels = images.transpose(0, 2, 3, 1).reshape(len(images), -1)
    rows = np.concatenate([pixels, labels.astype(np.uint8)[:, None]], axis=1)
    return [hashlib.sha256(row).digest() for row in np.ascontiguousarray(rows)]


def combined_digest(digests: Sequence[bytes]) -> str:
    """Return the hexadecimal sha256 over the concatenation of the sorted `digests`."""
    return hashlib.sha256(b"".join(sorted(digests))).hexdigest()


def content_digest(images: Images, labels: Labels) -> str:
    """Return the content digest of a split: equal for every copy of it, whatever the order of its rows.

    Args:
        images: uint8 NCHW (n, 3, 32, 32).
        labels: int64 (n,), 0..9.
    """
    return combined_digest(image_digests(images, labels))


def canonical(split: Split) -> tuple[Split, str]:
    """Return `split` sorted by its per-image digests, and its content digest.

    Copies of a dataset differ in the order of their rows; after this, they are the same arrays.
    """
    digests = image_digests(split.images, split.labels)
    rows = np.array(sorted(range(len(digests)), key=digests.__getitem__), dtype=np.int64)
    return split.take(rows), combined_digest(digests)
