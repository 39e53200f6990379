"""photos10: ten photographs inside the scikit-image and scikit-learn wheels, cut into 32×32 patches.

It needs no network and says nothing about CIFAR-10; class = photograph. Each photograph is divided into three
equal periods of columns, and each period into one band per split:

    | train ............ | test 64 | validation 32 | train ............ | test 64 | validation 32 | ...

Bands run from top to bottom, so every split sees sky and ground alike, and no pixel lies in two splits.
Test and validation patches do not overlap; training patches do (stride 4), as an augmentation by shifts.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from semrobust.data.content import Raw, Split
from semrobust.data.download import file_digest
from semrobust.errors import ChecksumError, DataError

PATCH = 32
PERIODS = 3
TRAIN_STRIDE = 4
TEST_WIDTH = 2 * PATCH
VALIDATION_WIDTH = PATCH

PATCHES_PER_CLASS = {"train": 1200, "validation": 27, "test": 54}
"""What the smallest photograph (chelsea, 300×451) yields; the others are thinned out evenly to the same."""


@dataclass(frozen=True)
class Photo:
    """A file in an installed package: its sha256, and the factor by which it is reduced before cutting.

    The hash is of the file, not of decoded pixels: the packages have shipped these very bytes for years (and
    scikit-image pins the same hashes itself), while JPEG decoders may differ in the last bit.
    """

    name: str
    distribution: str
    package: str
    file: str
    sha256: str
    shrink: int = 1


def _skimage(name: str, file: str, sha256: str, shrink: int = 1) -> Photo:
    return Photo(name, "scikit-image", "skimage", f"data/{file}", sha256, shrink)


def _sklearn(name: str, file: str, sha256: str) -> Photo:
    return Photo(name, "scikit-learn", "sklearn", f"datasets/images/{file}", sha256)


PHOTOS = (
    _skimage("astronaut", "astronaut.png", "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"),
    _skimage("chelsea", "chelsea.png", "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb"),
    _skimage("coffee", "coffee.png", "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7"),
    _skimage(
        "motorcycle",
        "motorcycle_left.png",
        "db18e9c4157617403c3537a6ba355dfeafe9a7eabb6b9b94cb33f6525dd49179",
    ),
    _skimage("rocket", "rocket.jpg", "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c"),
    _skimage(
        "hubble",
        "hubble_deep_field.jpg",
        "3a19c5dd8a927a9334bb1229a6d63711b1c0c767fb27e2286e7c84a3e2c2f5f4",
        2,
    ),
    _skimage("ihc", "ihc.png", "f8dd1aa387ddd1f49d8ad13b50921b237df8e9b262606d258770687b0ef93cef"),
    _skimage("retina", "retina.jpg", "38a07f36f27f095e818aea7b96d34202c05176d30253c66733f2e00379e9e0e6", 3),
    _sklearn("china", "china.jpg", "8378025ad2519d649d02e32bd98990db4ab572357d9f09841c2fbfbb4fefad29"),
    _sklearn("flower", "flower.jpg", "a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638"),
)
"""The class number is the position in this tuple."""


def read_photo(photo: Photo) -> npt.NDArray[np.uint8]:
    """Return the photograph as uint8 HWC (height, width, 3), reduced by exact integer area averaging.

    Raises:
        DataError: the package or the file in it is missing.
        ChecksumError: the file is not the known one; names the package's version.
    """
    spec = importlib.util.find_spec(photo.package)  # of a top-level package: found without importing it
    if spec is None or not spec.submodule_search_locations:
        raise DataError(f"photos10 needs {photo.distribution}: pip install {photo.distribution}")
    file = Path(spec.submodule_search_locations[0], photo.file)
    if not file.is_file():
        raise DataError(f"{file} is missing: pip install --force-reinstall {photo.distribution}")
    if (found := file_digest(file, "sha256")) != photo.sha256:
        raise ChecksumError(
            f"{file} of {photo.distribution} {version(photo.distribution)}",
            photo.sha256,
            found,
            f"Reinstall {photo.distribution}, or use a version that ships the known photograph.",
        )
    with Image.open(file) as image:
        pixels = np.asarray(image.convert("RGB"))
    k = photo.shrink
    height, width = pixels.shape[0] // k, pixels.shape[1] // k
    blocks = pixels[: height * k, : width * k].reshape(height, k, width, k, 3)
    total: npt.NDArray[np.uint32] = blocks.sum(axis=(1, 3), dtype=np.uint32)
    return ((total + k * k // 2) // (k * k)).astype(np.uint8)


def bands(width: int) -> dict[str, list[tuple[int, int]]]:
    """Return for each split its bands of columns [left, right) in a photograph of this width."""
    found: dict[str, list[tuple[int, int]]] = {"train": [], "validation": [], "test": []}
    for period in range(PERIODS):
        left, right = width * period // PERIODS, width * (period + 1) // PERIODS
        validation = right - VALIDATION_WIDTH
        test = validation - TEST_WIDTH
        found["train"].append((left, test))
        found["test"].append((test, validation))
        found["validation"].append((validation, right))
    return found


def corners(height: int, width: int, split: str) -> list[tuple[int, int]]:
    """Return the (top, left) corners of this split's patches in a photograph, thinned to the common count.

    Raises:
        DataError: the photograph is too small for `PATCHES_PER_CLASS`.
    """
    stride = TRAIN_STRIDE if split == "train" else PATCH
    every = [
        (top, left)
        for start, stop in bands(width)[split]
        for left in range(start, stop - PATCH + 1, stride)
        for top in range(0, height - PATCH + 1, stride)
    ]
    count = PATCHES_PER_CLASS[split]
    if len(every) < count:
        raise DataError(f"a photograph of {height}x{width} yields {len(every)} {split} patches, not {count}")
    return [every[i * len(every) // count] for i in range(count)]


def load() -> Raw:
    """Return the patches, class by class: train 10 × 1200, validation 10 × 27, test 10 × 54.

    Raises:
        DataError, ChecksumError: as `read_photo`.
    """
    photos = [read_photo(photo) for photo in PHOTOS]

    def cut(split: str) -> Split:
        patches = [
            photo[top : top + PATCH, left : left + PATCH]
            for photo in photos
            for top, left in corners(photo.shape[0], photo.shape[1], split)
        ]
        labels = np.repeat(np.arange(len(photos), dtype=np.int64), PATCHES_PER_CLASS[split])
        return Split(np.ascontiguousarray(np.stack(patches).transpose(0, 3, 1, 2)), labels)

    return Raw(train=cut("train"), validation=cut("validation"), test=cut("test"))
