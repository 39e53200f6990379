"""What a system sends: everything that images and channel states do not share, said once.

Attacks, channels, codes and steps are the same for both: they know a batch of samples (B,C,H,W) in [0,1], what the
receiver reconstructs of it, and a distortion with a threshold. Which numbers of the dataset a sample is made of, what
stands for it where the receiver knows nothing, and by which measure it is good, stands here.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch

from semrobust.config.criteria import CriterionSettings
from semrobust.config.settings import LEVELS
from semrobust.systems.distortion import mse_from_psnr_db, psnr_db
from semrobust.systems.similarity import ssim

Measures = dict[str, torch.Tensor]
"""Values per sample (B,) by the name of a column."""


class Success(NamedTuple):
    """When an attack succeeds: from a mean squared error of `threshold` times `unit`, (B,) or the same for all.

    With a unit of its own for each sample the threshold is one number for all of them, which is what attacks compare
    distortions with.
    """

    threshold: float
    unit: torch.Tensor | None = None


class Source:
    """What a system sends. `planes` are the values of a sample per place of 32 x 32."""

    planes: int
    quality_name: ClassVar[str]
    """Column of the measure that stands beside powers."""

    def samples(self, stored: torch.Tensor) -> torch.Tensor:
        """Samples (B,C,32,32), float32 in [0,1], of what the dataset holds (`data.content.Split`)."""
        raise NotImplementedError

    def varied(self, samples: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """A training batch as another one that is as likely: an augmentation."""
        return samples

    def nothing(self, samples: torch.Tensor) -> torch.Tensor:
        """What a receiver that knows nothing gives in place of these, never a statistic of the data."""
        raise NotImplementedError

    def quality(self, mse: torch.Tensor, samples: torch.Tensor) -> torch.Tensor:
        """The measure `quality_name` (B,), from mean squared errors."""
        raise NotImplementedError

    def measures(self, shown: torch.Tensor, samples: torch.Tensor, mse: torch.Tensor) -> Measures:
        """All measures of reconstructions, whose mean squared errors are `mse`; `quality_name` among them."""
        raise NotImplementedError

    def success(self, criterion: CriterionSettings, samples: torch.Tensor) -> Success:
        """When an attack on each succeeds, under a criterion that does not ask for its reconstruction."""
        raise NotImplementedError


class Pictures(Source):
    """Images: 8-bit RGB, measured by PSNR and SSIM. A receiver without an image gives mid-grey."""

    planes = 3
    quality_name = "psnr_db"
    GREY: ClassVar[float] = 0.5

    def samples(self, stored: torch.Tensor) -> torch.Tensor:
        return stored.to(torch.float32).div_(LEVELS)

    def varied(self, samples: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Flipped from left to right, the whole batch or none of it."""
        return samples.flip(3) if torch.rand((), generator=generator) < 0.5 else samples

    def nothing(self, samples: torch.Tensor) -> torch.Tensor:
        return torch.full_like(samples, self.GREY)

    def quality(self, mse: torch.Tensor, samples: torch.Tensor) -> torch.Tensor:
        return psnr_db(mse)

    def measures(self, shown: torch.Tensor, samples: torch.Tensor, mse: torch.Tensor) -> Measures:
        return {"psnr_db": psnr_db(mse), "ssim": ssim(shown, samples)}

    def success(self, criterion: CriterionSettings, samples: torch.Tensor) -> Success:
        assert criterion.psnr_db is not None
        return Success(mse_from_psnr_db(criterion.psnr_db))


PICTURES = Pictures()
