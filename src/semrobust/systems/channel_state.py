"""Channel states as what a system sends: CSI feedback, the second task of zhang2026.

The dataset holds h + 0.5, real and imaginary parts of the angular-delay domain (`data.channel_states`). A system sends
one of two forms x of h, each with values in [0, 1]:

    complex      x = (Re h + 0.5, Im h + 0.5)      two planes; no channel at all is x = 0.5
    magnitude    x = √2 |h|                        one plane; no channel at all is x = 0

The NMSE is ‖x̂ - x‖² over the energy of the channel. `nmse_shifted` divides by the energy of the channel with the
offset of 0.5 in it, as whoever forgets that the files hold it: by about 20 dB less, and no measure of feedback.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from semrobust.config.criteria import CriterionSettings
from semrobust.config.csi import Form
from semrobust.systems.source import Measures, Source, Success

OFFSET = 0.5
_LEAST = 1e-12  # an energy below this counts as this


def db(ratio: torch.Tensor) -> torch.Tensor:
    """A ratio of energies in dB; 0 counts as -120 dB."""
    return 10.0 * ratio.clamp_min(_LEAST).log10()


@dataclass(frozen=True)
class ChannelStates(Source):
    """Channel states in one form."""

    form: Form
    quality_name = "nmse_db"

    @property
    def planes(self) -> int:  # type: ignore[override]
        return 2 if self.form == "complex" else 1

    @property
    def zero(self) -> float:
        """The value of a coefficient that is 0."""
        return OFFSET if self.form == "complex" else 0.0

    @property
    def shift(self) -> float:
        """What is between a coefficient and its stored value, in the scale of a sample."""
        return OFFSET if self.form == "complex" else OFFSET * math.sqrt(2)

    def samples(self, stored: torch.Tensor) -> torch.Tensor:
        if self.form == "complex":
            return stored
        return math.sqrt(2) * (stored - OFFSET).square().sum(dim=1, keepdim=True).sqrt()

    def nothing(self, samples: torch.Tensor) -> torch.Tensor:
        return torch.full_like(samples, self.zero)

    def energy(self, samples: torch.Tensor, shift: float = 0.0) -> torch.Tensor:
        """Mean square (B,) of the coefficients, or of these plus `shift`."""
        return (samples - self.zero + shift).square().mean(dim=(1, 2, 3)).clamp_min(_LEAST)

    def quality(self, mse: torch.Tensor, samples: torch.Tensor) -> torch.Tensor:
        return db(mse / self.energy(samples))

    def measures(self, shown: torch.Tensor, samples: torch.Tensor, mse: torch.Tensor) -> Measures:
        """NMSE, plain and shifted, as ratios (their means are what dB are of) and in dB, and |cos| of the angle between
        the reconstruction and the channel as vectors, which is 0 for a receiver without one."""
        nmse = mse / self.energy(samples)
        return {
            "nmse": nmse,
            "nmse_db": db(nmse),
            "nmse_shifted": mse / self.energy(samples, self.shift),
            "cosine": self.cosine(shown, samples),
        }

    def cosine(self, shown: torch.Tensor, samples: torch.Tensor) -> torch.Tensor:
        """|<ĥ, h>| / (‖ĥ‖ ‖h‖), of complex vectors where the form has both planes."""
        ours, theirs = ((values - self.zero).double().flatten(2) for values in (shown, samples))
        if self.planes == 2:
            ours, theirs = (torch.complex(values[:, 0], values[:, 1])[:, None] for values in (ours, theirs))
        inner = (ours.conj() * theirs).sum(dim=(1, 2)).abs()
        norms = ours.abs().square().sum(dim=(1, 2)).sqrt() * theirs.abs().square().sum(dim=(1, 2)).sqrt()
        return (inner / norms.clamp_min(_LEAST)).float()

    def success(self, criterion: CriterionSettings, samples: torch.Tensor) -> Success:
        if criterion.nmse_db is not None:
            return Success(10.0 ** (criterion.nmse_db / 10.0), self.energy(samples))
        assert criterion.nmse_shifted_db is not None
        return Success(10.0 ** (criterion.nmse_shifted_db / 10.0), self.energy(samples, self.shift))
