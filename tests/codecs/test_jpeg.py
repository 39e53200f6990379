"""JPEG: the payload alone carries the picture, and the best quality within a budget is really the best."""

from __future__ import annotations

import io
import struct
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from semrobust.codecs.base import Pixels, Stream, Subsampling
from semrobust.codecs.jpeg import MAX_QUALITY, Jpeg

SUBSAMPLINGS: tuple[Subsampling, ...] = ("4:2:0", "4:4:4")
STREAMS: tuple[Stream, ...] = get_args(Stream)


def by_pillow(pixels: Pixels, quality: int, subsampling: str) -> bytes:
    """A JPEG file as anybody would write it."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    return buffer.getvalue()


def shown(file: bytes) -> Pixels:
    with Image.open(io.BytesIO(file)) as image:
        return np.array(image.convert("RGB"))


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
@pytest.mark.parametrize("quality", [1, 2, 10, 50, 75, 90, 99, 100])
def test_the_payload_shows_the_same_pixels_as_the_file(
    patches: list[Pixels], noise: Pixels, quality: int, subsampling: Subsampling
) -> None:
    for pixels in [*patches[::3], noise, np.zeros_like(noise), np.full_like(noise, 255)]:
        full = Jpeg(subsampling, "full").encode(pixels, quality)
        payload = Jpeg(subsampling, "payload").encode(pixels, quality)
        assert full == by_pillow(pixels, quality, subsampling)
        assert payload in full
        assert len(payload) < len(full) - 500  # tables and headers take the greater part of a small file
        expected = shown(full)
        for codec, sent in ((Jpeg(subsampling, "full"), full), (Jpeg(subsampling, "payload"), payload)):
            decoded = codec.decode(sent, quality)
            assert decoded is not None
            assert np.array_equal(decoded, expected)


def test_quality_and_subsampling_matter(patches: list[Pixels]) -> None:
    pixels = patches[0]
    sizes = [len(Jpeg("4:2:0", "payload").encode(pixels, quality)) for quality in (5, 40, 95)]
    assert sizes == sorted(set(sizes))
    errors = []
    for quality in (5, 40, 95):
        decoded = Jpeg("4:4:4").decode(Jpeg("4:4:4").encode(pixels, quality), quality)
        assert decoded is not None
        errors.append(float(((decoded.astype(float) - pixels) ** 2).mean()))
    assert errors == sorted(set(errors), reverse=True)
    assert len(Jpeg("4:4:4", "payload").encode(pixels, 40)) > sizes[1]


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_the_best_quality_within_a_budget_is_that_of_an_exhaustive_search(
    patches: list[Pixels], bumpy: list[Pixels], noise: Pixels, subsampling: Subsampling, stream: Stream
) -> None:
    header = 600 if stream == "full" else 0
    found = []
    for pixels in [*patches[::3], *bumpy, noise]:
        sizes = {quality: len(Jpeg(subsampling, stream).encode(pixels, quality)) for quality in range(1, 101)}
        for budget in (
            header + 20,
            header + 44,
            header + 45,
            header + 92,
            header + 300,
            header + 390,
            min(sizes.values()),
        ):
            fitting = [quality for quality, size in sizes.items() if size <= budget]
            best = Jpeg(subsampling, stream).encode_within(pixels, budget)
            if best is None:
                assert not fitting
                continue
            assert best[0] == max(fitting)
            assert best[1] == Jpeg(subsampling, stream).encode(pixels, best[0])
            found.append(best[0])
    assert len(set(found)) > 10  # the budgets did ask for many different qualities


def test_a_batch_is_encoded_image_by_image(patches: list[Pixels], noise: Pixels) -> None:
    batch = np.stack([*patches[:5], noise])
    assert Jpeg("4:2:0").encode_batch_within(batch, 60) == [Jpeg("4:2:0").encode_within(image, 60) for image in batch]
    assert Jpeg("4:2:0").encode_batch_within(batch[:0], 60) == []


def test_nothing_fits_nothing(patches: list[Pixels], noise: Pixels) -> None:
    for budget in (0, 1, 9):
        assert Jpeg("4:2:0", "payload").encode_within(patches[0], budget) is None
    assert Jpeg("4:2:0", "full").encode_within(patches[0], 93) is None
    assert Jpeg("4:4:4", "payload").encode_within(noise, 40) is None


def test_everything_fits_a_large_budget(noise: Pixels) -> None:
    best = Jpeg("4:4:4", "payload").encode_within(noise, 10_000)
    assert best is not None
    assert best[0] == MAX_QUALITY == 100


def test_garbage_is_no_picture_and_no_exception() -> None:
    rng = np.random.default_rng(3)
    for _ in range(300):
        garbage = rng.bytes(int(rng.integers(0, 60)))
        assert Jpeg("4:2:0", "full").decode(garbage, 0) is None
        # a scan has hardly any syntax to break; the frame's checksum is what keeps such bytes away from here
        decoded = Jpeg("4:2:0").decode(garbage, int(rng.integers(256)))
        assert decoded is None or decoded.shape == (32, 32, 3)


def test_a_cut_stream_is_no_picture(patches: list[Pixels]) -> None:
    full = Jpeg("4:2:0", "full").encode(patches[0], 60)
    assert all(Jpeg("4:2:0", "full").decode(full[:length], 0) is None for length in range(0, len(full) - 40, 7))


def test_damaged_files_raise_nothing(patches: list[Pixels]) -> None:
    full = Jpeg("4:2:0", "full").encode(patches[0], 60)
    rng = np.random.default_rng(4)
    for _ in range(300):
        damaged = bytearray(full)
        for position in rng.integers(len(full), size=3):
            damaged[position] = int(rng.integers(256))
        decoded = Jpeg("4:2:0", "full").decode(bytes(damaged), 0)
        assert decoded is None or decoded.shape == (32, 32, 3)


def _with_size(file: bytes, height: int, width: int) -> bytes:
    start = file.index(b"\xff\xc0") + 5
    return file[:start] + struct.pack(">HH", height, width) + file[start + 4 :]


def test_a_picture_of_another_size_is_none(patches: list[Pixels]) -> None:
    wide = by_pillow(np.concatenate([patches[0], patches[1]], axis=1), 60, "4:2:0")
    assert shown(wide).shape == (32, 64, 3)
    assert Jpeg("4:2:0", "full").decode(wide, 0) is None


def test_a_file_that_claims_to_be_huge_is_no_picture(patches: list[Pixels]) -> None:
    huge = _with_size(Jpeg("4:2:0", "full").encode(patches[0], 60), 65000, 65000)
    assert Jpeg("4:2:0", "full").decode(huge, 0) is None


@pytest.mark.parametrize("stream", STREAMS)
def test_decoded_pixels_are_read_only(patches: list[Pixels], stream: Stream) -> None:
    """They are cached: a caller that wrote into them would change every later picture."""
    sent = Jpeg("4:2:0", stream).encode(patches[0], 50)
    decoded = Jpeg("4:2:0", stream).decode(sent, 50)
    assert decoded is not None
    with pytest.raises(ValueError, match="read-only"):
        decoded[0, 0, 0] = 1


def test_the_cache_tells_streams_qualities_and_subsamplings_apart(patches: list[Pixels]) -> None:
    payload = Jpeg("4:4:4", "payload").encode(patches[0], 50)
    at_50 = Jpeg("4:4:4", "payload").decode(payload, 50)
    at_90 = Jpeg("4:4:4", "payload").decode(payload, 90)
    assert at_50 is not None
    assert at_90 is not None
    assert not np.array_equal(at_50, at_90)
    assert Jpeg("4:4:4", "full").decode(payload, 50) is None
