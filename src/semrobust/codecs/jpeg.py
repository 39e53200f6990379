"""JPEG at the best quality that fits a byte budget, one image at a time, by Pillow.

Two streams: `full` is the file as Pillow writes it; `payload` leaves out everything that both ends can rebuild from the
quality alone (markers, quantization and standard Huffman tables, frame header), so only the entropy-coded scan is
sent and the quality travels in the frame.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image

from semrobust.codecs.base import SIZE, Best, Pixels, Size, Steps, Stream, Subsampling, remembered, search

MAX_QUALITY = 100
_START_OF_SCAN = b"\xff\xda"
_END_OF_IMAGE = b"\xff\xd9"
_LEAST, _OCTAVE = 26.0 / 32**2, 24.0  # usual bytes per pixel at quality 1, and how many steps further they double
_REACH = 1.25  # before the best quality lies none of more than 1.12 times its bytes, on real images and checkerboards


@dataclass(frozen=True)
class Jpeg:
    """JPEG with one chroma subsampling and size of images; the quality is Pillow's, 1 (worst) to 100."""

    subsampling: Subsampling
    stream: Stream = "payload"
    size: Size = SIZE

    def encode(self, pixels: Pixels, quality: int) -> bytes:
        """Encode (H,W,3) pixels at one quality to the bytes that are sent."""
        file = _file(pixels, quality, self.subsampling)
        return file if self.stream == "full" else file[_scan_start(file) : -len(_END_OF_IMAGE)]

    def encode_within(self, pixels: Pixels, max_bytes: int) -> Best:
        """Best (quality, bytes) of one image in at most `max_bytes`, or None if even quality 1 does not fit."""
        trials = search(max_bytes, range(1, MAX_QUALITY + 1), _LEAST * math.prod(self.size), _OCTAVE, _REACH)
        quality = next(trials)
        while True:
            try:
                quality = trials.send(self.encode(pixels, quality))
            except StopIteration as end:
                best: Best = end.value
                return best

    def encode_batch_within(self, pixels: Pixels, max_bytes: int) -> list[Best]:
        """Best (quality, bytes) of each image (B,H,W,3); see `codecs.base.Codec`."""
        return [self.encode_within(image, max_bytes) for image in pixels]

    def steps(self, quality: int) -> Steps:
        """Quantization steps of the DCT coefficients (2,8,8) of luma and chroma, in levels of an orthonormal DCT."""
        with Image.open(io.BytesIO(_file(np.zeros((8, 8, 3), np.uint8), quality, self.subsampling))) as image:
            tables = image.quantization  # type: ignore[attr-defined]
        return np.array([tables[0], tables[1]], np.float64).reshape(2, 8, 8)

    def decode(self, sent: bytes, quality: int) -> Pixels | None:
        """Pixels (H,W,3), read-only, of what `encode` made, or None if it is no valid image."""
        return _decode(sent, quality, self.subsampling, self.stream, self.size)


def _file(pixels: Pixels, quality: int, subsampling: str) -> bytes:
    """JPEG file of (H,W,3) uint8 pixels with standard Huffman tables, which both ends know."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(
        buffer, "JPEG", quality=quality, subsampling=subsampling, optimize=False, progressive=False
    )
    return buffer.getvalue()


def _scan_start(file: bytes) -> int:
    """Offset of the entropy-coded data: behind the start-of-scan marker and its header."""
    marker = file.index(_START_OF_SCAN)
    return marker + 2 + int.from_bytes(file[marker + 2 : marker + 4], "big")


@cache
def _header(quality: int, subsampling: str, size: Size) -> bytes:
    """Everything before the scan; it depends on quality, subsampling and image size alone."""
    file = _file(np.zeros((*size, 3), np.uint8), quality, subsampling)
    return file[: _scan_start(file)]


@remembered
def _decode(sent: bytes, quality: int, subsampling: str, stream: Stream, size: Size) -> Pixels | None:
    file = sent if stream == "full" else _header(quality, subsampling, size) + sent + _END_OF_IMAGE
    try:
        with Image.open(io.BytesIO(file), formats=["JPEG"]) as image:
            if image.size != size[::-1]:  # before decoding: a broken header may claim gigabytes
                return None
            pixels = np.array(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    pixels.setflags(write=False)
    return pixels
