"""What a source codec is: the best quality of an image within a number of bytes, and back."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from functools import lru_cache, wraps
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""RGB pixels, uint8 (H, W, 3), or (B, H, W, 3) for a batch."""

Steps = npt.NDArray[np.float64]
"""Quantization steps of transform coefficients."""

Stream = Literal["full", "payload"]
"""What is sent: the whole file, or only what the receiver cannot rebuild from the quality alone."""

Subsampling = Literal["4:4:4", "4:2:0"]

Size = tuple[int, int]
"""Height and width of images, in pixels. Both ends know it, and no byte is spent on it."""

SIZE: Size = (32, 32)
"""Size of the images of a run."""

Best = tuple[int, bytes] | None
"""Best (quality, bytes to send) within a budget, None if nothing fits."""

_FEW = 8  # bytes
_KEPT = 65536 * 3 * 32**2  # values of pixels, of each size


class Codec(Protocol):
    """A source codec for single images. Its quality is one byte, which travels in the frame (`codecs.framing`)."""

    @property
    def stream(self) -> Stream:
        """What `encode_batch_within` returns."""

    @property
    def size(self) -> Size:
        """Height and width of every image."""

    def encode_batch_within(self, pixels: Pixels, max_bytes: int) -> list[Best]:
        """Best (quality, bytes to send) of each image (B,H,W,3) in at most `max_bytes`, None where none fits.

        Each image is encoded for itself: its bytes do not depend on the rest of the batch.
        """

    def decode(self, sent: bytes, quality: int) -> Pixels | None:
        """Pixels (H,W,3), read-only, of what was sent; None if it is no valid image. Any bytes may come."""

    def steps(self, quality: int) -> Steps:
        """Quantization steps (2,8,8) of an orthonormal 8x8 DCT of luma and chroma, in levels, as near as it comes."""


def remembered(decode: Callable[..., Pixels | None]) -> Callable[..., Pixels | None]:
    """`decode` with its last results kept, 200 MB of them: attacks decode the same few frames thousands of times.

    Its last argument is the size of the images.
    """
    of_size: dict[Size, Callable[..., Pixels | None]] = {}

    @wraps(decode)
    def remembering(*arguments: Any) -> Pixels | None:
        size: Size = arguments[-1]
        if size not in of_size:
            of_size[size] = lru_cache(maxsize=max(1, _KEPT // (3 * math.prod(size))))(decode)
        return of_size[size](*arguments)

    return remembering


def search(
    max_bytes: int, qualities: Sequence[int], least: float, octave: float, reach: float
) -> Generator[int, bytes, Best]:
    """Yield qualities to try on one image, take the bytes that each gives, and return the best that fits.

    `qualities` from worst to best. `least` is the usual size at the worst one and `octave` about how many places
    further it doubles: these two decide how many trials it takes, never the result. Sizes do not always rise with
    quality: what fits is looked for until one takes more than `reach` times `max_bytes` and a few bytes.
    """
    best: Best = None
    fits, too_large = -1, len(qualities)
    sizes: dict[int, int] = {}
    place, size = 0, least
    while too_large - fits > 1:
        step = round(octave * math.log2(max(max_bytes, 1) / max(size, 1)))
        place = min(max(place + step, fits + 1), too_large - 1)
        sent = yield qualities[place]
        sizes[place] = size = len(sent)
        if size <= max_bytes:
            fits, best = place, (qualities[place], sent)
        else:
            too_large = place
    # what fits behind what does not: on from the first that did not fit to the first that is out of reach
    while too_large < len(qualities):
        if too_large not in sizes:
            sent = yield qualities[too_large]
            sizes[too_large] = len(sent)
            if len(sent) <= max_bytes:
                best = qualities[too_large], sent
        if sizes[too_large] > reach * max_bytes + _FEW:
            break
        too_large += 1
    return best
