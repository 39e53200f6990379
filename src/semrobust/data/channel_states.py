"""Channel states for the feedback task: what every source of them gives, and the angular-delay domain.

A user measures the channel from each of the base station's 32 antennas on 1024 subcarriers, H (32, 1024) complex, and
sends back what the base station cannot know. Two unitary transforms make that sparse: over the subcarriers to delay
(1024 taps of which the first 32 are kept) and over the antennas of a uniform linear array to angle. A channel state is
what is left, (32 delay taps, 32 angles) complex, stored as CsiNet's files do: real part, imaginary part, 0.5 added.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from semrobust.config.csi import TAPS, StateSettings
from semrobust.data import cost2100, drops
from semrobust.data.content import Split, States
from semrobust.data.dataset import write

OFFSET = 0.5
"""What is added to real and imaginary parts, so that they lie in [0, 1]."""

Complex = npt.NDArray[np.complexfloating[Any]]


def angular_delay(channel: Complex) -> Complex:
    """The whole angular-delay domain (n, subcarriers, antennas) of channels (n, antennas, subcarriers).

    Subcarriers stand in rising frequency, the carrier in their middle. Both transforms are unitary: energy stays.
    """
    delay = np.fft.ifft(np.fft.ifftshift(channel, axes=2), axis=2, norm="ortho")
    return np.fft.fft(delay, axis=1, norm="ortho").swapaxes(1, 2)


def antenna_frequency(states: Complex) -> Complex:
    """Inverse of `angular_delay`."""
    delay = np.fft.ifft(states.swapaxes(1, 2), axis=1, norm="ortho")
    return np.fft.fftshift(np.fft.fft(delay, axis=2, norm="ortho"), axes=2)


def stored(states: Complex) -> States:
    """Channel states (n, 32, 32) complex as they are stored, (n, 2, 32, 32) float32, each scaled by its own number.

    The largest magnitude becomes 0.5, as the gain of a channel is no part of what is fed back.
    """
    kept = states[:, :TAPS]
    peak = np.abs(kept).max(axis=(1, 2), keepdims=True)
    scaled = 0.5 * kept / np.where(peak == 0, 1, peak)
    return np.stack([scaled.real, scaled.imag], axis=1).astype(np.float32) + np.float32(OFFSET)


def prepare(settings: StateSettings, root_seed: int, destination: Path, cache_dir: Path) -> dict[str, Any]:
    """Write the splits of `settings.source`, as `data.dataset.prepare` does those of images, and return their record.

    Raises:
        DataError, ChecksumError: the source fails or has too few samples.
    """
    counts = settings.samples.model_dump()
    if settings.source == "cost2100":
        found, files = cost2100.load(settings.path, counts, root_seed, cache_dir)
        return {**write(found, settings.source, destination), "files": files}
    start = 0
    splits: dict[str, Split] = {}
    for name, count in counts.items():  # a drop is one user's: no two splits share one
        parts = [stored(angular_delay(part)) for part in drops.channels(settings.drops, count, root_seed, name)]
        splits[name] = Split(np.concatenate(parts), np.arange(start, start + count, dtype=np.int64))
        start += count
    return write(splits, settings.source, destination)
