"""Each side attacked the other paper's way: classifiers on the air, reconstruction by semantic noise."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from semrobust.config.noise import NoiseSweepSettings
from semrobust.config.settings import Decibel, Positive, Settings


class ThreatSettings(Settings):
    """Who is tried under both threats, and how.

    Attributes:
        images: the first test images, no more than are attacked in the main tables.
        snr_db: of the AWGN channel, or the SNR of attacks next to it.
        systems: what is compared, of both tasks, as far as the run has it.
        attacks: names of attacks on the air, tried on those of them that classify; on those that reconstruct images
            all are tried that the main tables have.
        noise: semantic noise by name, tried on the systems that have what it is about; its budgets rise until an image
            is broken.
        bisections: of the budget between the last that failed and the first that broke the image.
    """

    images: Positive
    snr_db: Decibel
    systems: Annotated[list[str], Field(min_length=1)]
    attacks: Annotated[list[str], Field(min_length=1)]
    noise: Annotated[dict[str, NoiseSweepSettings], Field(min_length=1)]
    bisections: Annotated[int, Field(ge=0, le=10)]
