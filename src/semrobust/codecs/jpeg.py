"""JPEG at the best quality that fits a byte budget, one image at a time, by Pillow.

Two streams: `full` is the file as Pillow writes it; `payload` leaves out everything that both ends can rebuild from the
quality alone (markers, quantization and standard Huffman tables, frame header), so only the entropy-coded scan is
sent and the quality travels in the frame.
"""

from __future__ import annotations

import io
from functools import cache, lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

Stream = Literal["full", "payload"]
Pixels = npt.NDArray[np.uint8]

MAX_QUALITY = 100
_SIDE = 32
_START_OF_SCAN = b"\xff\xda"
_END_OF_IMAGE = b"\xff\xd9"
_HOPELESS = 2.0
# Sizes rise with quality but for a few bytes of ripple, so no quality beyond one that is twice too large fits.


def _file(pixels: Pixels, quality: int, subsampling: str) -> bytes:
    """JPEG file of (32,32,3) uint8 pixels with standard Huffman tables, which both ends know."""
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
def _header(quality: int, subsampling: str) -> bytes:
    """Everything before the scan; it depends on quality, subsampling and image size alone."""
    file = _file(np.zeros((_SIDE, _SIDE, 3), np.uint8), quality, subsampling)
    return file[: _scan_start(file)]


def encode(pixels: Pixels, quality: int, subsampling: str, stream: Stream) -> bytes:
    """Encode (32,32,3) uint8 pixels at one quality (1..100) to the bytes that are sent."""
    file = _file(pixels, quality, subsampling)
    return file if stream == "full" else file[_scan_start(file) : -len(_END_OF_IMAGE)]


def encode_within(pixels: Pixels, max_bytes: int, subsampling: str, stream: Stream) -> tuple[int, bytes] | None:
    """Best (quality, bytes) of at most `max_bytes`, or None if even quality 1 does not fit."""
    best = None
    for quality in range(1, MAX_QUALITY + 1):
        sent = encode(pixels, quality, subsampling, stream)
        if len(sent) <= max_bytes:
            best = quality, sent
        elif len(sent) > _HOPELESS * max_bytes:
            break
    return best


@lru_cache(maxsize=65536)  # attacks decode the same few frames thousands of times
def decode(sent: bytes, quality: int, subsampling: str, stream: Stream) -> Pixels | None:
    """Decode what `encode` made to (32,32,3) uint8 pixels (read-only), or None if it is no valid image."""
    file = sent if stream == "full" else _header(quality, subsampling) + sent + _END_OF_IMAGE
    try:
        with Image.open(io.BytesIO(file), formats=["JPEG"]) as image:
            if image.size != (_SIDE, _SIDE):  # before decoding: a broken header may claim gigabytes
                return None
            pixels = np.array(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    pixels.setflags(write=False)
    return pixels
