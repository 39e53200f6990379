"""The largest coefficients of a sample: their positions as one number, their values by a trained scalar quantizer.

A sample has `planes` real values at each of M sites (one for magnitudes, two for complex coefficients). The K sites of
most energy are sent, at a fixed number of bits, counted one by one:

    | rank of the set of positions among all C(M, K): ceil(log2 C(M, K)) | K · planes values of b bits each |

The rank is that of the combinatorial number system, Σ C(p_i, i) over the positions p_1 < … < p_K, so that no code for
positions alone is shorter. The levels of the quantizer are the centres of the values met in training (Lloyd-Max).
"""

from __future__ import annotations

import math
import warnings
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]

_MOST_BITS = 8  # of a value
_SHARES = (1.0, 0.75, 0.5)  # of the coefficients that fit: fewer leave bits unused, but suit sources that fall off fast
_TRAINED_ON = 20_000  # values
_TRIED_ON = 1_000  # samples
_ROUNDS = 30  # of Lloyd's iteration


@cache
def _column(sites: int, chosen: int) -> list[int]:
    """C(p, chosen) for p = 0 … sites, which rises."""
    return [math.comb(place, chosen) for place in range(sites + 1)]


def position_bits(sites: int, kept: int) -> int:
    """Bits for the positions of `kept` of `sites`: ceil(log2 C(sites, kept))."""
    return (math.comb(sites, kept) - 1).bit_length()


def rank(positions: Sequence[int], sites: int) -> int:
    """Number of a set of positions, rising, among all sets of as many."""
    return sum(_column(sites, place)[position] for place, position in enumerate(positions, 1))


def positions(number: int, sites: int, kept: int) -> list[int]:
    """Inverse of `rank`; raises ValueError for a number that no set has."""
    if not 0 <= number < math.comb(sites, kept):
        raise ValueError(f"{number} is no set of {kept} of {sites} positions")
    found = []
    for place in range(kept, 0, -1):
        column = _column(sites, place)
        position = bisect_right(column, number) - 1
        found.append(position)
        number -= column[position]
    return found[::-1]


def most_kept(sites: int, planes: int, bits: int, room: int) -> int:
    """The largest K whose positions and values of `bits` bits fit `room` bits; 0 if not one does."""
    kept = 0
    while kept < sites and position_bits(sites, kept + 1) + (kept + 1) * planes * bits <= room:
        kept += 1
    return kept


def largest(samples: Values, kept: int) -> npt.NDArray[np.int64]:
    """Sites (B, kept), rising, of most energy of samples (B, planes, sites)."""
    energy = np.square(samples).sum(axis=1)
    return np.sort(np.argsort(-energy, axis=1, kind="stable")[:, :kept], axis=1)


def approximated(samples: Values, kept: int) -> Values:
    """Samples (B, planes, sites) with all but their `kept` largest sites set to 0."""
    mask = np.zeros((len(samples), 1, samples.shape[2]), np.float32)
    np.put_along_axis(mask, largest(samples, kept)[:, None], 1, axis=2)
    return samples * mask


@dataclass(frozen=True)
class TopK:
    """The codec of samples (planes, sites) at `room` bits: `kept` sites, values at one of `levels`, which rise."""

    planes: int
    sites: int
    room: int
    kept: int
    levels: tuple[float, ...]

    @property
    def value_bits(self) -> int:
        """Bits of a value."""
        return (len(self.levels) - 1).bit_length()

    @property
    def bits(self) -> int:
        """Bits that are used, at most `room`."""
        return position_bits(self.sites, self.kept) + self.kept * self.planes * self.value_bits

    @classmethod
    def fitted(cls, samples: Values, room: int) -> TopK:
        """The codec of least mean NMSE on training samples (n, planes, sites), over bits per value and coefficients.

        Raises ValueError if not one coefficient fits.
        """
        _, planes, sites = samples.shape
        tried = samples[:_TRIED_ON]
        found = []
        for bits in range(1, _MOST_BITS + 1):
            most = most_kept(sites, planes, bits, room)
            for kept in {max(1, round(share * most)) for share in _SHARES if most}:
                codec = cls(planes, sites, room, kept, _levels(samples, kept, 2**bits))
                found.append((codec.nmse(tried), codec))
        if not found:
            raise ValueError(f"{room} bits hold not one of {sites} coefficients")
        return min(found, key=lambda pair: pair[0])[1]

    def nmse(self, samples: Values) -> float:
        """Mean over samples of error energy over energy."""
        error = samples - self.quantized(samples)
        energy = np.square(samples).sum(axis=(1, 2))
        return float((np.square(error).sum(axis=(1, 2)) / np.where(energy == 0, 1, energy)).mean())

    def quantized(self, samples: Values) -> Values:
        """What `decode` gives of what `encode` makes of samples (B, planes, sites)."""
        at = largest(samples, self.kept)[:, None]
        shown = np.zeros_like(samples)
        values = np.asarray(self.levels, np.float32)[self._nearest(np.take_along_axis(samples, at, axis=2))]
        np.put_along_axis(shown, np.broadcast_to(at, values.shape), values, axis=2)
        return shown

    def encode(self, sample: Values) -> bytes:
        """The `room` bits of one sample (planes, sites), filled up with zeros to whole bytes."""
        at = largest(sample[None], self.kept)[0]
        number = rank([int(place) for place in at], self.sites)
        for value in self._nearest(sample[:, at]).T.ravel():
            number = number << self.value_bits | int(value)
        whole = -(-self.room // 8)
        return (number << 8 * whole - self.bits).to_bytes(whole, "big")

    def decode(self, sent: bytes) -> Values | None:
        """The sample (planes, sites) of what was sent; None if that is none. Any bytes may come."""
        number = int.from_bytes(sent, "big") >> 8 * len(sent) - self.bits
        count, mask = self.kept * self.planes, (1 << self.value_bits) - 1
        values = [number >> self.value_bits * place & mask for place in range(count - 1, -1, -1)]
        try:
            at = positions(number >> self.value_bits * count, self.sites, self.kept)
            levels = np.asarray(self.levels, np.float32)[values]
        except (ValueError, IndexError):
            return None
        sample = np.zeros((self.planes, self.sites), np.float32)
        sample[:, at] = levels.reshape(self.kept, self.planes).T
        return sample

    def _nearest(self, values: Values) -> npt.NDArray[np.int64]:
        levels = np.asarray(self.levels, np.float32)
        return np.searchsorted((levels[1:] + levels[:-1]) / 2, values)


def _levels(samples: Values, kept: int, count: int) -> tuple[float, ...]:
    """Levels of the quantizer of values at the largest sites, from the quantiles on; fewer where values are few."""
    from scipy.cluster.vq import kmeans2  # a fifth of a second that only a training needs

    tried = samples[: max(1, _TRAINED_ON // (kept * samples.shape[1]))]
    values = np.take_along_axis(tried, largest(tried, kept)[:, None], axis=2).ravel().astype(np.float64)
    start = np.unique(np.quantile(values, (np.arange(count) + 0.5) / count))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a level that no value is near to stays where it is
        centres, _ = kmeans2(values[:, None], start[:, None], iter=_ROUNDS, minit="matrix", missing="warn")
    return tuple(np.unique(centres.astype(np.float32)).tolist())
