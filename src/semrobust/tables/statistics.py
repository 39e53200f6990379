"""How means and medians over images get their intervals."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import numpy.typing as npt

from semrobust.pipeline import seeds

Values = npt.NDArray[np.float64]


def quantile(values: Values, share: float) -> float:
    """The smallest observed value that at least `share` of the values do not exceed.

    An observed value rather than an interpolated one: half way to infinity would be infinity, or NaN.
    """
    rank = max(math.ceil(share * len(values)) - 1, 0)
    return float(np.partition(values, rank)[rank])


class Bootstrap:
    """Percentile bootstrap over images, 95%.

    The same resamples serve every statistic of a table, so that ratios and differences are paired: an image
    drawn for one system is drawn for the other too.
    """

    def __init__(self, images: int, samples: int, root_seed: int) -> None:
        generator = seeds.generator(root_seed, "bootstrap", images, samples)
        self.draws = generator.integers(images, size=(samples, images), dtype=np.int32)

    def means(self, values: Values) -> Values:
        """Mean of each resample (samples,), of per-image values (images,)."""
        return np.asarray([values[draw].mean() for draw in self.draws])

    def shares(self, events: npt.NDArray[np.bool_]) -> Values:
        """Share of each resample (rows, samples) in which something is so, of per-image events (rows, images)."""
        found = events.astype(np.float32) @ self._counts.T  # whole numbers, and below 2^24 exact
        return np.asarray(found.astype(np.float64) / events.shape[1])

    @cached_property
    def _counts(self) -> npt.NDArray[np.float32]:
        """How often each resample draws each image (samples, images)."""
        images = self.draws.shape[1]
        return np.stack([np.bincount(draw, minlength=images).astype(np.float32) for draw in self.draws])

    def medians(self, values: Values) -> Values:
        """Median of each resample (samples,), of per-image values (images,)."""
        rank = max(math.ceil(0.5 * len(values)) - 1, 0)
        return np.asarray(np.partition(values[self.draws], rank, axis=1)[:, rank])


def interval(resampled: Values) -> tuple[float, float]:
    """95% percentile interval; the ends are observed resamples, so infinite ones stay infinite and never become NaN."""
    return quantile(resampled, 0.025), quantile(resampled, 0.975)


class SeedBootstrap:
    """As `Bootstrap`, over trainings too: each resample draws trainings, and images that all of them are shown.

    With one training it is the bootstrap over images. With few trainings the interval is too short (of three, one
    resample in nine has one training alone), which is why tables say how many there were.
    """

    def __init__(self, trainings: int, images: int, samples: int, root_seed: int) -> None:
        self.images = Bootstrap(images, samples, root_seed)
        generator = seeds.generator(root_seed, "bootstrap trainings", trainings, samples)
        self.trainings = generator.integers(trainings, size=(samples, trainings), dtype=np.int32)

    def means(self, values: Values) -> Values:
        """Mean of each resample (samples,), of values (trainings, images)."""
        return self._mean([self.images.means(row) for row in values])

    def medians(self, values: Values) -> Values:
        """Mean over trainings of their medians over images, in each resample (samples,), of the same values."""
        return self._mean([self.images.medians(row) for row in values])

    def _mean(self, of_trainings: list[Values]) -> Values:
        """Mean over the drawn trainings (samples,), of one resampled statistic per training."""
        by_training = np.stack(of_trainings)  # (trainings, samples)
        return np.asarray(np.take_along_axis(by_training, self.trainings.T, axis=0).mean(axis=0))
