"""Attacks along one fixed direction per image: random, all symbols towards the wrong sign, away from the codeword."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import torch
from pydantic import Field, model_validator
from typing_extensions import TypeVar

from semrobust.attacks.base import Attack, AttackResult, Target
from semrobust.attacks.search import amplitudes, first_crossing
from semrobust.config.registry import ATTACKS
from semrobust.config.settings import CHANNEL, SENT, AttackSettings, Decibel, PositiveFloat
from semrobust.phy.power import normalize_power

_MOST_STEPS = 10_000


class DirectionSettings(AttackSettings):
    """The grid of rising power, as perturbation-to-signal ratio, and how finely the crossing is bisected."""

    start_psr_db: Decibel
    stop_psr_db: Decibel
    step_db: PositiveFloat
    bisections: Annotated[int, Field(ge=0, le=30)]

    @model_validator(mode="after")
    def _grid_rises(self) -> Self:
        if self.stop_psr_db <= self.start_psr_db:
            raise ValueError(f"stop_psr_db must exceed start_psr_db = {self.start_psr_db}")
        steps = (self.stop_psr_db - self.start_psr_db) / self.step_db
        if steps > _MOST_STEPS:
            raise ValueError(f"step_db = {self.step_db} makes more than {_MOST_STEPS} steps")
        if abs(steps - round(steps)) > 1e-6:
            raise ValueError(f"stop_psr_db - start_psr_db must be a whole number of steps of step_db = {self.step_db}")
        return self


class FixedDirectionSettings(DirectionSettings):
    """Settings of an attack whose direction has none."""

    kind: Literal["random_direction", "all_bits", "inversion"]


D = TypeVar("D", bound=DirectionSettings, default=Any)


class DirectionAttack(Attack[D]):
    """Scale one direction of unit power per use until the image is broken."""

    def direction(self, target: Target) -> torch.Tensor:
        """Direction (B, N) with squared norm N per image."""
        raise NotImplementedError

    def run(self, target: Target) -> AttackResult:
        return self.along(self.direction(target), target)

    def along(self, direction: torch.Tensor, target: Target) -> AttackResult:
        """The search of the power along `direction` (B, N)."""
        settings = self.settings
        grid = amplitudes(settings.start_psr_db, settings.stop_psr_db, settings.step_db)
        return first_crossing(target, lambda scale, rows: scale[:, None] * direction[rows], grid, settings.bisections)


@ATTACKS.register("random_direction")
class RandomDirection(DirectionAttack[FixedDirectionSettings]):
    """An isotropic direction per image: what an attacker without any knowledge can do."""

    Settings = FixedDirectionSettings
    knows = CHANNEL

    def direction(self, target: Target) -> torch.Tensor:
        return normalize_power(target.directions)


@ATTACKS.register("all_bits")
class AllBits(DirectionAttack[FixedDirectionSettings]):
    """Every channel use pushed towards the wrong sign with the same strength, blind to the noise."""

    Settings = FixedDirectionSettings
    requires = frozenset({"soft_bits"})
    knows = SENT

    def direction(self, target: Target) -> torch.Tensor:
        return -target.sent.codewords.sign()


@ATTACKS.register("inversion")
class Inversion(DirectionAttack[FixedDirectionSettings]):
    """The codeword itself is taken back, then sent with the other sign: for any system, whatever its receiver does."""

    Settings = FixedDirectionSettings
    knows = SENT

    def direction(self, target: Target) -> torch.Tensor:
        return -normalize_power(target.sent.codewords)
