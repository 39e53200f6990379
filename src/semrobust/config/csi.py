"""Settings of zhang2026's second task: the feedback of channel states (CSI) from a user to the base station."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from semrobust.config.criteria import CriterionSettings
from semrobust.config.settings import Positive, PositiveFloat, Settings

Form = Literal["magnitude", "complex"]
"""What of a channel state is sent: the magnitudes of its coefficients, or their real and imaginary parts."""

ANTENNAS, TAPS = 32, 32
"""Of the base station, and of delay: a channel state is a matrix of this size, as in CsiNet's files."""

COST2100_SAMPLES = {"train": 100_000, "validation": 30_000, "test": 20_000}


class DropSettings(Settings):
    """Drops of 3GPP TR 38.901: the scenario, urban micro or rural macro, the carrier and the bandwidth."""

    scenario: Literal["umi", "rma"]
    carrier_ghz: Annotated[float, Field(ge=0.5, le=30)]
    bandwidth_mhz: PositiveFloat


class SampleSettings(Settings):
    """How many channel states each split has."""

    train: Positive
    validation: Positive
    test: Positive


class StateSettings(Settings):
    """Which channel states a run sends.

    Attributes:
        source: "sionna" are drops of TR 38.901, a substitute; "cost2100" are CsiNet's files.
        path: the archive with these, or the folder; the variable `SEMROBUST_COST2100` goes before it.
        drops: of "sionna".
        samples: of each split; of "cost2100" the first ones of each file's shuffled rows.
    """

    source: Literal["sionna", "cost2100"]
    path: str | None
    drops: DropSettings
    samples: SampleSettings

    @model_validator(mode="after")
    def _there(self) -> Self:
        if self.source == "cost2100":
            for split, most in COST2100_SAMPLES.items():
                if getattr(self.samples, split) > most:
                    raise ValueError(f"samples.{split}: must not exceed the {most} of cost2100")
        return self


class CsiSettings(StateSettings):
    """Channel states, with how many real channel uses they are sent, and when an attack on one succeeds.

    Attributes:
        real_uses: N of each form.
        broken: criteria by name; attacks are searched under each of them.
    """

    real_uses: dict[Form, Annotated[int, Field(ge=2, multiple_of=2)]]
    broken: Annotated[dict[str, CriterionSettings], Field(min_length=1)]

    @model_validator(mode="after")
    def _no_image(self) -> Self:
        for name, rule in self.broken.items():
            if rule.psnr_db is not None or rule.rise_levels is not None:
                raise ValueError(f"broken.{name}: needs nmse_db, nmse_shifted_db or below_clean_db: it is no image")
        return self
