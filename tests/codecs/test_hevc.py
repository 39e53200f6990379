"""HEVC: the payload alone carries the picture, no image knows of its batch, and no bytes can hurt the receiver."""

from __future__ import annotations

import io
from typing import get_args

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semrobust.codecs import hevc
from semrobust.codecs.base import Pixels, Stream, Subsampling
from semrobust.codecs.hevc import MAX_QP, Hevc

SUBSAMPLINGS: tuple[Subsampling, ...] = ("4:2:0", "4:4:4")
STREAMS: tuple[Stream, ...] = get_args(Stream)
EXTREMES = [np.zeros((32, 32, 3), np.uint8), np.full((32, 32, 3), 255, np.uint8)]


def planes_of(file: bytes) -> list[Pixels]:
    """Planes of an Annex B file as FFmpeg's own demuxer and decoder read it."""
    with av.open(io.BytesIO(file), mode="r", format="hevc") as container:
        (frame,) = container.decode(video=0)
    assert isinstance(frame, av.VideoFrame)
    return [
        np.frombuffer(bytes(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        for plane in frame.planes
    ]


def error(shown: Pixels | None, pixels: Pixels) -> float:
    assert shown is not None
    return float(((shown.astype(float) - pixels) ** 2).mean())


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
@pytest.mark.parametrize("quality", [0, 8, 20, 26, 27, 38, 51])
def test_the_payload_shows_the_same_pixels_as_the_file(
    patches: list[Pixels], noise: Pixels, quality: int, subsampling: Subsampling
) -> None:
    batch = np.stack([*patches[::6], noise, *EXTREMES])
    payload, full = Hevc(subsampling), Hevc(subsampling, "full")
    for sent, file in zip(payload.encode(batch, quality), full.encode(batch, quality), strict=True):
        assert file.endswith(sent)
        assert 60 < len(file) - len(sent) < 150
        shown, expected = payload.decode(sent, quality), full.decode(file, 0)
        assert shown is not None
        assert expected is not None
        assert np.array_equal(shown, expected)
        luma, *chroma = planes_of(file)
        assert luma.shape == (32, 32)
        assert {plane.shape for plane in chroma} == {(32, 32) if subsampling == "4:4:4" else (16, 16)}


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_an_image_does_not_know_of_its_batch(patches: list[Pixels], noise: Pixels, subsampling: Subsampling) -> None:
    """Not of neighbours, nor of its place among more pictures than x265's patterns of numbers repeat over."""
    batch = np.stack([*patches, noise, *EXTREMES, *patches[::-1]])
    codec = Hevc(subsampling)
    for quality in (12, 33, 45):
        together = codec.encode(batch, quality)
        assert together[: len(patches)] == together[::-1][: len(patches)]
        assert codec.encode(batch, quality) == together
        for row in (0, 1, 17, 30, 31, 40, len(batch) - 1):
            assert codec.encode(batch[row : row + 1], quality) == [together[row]]


def test_the_slice_header_is_rebuilt_for_every_qp(patches: list[Pixels]) -> None:
    """The encoder compares its own header with the one that the receiver assumes, and raises if they differ."""
    for quality in range(MAX_QP + 1):
        (sent,) = Hevc("4:2:0").encode(patches[0][None], quality)
        assert Hevc("4:2:0").decode(sent, quality) is not None
    with pytest.raises(RuntimeError, match="x265 wrote the slice header 2801"):
        hevc._slice_data(hevc._slice_header(30) + b"data", 31)


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_the_best_quality_within_a_budget_is_that_of_an_exhaustive_search(
    patches: list[Pixels], bumpy: list[Pixels], noise: Pixels, subsampling: Subsampling
) -> None:
    codec, batch = Hevc(subsampling), np.stack([*patches[::3], *bumpy, noise])
    tried = [codec.encode(batch, quality) for quality in range(MAX_QP + 1)]
    for budget in (20, 28, 44, 60, 92, 124, 200):
        for row, best in enumerate(codec.encode_batch_within(batch, budget)):
            fitting = [(quality, sent[row]) for quality, sent in enumerate(tried) if len(sent[row]) <= budget]
            assert best == (fitting[0] if fitting else None), budget


@pytest.mark.parametrize("budget", [9, 60])
def test_a_search_does_not_depend_on_the_batch_and_is_remembered(
    patches: list[Pixels], noise: Pixels, budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, codec = np.stack([noise, *patches[:9]]), Hevc("4:2:0")
    together = codec.encode_batch_within(batch, budget)
    assert any(best is not None for best in together)
    assert any(best is None for best in together) == (budget == 9)
    hevc._FOUND.clear()
    assert [codec.encode_batch_within(image[None], budget)[0] for image in batch] == together
    monkeypatch.setattr(hevc, "_encode", None)
    assert codec.encode_batch_within(batch[::-1], budget) == together[::-1]
    assert codec.encode_batch_within(batch[:0], budget) == []


def test_whole_files_fit_a_budget_too(patches: list[Pixels]) -> None:
    (best,) = Hevc("4:2:0", "full").encode_batch_within(patches[0][None], 200)
    assert best is not None
    assert 150 < len(best[1]) <= 200
    assert Hevc("4:2:0", "full").encode_batch_within(patches[0][None], 92) == [None]


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_finer_quantizers_show_better_pictures(patches: list[Pixels], subsampling: Subsampling) -> None:
    codec = Hevc(subsampling)
    errors = [
        np.mean(
            [error(codec.decode(sent, qp), image) for sent, image in zip(codec.encode(batch, qp), batch, strict=True)]
        )
        for batch in [np.stack(patches[::3])]
        for qp in (45, 35, 25, 15, 5)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < (3.0 if subsampling == "4:4:4" else 120.0)  # what is left is lost chroma resolution


def test_hevc_needs_fewer_bytes_than_jpeg(patches: list[Pixels]) -> None:
    from semrobust.codecs.jpeg import Jpeg

    batch = np.stack(patches)
    means = {}
    for codec in (Hevc("4:2:0"), Jpeg("4:2:0")):
        shown = [
            None if best is None else codec.decode(best[1], best[0]) for best in codec.encode_batch_within(batch, 92)
        ]
        means[type(codec)] = np.mean([-10 * np.log10(max(error(a, b), 0.1)) for a, b in zip(shown, batch, strict=True)])
    assert means[Hevc] > means[Jpeg] + 1.0  # dB


# colours


def by_floats(pixels: Pixels) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """JFIF's matrix (BT.601, full range) in floating point: Y, Cb and Cr as (3, 32, 32)."""
    matrix = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
    return np.asarray(np.moveaxis(pixels @ matrix.T, 2, 0) + np.array([0.0, 128.0, 128.0])[:, None, None])


def test_colours_are_those_of_jfif(patches: list[Pixels], noise: Pixels) -> None:
    for pixels in [patches[3], noise, *EXTREMES]:
        exact = by_floats(pixels).clip(0, 255)
        full = hevc._planes(pixels[None], "4:4:4").reshape(3, 32, 32)
        assert np.abs(full - exact).max() <= 0.51
        half = hevc._planes(pixels[None], "4:2:0")[0]
        assert np.abs(half[:1024].reshape(32, 32) - exact[0]).max() <= 0.51
        averaged = by_floats(pixels)[1:].reshape(2, 16, 2, 16, 2).mean(axis=(2, 4)).clip(0, 255)
        assert np.abs(half[1024:].reshape(2, 16, 16) - averaged).max() <= 0.51


def test_colours_come_back(patches: list[Pixels], noise: Pixels) -> None:
    for pixels in [*patches[::5], noise, *EXTREMES]:
        luma, blueness, redness = hevc._planes(pixels[None], "4:4:4").reshape(3, 32, 32)
        assert np.abs(hevc._rgb(luma, blueness, redness).astype(int) - pixels).max() <= 2
    flat = np.full((32, 32, 3), (200, 90, 30), np.uint8)
    planes = hevc._planes(flat[None], "4:2:0")[0]
    shown = hevc._rgb(planes[:1024].reshape(32, 32), *planes[1024:].reshape(2, 16, 16))
    assert np.abs(shown.astype(int) - flat).max() <= 2


def test_chroma_is_interpolated_between_centred_samples() -> None:
    plane = np.array([[0, 8], [16, 40]], np.int64)
    columns = hevc._doubled(plane, 1)
    assert columns.tolist() == [[0, 8, 24, 32], [64, 88, 136, 160]]
    assert hevc._doubled(plane, 0).tolist() == hevc._doubled(plane.T.copy(), 1).T.tolist()
    assert (hevc._doubled(np.full((16, 16), 7), 0) == 28).all()


# what a channel may do to the bytes


@pytest.mark.parametrize("stream", STREAMS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=st.binary(max_size=130), quality=st.integers(0, 255))
def test_any_bytes_give_a_picture_or_none(stream: Stream, sent: bytes, quality: int) -> None:
    for subsampling in SUBSAMPLINGS:
        shown = Hevc(subsampling, stream).decode(sent, quality)
        assert shown is None or shown.shape == (32, 32, 3)
        if shown is not None:
            assert stream == "payload"
            assert quality <= MAX_QP


@pytest.mark.parametrize("stream", STREAMS)
def test_damaged_streams_raise_nothing(patches: list[Pixels], stream: Stream) -> None:
    codec = Hevc("4:2:0", stream)
    (sent,) = codec.encode(patches[0][None], 30)
    rng = np.random.default_rng(4)
    for _ in range(300):
        damaged = bytearray(sent)
        for position in rng.integers(len(sent), size=3):
            damaged[position] = int(rng.integers(256))
        shown = codec.decode(bytes(damaged), 30)
        assert shown is None or shown.shape == (32, 32, 3)


def test_a_cut_file_is_no_picture(patches: list[Pixels]) -> None:
    (full,) = Hevc("4:2:0", "full").encode(patches[0][None], 20)
    shown = [Hevc("4:2:0", "full").decode(full[:length], 0) for length in range(0, len(full) - 40, 7)]
    assert all(picture is None for picture in shown)


def test_a_file_of_another_kind_is_no_picture(patches: list[Pixels]) -> None:
    (full,) = Hevc("4:4:4", "full").encode(patches[0][None], 20)
    assert Hevc("4:4:4", "full").decode(full, 0) is not None
    assert Hevc("4:2:0", "full").decode(full, 0) is None  # another subsampling
    assert Hevc("4:4:4", "full").decode(full + full, 0) is None  # two pictures
    encoder = av.CodecContext.create("libx265", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = 64, 256, "yuv420p"
    encoder.options = {"x265-params": "log-level=none:pools=none"}
    frame = av.VideoFrame.from_ndarray(np.zeros((384, 64), np.uint8), format="yuv420p")
    large = b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
    assert Hevc("4:2:0", "full").decode(large, 0) is None


@pytest.mark.parametrize("stream", STREAMS)
def test_decoded_pixels_are_read_only(patches: list[Pixels], stream: Stream) -> None:
    """They are cached: a caller that wrote into them would change every later picture."""
    codec = Hevc("4:2:0", stream)
    (sent,) = codec.encode(patches[0][None], 30)
    decoded = codec.decode(sent, 30)
    assert decoded is not None
    with pytest.raises(ValueError, match="read-only"):
        decoded[0, 0, 0] = 1
