"""Stored encodes are the codec's own, found again by content, and never trusted when damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from semrobust.codecs.base import Best, Pixels
from semrobust.codecs.jpeg import Jpeg
from semrobust.codecs.stored import StoredCodec


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Number of images of every batch that JPEG really encodes."""
    counts: list[int] = []
    encode = Jpeg.encode_batch_within

    def counting(self: Jpeg, pixels: Pixels, max_bytes: int) -> list[Best]:
        counts.append(len(pixels))
        return encode(self, pixels, max_bytes)

    monkeypatch.setattr(Jpeg, "encode_batch_within", counting)
    return counts


@pytest.fixture
def codec(tmp_path: Path) -> StoredCodec:
    return StoredCodec(Jpeg("4:2:0"), tmp_path / "sources")


@pytest.fixture
def noise() -> Pixels:
    """Four images, of which the second, plain noise, fits no small budget."""
    images = np.full((4, 32, 32, 3), 90, np.uint8)
    images[1] = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    images[2, :16] = 200
    return images


def test_gives_what_the_codec_gives_and_encodes_once(codec: StoredCodec, noise: Pixels, encoded: list[int]) -> None:
    expected = Jpeg("4:2:0").encode_batch_within(noise, 20)
    assert expected[1] is None
    encoded.clear()
    assert codec.encode_batch_within(noise, 20) == expected
    assert codec.encode_batch_within(noise, 20) == expected
    assert encoded == [4]


def test_other_pixels_and_other_budgets_are_other_batches(
    codec: StoredCodec, noise: Pixels, encoded: list[int]
) -> None:
    codec.encode_batch_within(noise, 20)
    codec.encode_batch_within(noise, 21)
    codec.encode_batch_within(noise[::-1].copy(), 20)
    codec.encode_batch_within(noise[:0], 20)
    assert encoded == [4, 4, 4, 0]


def test_empty_file_is_made_again(codec: StoredCodec, noise: Pixels, encoded: list[int]) -> None:
    expected = codec.encode_batch_within(noise, 20)
    (file,) = codec.folder.iterdir()
    file.write_bytes(b"")
    assert codec.encode_batch_within(noise, 20) == expected
    assert encoded == [4, 4]


def test_truncated_file_is_made_again(codec: StoredCodec, noise: Pixels) -> None:
    expected = codec.encode_batch_within(noise, 20)
    (file,) = codec.folder.iterdir()
    file.write_bytes(file.read_bytes()[:200])
    assert codec.encode_batch_within(noise, 20) == expected


def test_decodes_as_the_codec(codec: StoredCodec, noise: Pixels) -> None:
    best = codec.encode_batch_within(noise, 20)[0]
    assert best is not None
    shown, expected = codec.decode(best[1], best[0]), Jpeg("4:2:0").decode(best[1], best[0])
    assert shown is not None
    assert expected is not None
    assert np.array_equal(shown, expected)
