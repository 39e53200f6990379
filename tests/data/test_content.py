from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semrobust.data.content import Split, canonical, content_digest
from semrobust.errors import DataError
from tests.data.samples import random_split


def test_digest_follows_its_definition_word_by_word() -> None:
    split = random_split(5, seed=0)
    digests = []
    for image, label in zip(split.images, split.labels, strict=True):
        pixels = bytes(int(image[c, y, x]) for y in range(32) for x in range(32) for c in range(3))
        digests.append(hashlib.sha256(pixels + bytes([int(label)])).digest())
    expected = hashlib.sha256(b"".join(sorted(digests))).hexdigest()
    assert content_digest(split.images, split.labels) == expected


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(0, 2**32 - 1), st.data())
def test_digest_ignores_order_and_sees_every_change(count: int, seed: int, data: st.DataObject) -> None:
    split = random_split(count, seed)
    digest = content_digest(split.images, split.labels)
    order = np.array(data.draw(st.permutations(range(count))), dtype=np.int64)
    shuffled = split.take(order)
    assert content_digest(shuffled.images, shuffled.labels) == digest
    np.testing.assert_array_equal(canonical(shuffled)[0].images, canonical(split)[0].images)
    np.testing.assert_array_equal(canonical(shuffled)[0].labels, canonical(split)[0].labels)

    row = data.draw(st.integers(0, count - 1))
    labels = split.labels.copy()
    labels[row] = (labels[row] + data.draw(st.integers(1, 9))) % 10
    assert content_digest(split.images, labels) != digest
    images = split.images.copy()
    images[(row, *data.draw(st.tuples(st.integers(0, 2), st.integers(0, 31), st.integers(0, 31))))] ^= 1
    assert content_digest(images, split.labels) != digest
    assert count == 1 or content_digest(split.images[:-1], split.labels[:-1]) != digest


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (np.zeros((2, 32, 32, 3), np.uint8), np.zeros(2, np.int64)),
        (np.zeros((2, 3, 32, 32), np.float32), np.zeros(2, np.int64)),
        (np.zeros((2, 3, 32, 32), np.uint8), np.zeros(3, np.int64)),
        (np.zeros((2, 3, 32, 32), np.uint8), np.zeros(2, np.int32)),
        (np.zeros((2, 3, 32, 32), np.uint8), np.array([0, 10])),
        (np.zeros((2, 3, 32, 32), np.uint8), np.array([-1, 0])),
    ],
)
def test_arrays_of_the_wrong_kind_make_no_split(images: npt.NDArray[Any], labels: npt.NDArray[Any]) -> None:
    with pytest.raises(DataError):
        Split(images, labels)
