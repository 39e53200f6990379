"""Real patches for the codecs: a few of each of the ten photographs."""

from __future__ import annotations

import numpy as np
import pytest

from semrobust.codecs.base import Pixels
from semrobust.data import photos


@pytest.fixture(scope="session")
def patches() -> list[Pixels]:
    """Thirty test patches (32,32,3) uint8, three of each photograph."""
    images = photos.load().test.images
    step = photos.PATCHES_PER_CLASS["test"] // 3
    return [np.ascontiguousarray(image.transpose(1, 2, 0)) for image in images[::step]]


@pytest.fixture(scope="session")
def bumpy() -> list[Pixels]:
    """Images whose sizes rise with quality by no means steadily: a test patch, and checkerboards of two squares."""
    boards = [np.kron(np.indices((32 // side, 32 // side)).sum(axis=0) % 2, np.ones((side, side))) for side in (1, 2)]
    photo = np.ascontiguousarray(photos.load().test.images[462].transpose(1, 2, 0))
    return [photo, *(np.repeat(255 * board[:, :, None], 3, axis=2).astype(np.uint8) for board in boards)]


@pytest.fixture(scope="session")
def noise() -> Pixels:
    """The worst that can be asked of a codec."""
    return np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
