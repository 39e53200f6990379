"""Labelled samples in memory, and the digest that names their content whatever their order or file format."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semrobust.errors import DataError

IMAGE_SHAPE = (3, 32, 32)
CLASSES = 10
STATE_SHAPE = (2, 32, 32)

Images = npt.NDArray[np.uint8]
States = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Samples and what each belongs to: `images` uint8 NCHW (n, 3, 32, 32) in RGB order, `labels` int64 (n,) in 0..9.

    Or channel states: `images` float32 (n, 2, 32, 32) in [0, 1], real and imaginary parts with 0.5 added of delay taps
    by antennas (`data.channel_states`), with the number of its drop as the label of each.
    """

    images: npt.NDArray[Any]
    labels: Labels

    def __post_init__(self) -> None:
        states = self.images.dtype == np.float32 and self.images.shape[1:] == STATE_SHAPE
        if not states and (self.images.dtype != np.uint8 or self.images.shape[1:] != IMAGE_SHAPE):
            raise DataError(
                "images must be uint8 (n, 3, 32, 32), or channel states float32 (n, 2, 32, 32), not "
                f"{self.images.dtype} {self.images.shape}"
            )
        if self.labels.dtype != np.int64 or self.labels.shape != self.images.shape[:1]:
            raise DataError(f"labels must be int64 ({len(self.images)},), not {self.labels.dtype} {self.labels.shape}")
        if states and len(self.labels) and self.labels.min() < 0:
            raise DataError(f"numbers of drops must not be negative, not {self.labels.min()}")
        if not states and len(self.labels) and not 0 <= int(self.labels.min()) <= int(self.labels.max()) < CLASSES:
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


def image_digests(images: npt.NDArray[Any], labels: Labels) -> list[bytes]:
    """Return sha256(32·32·3 RGB bytes in row-major HWC order, then one label byte) of each image.

    Of a channel state: of its 2·32·32 little-endian floats in the order of the array, then eight bytes of its label.

    Args:
        images, labels: as in `Split`.
    """
    if images.dtype == np.float32:
        values = images.reshape(len(images), -1).astype("<f4").view(np.uint8)
        whole = np.concatenate([values, labels.astype("<i8")[:, None].view(np.uint8)], axis=1)
        return [hashlib.sha256(row).digest() for row in np.ascontiguousarray(whole)]
    pixels = images.transpose(0, 2, 3, 1).reshape(len(images), -1)
    rows = np.concatenate([pixels, labels.astype(np.uint8)[:, None]], axis=1)
    return [hashlib.sha256(row).digest() for row in np.ascontiguousarray(rows)]


def combined_digest(digests: Sequence[bytes]) -> str:
    """Return the hexadecimal sha256 over the concatenation of the sorted `digests`."""
    return hashlib.sha256(b"".join(sorted(digests))).hexdigest()


def content_digest(images: npt.NDArray[Any], labels: Labels) -> str:
    """Return the content digest of a split: equal for every copy of it, whatever the order of its rows.

    Args:
        images, labels: as in `Split`.
    """
    return combined_digest(image_digests(images, labels))


def canonical(split: Split) -> tuple[Split, str]:
    """Return `split` sorted by its per-image digests, and its content digest.

    Copies of a dataset differ in the order of their rows; after this, they are the same arrays.
    """
    digests = image_digests(split.images, split.labels)
    rows = np.array(sorted(range(len(digests)), key=digests.__getitem__), dtype=np.int64)
    return split.take(rows), combined_digest(digests)
