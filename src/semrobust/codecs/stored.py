"""Encoded images kept on disk: many baselines send the same images within the same number of bytes.

What is kept follows from the codec's settings and code, the budget and the pixels alone, and its name is the digest of
these. So a stored batch can never be a wrong one, and any number of jobs may share the folder.
"""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semrobust.codecs.base import Best, Codec, Pixels, Size, Steps, Stream
from semrobust.pipeline import code, files


@dataclass(frozen=True)
class StoredCodec:
    """A codec that looks in `folder` before it encodes a batch, and leaves there what it had to encode."""

    codec: Codec
    folder: Path

    @property
    def stream(self) -> Stream:
        return self.codec.stream

    @property
    def size(self) -> Size:
        return self.codec.size

    def encode_batch_within(self, pixels: Pixels, max_bytes: int) -> list[Best]:
        """As `Codec.encode_batch_within`; a stored batch that cannot be read is encoded again."""
        content = hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
        name = [repr(self.codec), code.digest((type(self.codec).__module__,)), max_bytes, list(pixels.shape), content]
        path = self.folder / f"{files.digest(name)}.npz"
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return _unpacked(arrays["quality"], arrays["length"], arrays["sent"])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            pass
        best = self.codec.encode_batch_within(pixels, max_bytes)
        with files.replacing(path) as temporary:
            np.savez(
                temporary,
                quality=np.array([-1 if fit is None else fit[0] for fit in best], np.int64),
                length=np.array([0 if fit is None else len(fit[1]) for fit in best], np.int64),
                sent=np.frombuffer(b"".join(fit[1] for fit in best if fit is not None), np.uint8),
            )
        return best

    def decode(self, sent: bytes, quality: int) -> Pixels | None:
        return self.codec.decode(sent, quality)

    def steps(self, quality: int) -> Steps:
        return self.codec.steps(quality)


def _unpacked(quality: np.typing.NDArray[np.int64], length: np.typing.NDArray[np.int64], sent: Pixels) -> list[Best]:
    ends = np.cumsum(length)
    if len(quality) != len(length) or (len(ends) and ends[-1] != len(sent)):
        raise ValueError("arrays of different lengths")
    content = sent.tobytes()
    return [
        None if value < 0 else (int(value), content[end - size : end])
        for value, size, end in zip(quality, length, ends, strict=True)
    ]
