"""HEVC intra pictures, the class of BPG, at the best quantizer that fits a byte budget: x265 and FFmpeg through PyAV.

Each image is one intra picture with a constant QP, 0 (best) to 51. Two streams, as for JPEG: `full` is the whole file
(Annex B: parameter sets and one slice); `payload` is the slice's entropy-coded data alone. Everything before it
(parameter sets, start codes, headers of the slice) depends on QP, subsampling and image size only, and is rebuilt at
the receiver from the quality in the frame.

Colours: JFIF's BT.601 at full range, in whole numbers, so that every machine has the same pixels. For 4:2:0 the chroma
of 2x2 pixels is averaged before the only rounding, and the receiver interpolates with weights 3/4 and 1/4 (centred
samples), as JPEG decoders do.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from semrobust.codecs.base import SIZE, Best, Pixels, Size, Steps, Stream, Subsampling, remembered, search

MAX_QP = 51

# chosen by mean PSNR at 28 to 124 bytes on images of the training set; what costs time without gain is left out
_ENCODER = {
    "preset": "slow",
    "tune": "psnr",  # no psychovisual rate-distortion, which trades PSNR away
    "forced-idr": "1",
}
_CHROMA_QP = -2  # of luma's: RGB error weighs chroma as much as luma
_X265 = {
    "keyint": 1,  # all pictures intra, and none refers to another
    "ipratio": 1,  # intra pictures get the QP that is asked for
    "cbqpoffs": _CHROMA_QP,
    "crqpoffs": _CHROMA_QP,
    "sao": 0,  # its syntax costs more than it gains on one block
    "range": "full",
    "colormatrix": "bt470bg",
    **dict.fromkeys(("bframes", "rc-lookahead", "lookahead-slices", "scenecut", "info", "aud", "hrd", "wpp"), 0),
    "pools": "none",  # one thread: the bytes are always the same
    "frame-threads": 1,
    "log-level": "none",
}
_FORMATS = {"4:2:0": "yuv420p", "4:4:4": "yuv444p"}
_START_CODE = b"\x00\x00\x01"
_IDR = b"\x28\x01"  # NAL header of a slice of a picture that neither needs another nor has others that need it
_MIDDLE_QP = 26  # the slice header holds the difference from it
_LEAST, _OCTAVE = 14.0 / 32**2, 5.6  # usual bytes per pixel at QP 51, and how many QPs less double them
_REACH = 2.0  # before the best quality lies none of more than 1.9 times its bytes, on real images and checkerboards
_KEPT = 65536

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Hevc:
    """HEVC intra with one chroma subsampling; the quality is the QP, 0 (best) to 51.

    Images have height and width `size`, both even for 4:2:0.
    """

    subsampling: Subsampling
    stream: Stream = "payload"
    size: Size = SIZE

    def encode(self, pixels: Pixels, quality: int) -> list[bytes]:
        """Encode each image of (B,H,W,3) at one QP to the bytes that are sent.

        Raises RuntimeError if x265 writes another slice header than the one that the receiver will assume.
        """
        head = _head(quality, self.subsampling, self.size) if self.stream == "full" else b""
        _, slices = _encode(_planes(pixels, self.subsampling), quality, self.subsampling, self.size)
        return [head + data for data in slices]

    def encode_batch_within(self, pixels: Pixels, max_bytes: int) -> list[Best]:
        """Best (QP, bytes) of each image (B,H,W,3) in at most `max_bytes`; see `codecs.base.Codec`.

        Images that try the same QP at the same time share an encoder, which does not change their bytes.
        """
        keys = [(self, max_bytes, hashlib.sha256(image).digest()) for image in pixels]
        found = {row: _FOUND[key] for row, key in enumerate(keys) if key in _FOUND}
        unknown = [row for row in range(len(pixels)) if row not in found]
        usual = _LEAST * math.prod(self.size)
        searches = {row: search(max_bytes, range(MAX_QP, -1, -1), usual, _OCTAVE, _REACH) for row in unknown}
        trials = {row: next(search) for row, search in searches.items()}
        while trials:
            quality = max(trials.values())  # searches end on their way to finer ones: who waits is caught up with
            rows = [row for row, trial in trials.items() if trial == quality]
            for row, sent in zip(rows, self.encode(pixels[rows], quality), strict=True):
                try:
                    trials[row] = searches[row].send(sent)
                except StopIteration as end:
                    found[row] = end.value
                    del trials[row]
        if len(_FOUND) > _KEPT:
            _FOUND.clear()
        _FOUND.update((keys[row], found[row]) for row in unknown)
        return [found[row] for row in range(len(pixels))]

    def steps(self, quality: int) -> Steps:
        """Steps of transform coefficients (2,8,8) of luma and chroma, as of an 8x8 DCT of the picture itself: the same
        for all frequencies (ITU-T H.265 §8.6.2), and an approximation, since x265 codes what prediction leaves."""
        sizes = [2.0 ** ((quality + offset - 4) / 6) for offset in (0, _CHROMA_QP)]
        return np.broadcast_to(np.array(sizes)[:, None, None], (2, 8, 8)).copy()

    def decode(self, sent: bytes, quality: int) -> Pixels | None:
        """Pixels (H,W,3), read-only, of what `encode` made; None if FFmpeg finds no sound picture of this size."""
        return _decode(sent, quality, self.subsampling, self.stream, self.size)


_FOUND: dict[tuple[Hevc, int, bytes], Best] = {}  # an attack encodes its images more than once


def _encode(planes: Integers, quality: int, subsampling: str, size: Size) -> tuple[bytes, list[bytes]]:
    """Parameter sets (Annex B) and the slice data of each of the (B, values) pictures, coded as one stream."""
    encoder = av.CodecContext.create("libx265", "w")
    height, width = encoder.height, encoder.width = size
    encoder.pix_fmt = _FORMATS[subsampling]
    encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
    encoder.thread_count = 1
    x265 = ":".join(f"{key}={value}" for key, value in {**_X265, "qp": quality}.items())
    encoder.options = {**_ENCODER, "x265-params": x265}
    packets = []
    shape = (3, height, width) if subsampling == "4:4:4" else (height * 3 // 2, width)
    for number, picture in enumerate(planes.astype(np.uint8)):
        frame = av.VideoFrame.from_ndarray(picture.reshape(shape), format=_FORMATS[subsampling])
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    if [packet.pts for packet in packets] != list(range(len(planes))):
        raise RuntimeError("x265 returned other pictures than it was given")
    units = [bytes(packet).split(_START_CODE) for packet in packets]
    first = [unit.rstrip(b"\0") for unit in units[0][1:-1]]
    sets = b"".join(b"\0" + _START_CODE + unit for unit in first)
    return sets, [_slice_data(unit[-1], quality) for unit in units]


def _slice_header(quality: int) -> bytes:
    """NAL and slice header (ITU-T H.265 §7.3.1.2, §7.3.6) of the only slice of an intra picture under `_X265`."""
    delta = quality - _MIDDLE_QP
    number = f"{2 * delta if delta > 0 else 1 - 2 * delta:b}"
    qp = "0" * (len(number) - 1) + number  # signed Exp-Golomb code
    # first slice of its picture, prior pictures are kept, parameter set 0, intra; QP; filter across slices, stop bit
    bits = "1" + "0" + "1" + "011" + qp + "1" + "1"
    bits += "0" * (-len(bits) % 8)
    return _IDR + int(bits, 2).to_bytes(len(bits) // 8, "big")


def _slice_data(unit: bytes, quality: int) -> bytes:
    """Entropy-coded data of a slice, once its header is found to be the one that the receiver will put before it."""
    header = _slice_header(quality)
    found = unit[: len(header)]
    # x265 varies one bit with the number of the picture: whether filters cross slices, of which there is one
    differing = int.from_bytes(found, "big") ^ int.from_bytes(header, "big")
    stop = int.from_bytes(header, "big") & -int.from_bytes(header, "big")
    if differing not in (0, 2 * stop):
        raise RuntimeError(f"x265 wrote the slice header {found.hex()} where {header.hex()} was expected")
    return unit[len(header) :]


@cache
def _head(quality: int, subsampling: str, size: Size) -> bytes:
    """Everything before the slice data; it depends on QP, subsampling and image size alone."""
    values = math.prod(size) * 3 // (1 if subsampling == "4:4:4" else 2)
    sets, _ = _encode(np.full((1, values), 128), quality, subsampling, size)
    return sets + b"\0" + _START_CODE + _slice_header(quality)


def _planes(pixels: Pixels, subsampling: str) -> Integers:
    """Y, Cb and Cr planes, 0..255, of (B,H,W,3) RGB pixels, one after the other: (B, values)."""
    red, green, blue = np.moveaxis(pixels.astype(np.int64), 3, 0)
    # coefficients times 2^16; each row of chroma adds up to 0
    luma = (19595 * red + 38470 * green + 7471 * blue + 2**15) >> 16
    chroma = np.stack([-11059 * red - 21709 * green + 32768 * blue, 32768 * red - 27439 * green - 5329 * blue], axis=1)
    scale = 16
    if subsampling == "4:2:0":
        height, width = (side // 2 for side in pixels.shape[1:3])
        chroma = chroma.reshape(-1, 2, height, 2, width, 2).sum(axis=(3, 5))
        scale += 2
    chroma = np.clip((chroma + (128 << scale) + 2 ** (scale - 1)) >> scale, 0, 255)
    return np.concatenate([luma.reshape(len(pixels), -1), chroma.reshape(len(pixels), -1)], axis=1)


def _doubled(plane: Integers, axis: int) -> Integers:
    """Twice as many samples along an axis, each 3/4 of the nearest and 1/4 of the next one, times 4."""
    padded = np.pad(plane, [(1, 1) if a == axis else (0, 0) for a in range(plane.ndim)], mode="edge")
    before, after = (np.delete(padded, drop, axis) for drop in ([-1, -2], [0, 1]))
    return np.stack([3 * plane + before, 3 * plane + after], axis=axis + 1).reshape(
        *(size * 2 if a == axis else size for a, size in enumerate(plane.shape))
    )


def _rgb(luma: Integers, blueness: Integers, redness: Integers) -> Pixels:
    """RGB pixels (H,W,3) of the three planes of one picture."""
    if len(blueness) < len(luma):
        blueness, redness = (_doubled(_doubled(plane, 0), 1) for plane in (blueness, redness))
    else:
        blueness, redness = 16 * blueness, 16 * redness
    blueness, redness = blueness - 16 * 128, redness - 16 * 128
    # coefficients times 2^16, planes times 16
    offsets = [91881 * redness, -22554 * blueness - 46802 * redness, 116130 * blueness]
    values = [luma + ((offset + 2**19) >> 20) for offset in offsets]
    pixels: Pixels = np.clip(np.stack(values, axis=2), 0, 255).astype(np.uint8)
    return pixels


@remembered
def _decode(sent: bytes, quality: int, subsampling: str, stream: Stream, size: Size) -> Pixels | None:
    height, width = size
    if stream == "payload":
        if quality > MAX_QP:
            return None
        sent = _head(quality, subsampling, size) + sent
    decoder = av.CodecContext.create("hevc", "r")
    decoder.thread_count = 1
    # no error is concealed, and a broken header cannot claim gigabytes
    decoder.options = {"err_detect": "explode", "max_pixels": str(4 * height * width)}
    try:
        frames = [*decoder.decode(av.Packet(sent)), *decoder.decode(None)]
    except (av.FFmpegError, ValueError):
        return None
    if len(frames) != 1 or frames[0].is_corrupt or (frames[0].height, frames[0].width) != size:
        return None
    planes = [_samples(plane) for plane in frames[0].planes]
    chroma = size if subsampling == "4:4:4" else (height // 2, width // 2)
    if [plane.shape for plane in planes] != [size, chroma, chroma]:
        return None
    pixels = _rgb(*planes)
    pixels.setflags(write=False)
    return pixels


def _samples(plane: Any) -> Integers:
    """Samples of a plane of a decoded frame (height, width), without the padding of its rows."""
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width].astype(np.int64)
