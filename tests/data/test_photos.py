from __future__ import annotations

import dataclasses
import hashlib
import itertools
import subprocess
import sys

import numpy as np
import pytest

from semrobust.config import settings
from semrobust.data import photos
from semrobust.data.content import Raw, content_digest
from semrobust.errors import ChecksumError, DataError


@pytest.fixture(scope="module")
def raw() -> Raw:
    return photos.load()


def test_counts_are_balanced(raw: Raw) -> None:
    assert raw.validation is not None
    for name, split in (("train", raw.train), ("validation", raw.validation), ("test", raw.test)):
        assert np.bincount(split.labels).tolist() == [photos.PATCHES_PER_CLASS[name]] * 10
    params = settings.TRAIN_IMAGES, settings.VALIDATION_IMAGES, settings.TEST_IMAGES
    assert [images["photos10"] for images in params] == [len(raw.train), len(raw.validation), len(raw.test)]


def test_patches_are_the_same_every_time(raw: Raw) -> None:
    again = photos.load()
    np.testing.assert_array_equal(raw.train.images, again.train.images)
    np.testing.assert_array_equal(raw.test.images, again.test.images)
    assert content_digest(raw.test.images, raw.test.labels) == content_digest(again.test.images, again.test.labels)


@pytest.mark.parametrize("photo", photos.PHOTOS, ids=lambda photo: photo.name)
def test_no_pixel_is_in_two_splits_nor_in_two_patches_that_are_measured(photo: photos.Photo) -> None:
    height, width, _ = photos.read_photo(photo).shape
    used = {name: np.zeros((height, width), dtype=int) for name in photos.PATCHES_PER_CLASS}
    for name, count in used.items():
        places = photos.corners(height, width, name)
        assert len(set(places)) == len(places) == photos.PATCHES_PER_CLASS[name]
        for top, left in places:
            patch = count[top : top + photos.PATCH, left : left + photos.PATCH]
            assert patch.shape == (photos.PATCH, photos.PATCH)
            patch += 1
    assert np.sum([count > 0 for count in used.values()], axis=0).max() == 1
    assert used["validation"].max() == 1
    assert used["test"].max() == 1


@pytest.mark.parametrize("width", [289, 451, 740, 1000])
def test_bands_tile_the_width(width: int) -> None:
    edges = sorted(band for bands in photos.bands(width).values() for band in bands)
    assert edges[0][0] == 0
    assert edges[-1][1] == width
    assert all(left[1] == right[0] for left, right in itertools.pairwise(edges))


def test_patches_are_cut_where_the_corners_say(raw: Raw) -> None:
    pixels = photos.read_photo(photos.PHOTOS[3])
    top, left = photos.corners(pixels.shape[0], pixels.shape[1], "test")[7]
    expected = pixels[top : top + 32, left : left + 32].transpose(2, 0, 1)
    np.testing.assert_array_equal(raw.test.images[3 * photos.PATCHES_PER_CLASS["test"] + 7], expected)


def test_reduction_is_the_mean_of_each_block() -> None:
    retina = next(photo for photo in photos.PHOTOS if photo.name == "retina")
    whole = photos.read_photo(dataclasses.replace(retina, shrink=1))
    reduced = photos.read_photo(retina)
    assert reduced.shape == (470, 470, 3)
    assert reduced[200, 100, 0] == round(float(whole[600:603, 300:303, 0].mean()))


def test_photo_too_small_is_refused() -> None:
    with pytest.raises(DataError, match="100x300"):
        photos.corners(100, 300, "test")


def test_altered_photo_names_the_package_and_version() -> None:
    altered = dataclasses.replace(photos.PHOTOS[0], sha256=hashlib.sha256(b"").hexdigest())
    with pytest.raises(ChecksumError, match=r"scikit-image \d+\.\d+"):
        photos.read_photo(altered)


def test_missing_file_or_package_says_what_to_install() -> None:
    with pytest.raises(DataError, match="pip install --force-reinstall scikit-image"):
        photos.read_photo(dataclasses.replace(photos.PHOTOS[0], file="data/none.png"))
    with pytest.raises(DataError, match="needs scikit-image"):
        photos.read_photo(dataclasses.replace(photos.PHOTOS[0], package="no_such_package"))


def test_floor_imports_neither_torch_nor_the_photo_packages() -> None:
    code = (
        "import sys; from semrobust.data import dataset, photos; photos.load();"
        "print([m for m in ('torch', 'skimage', 'sklearn', 'pooch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
