"""Settings of the criteria by which an attack succeeds: distortions D*, of images and of channel states."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, SerializeAsAny, model_validator

from semrobust.config.settings import AttackSettings, Decibel, Positive, Settings

_RULES = ("psnr_db", "below_clean_db", "rise_levels", "nmse_db", "nmse_shifted_db")


class CriterionSettings(Settings):
    """One criterion by which an attack succeeds; exactly one rule must be given.

    Attributes:
        label: the name in figures.
        psnr_db: at most this PSNR, the same for all images.
        below_clean_db: this much worse than the reconstruction without an attack, in PSNR or in NMSE.
        nmse_db: at least this NMSE of a channel state.
        nmse_shifted_db: the same with the offset of stored values in the denominator (`systems.channel_state`).
        rise_levels: root mean squared error this many 8-bit levels above that without an attack. Of these it alone
            asks every receiver for the same way from where it stands: eq. 10 bounds the way, √D* − √D₀.
    """

    label: Annotated[str, Field(min_length=1)]
    psnr_db: Annotated[float, Field(gt=0, lt=60)] | None = None
    below_clean_db: Annotated[float, Field(gt=0, le=100)] | None = None
    rise_levels: Annotated[float, Field(gt=0, lt=255)] | None = None
    nmse_db: Decibel | None = Field(default=None, exclude_if=lambda limit: limit is None)
    nmse_shifted_db: Decibel | None = Field(default=None, exclude_if=lambda limit: limit is None)

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        given = [name for name in _RULES if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"needs exactly one of {', '.join(_RULES)}, not {len(given)}")
        return self


class CriteriaSettings(Settings):
    """Who is tried under which criteria, and how.

    Attributes:
        images: the first test images.
        snr_db: channel SNRs; they need not be those of the link.
        studies: whose systems are tried beside those of the main tables.
        attacks: attacks by name; a system is attacked by those that it offers what they require.
        broken: criteria by name.
    """

    images: Positive
    snr_db: Annotated[list[Decibel], Field(min_length=1)]
    studies: list[str]
    attacks: Annotated[dict[str, SerializeAsAny[AttackSettings]], Field(min_length=1)]
    broken: Annotated[dict[str, CriterionSettings], Field(min_length=1)]
