"""Randomness: one root seed per run, split by name.

Every stream is `SeedSequence(root, spawn_key=hash(name))`, so it depends on its name alone: not
on the order of jobs, on how many cores run, or on who drew before. Noise that belongs to images is drawn
per block of image indices, so it does not depend on the batch size either.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

_BLOCK = 256  # images per independent stream; part of the definition of the noise, never a tuning knob


def _spawn_key(name: tuple[str | int | float, ...]) -> tuple[int, ...]:
    digest = hashlib.sha256("\x1f".join(map(str, name)).encode()).digest()
    return tuple(np.frombuffer(digest[:16], dtype="<u4").tolist())


def generator(root: int, *name: str | int | float) -> np.random.Generator:
    """Return the numpy generator of the stream `name` under the root seed `root`."""
    return np.random.default_rng(np.random.SeedSequence(root, spawn_key=_spawn_key(name)))


def integer(root: int, *name: str | int | float) -> int:
    """Return a 63-bit seed for a library that takes one integer (torch, scipy, ...)."""
    return int(generator(root, *name).integers(2**63 - 1))


def gaussian_rows(root: int, *name: str | int | float, start: int, stop: int, width: int) -> npt.NDArray[np.float32]:
    """Standard normal noise for images `start`..`stop`-1, shape (stop - start, width), float32.

    Row i is the same whatever `start`, `stop` and the batching are; `width` is part of the stream.
    """
    if not 0 <= start <= stop:
        raise ValueError(f"rows {start}..{stop} are not a range of images")
    rows = np.empty((stop - start, width), dtype=np.float32)
    for block in range(start // _BLOCK, -(-stop // _BLOCK)):
        first = block * _BLOCK
        drawn = generator(root, *name, width, block).standard_normal((_BLOCK, width), dtype=np.float32)
        low, high = max(start, first), min(stop, first + _BLOCK)
        rows[low - start : high - start] = drawn[low - first : high - first]
    return rows
