"""Semantic noise in the params: how it is searched, at which budgets, and what of a system it is about."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from semrobust.config.settings import AIR, MASK, QUANTIZER, Decibel, Positive, PositiveFloat, Settings

Loss = Literal["cross_entropy", "margin", "dlr"]


def _unless(default: Any) -> Any:
    """A key that stands in no key of an artifact unless it says something."""
    return Field(default=default, exclude_if=lambda value: value == default)


class NoiseEffort(Settings):
    """How semantic noise is searched (hu2022, eq. 7), whatever its budget ε.

    Attributes:
        norm: p of ||Δ||_p <= ε.
        iterations: I.
        step_share: α/ε; I·α must reach ε ("take full advantage of the noise power").
        random_start: start at a random point of the ball instead of the clean image.
    """

    norm: Literal["linf", "l2"]
    iterations: Positive
    step_share: PositiveFloat
    random_start: bool

    @model_validator(mode="after")
    def _spends_the_budget(self) -> Self:
        if self.iterations * self.step_share < 1 - 1e-9:
            raise ValueError(f"iterations * step_share = {self.iterations * self.step_share:.6g}, must be at least 1")
        return self


class NoiseSweepSettings(NoiseEffort):
    """Semantic noise that systems are tested under, at several budgets.

    Attributes:
        label: the name in figures.
        epsilon_levels: budgets ε in 8-bit levels, that is 255 ||Δ||_p for pixels in [0,1].
        restarts: runs per image, the later ones from a random start; the one of largest loss counts.
        samples: draws of channel and guessed masks that loss and gradient are averaged over.
        through: the channel that the attacker differentiates through, None = as if nothing were lost on the air.
        kind: "iterated" (eq. 7), one "single" step (eqs. 5-6), "random" signs or a "shift" of all pixels
            that know no system; "pgd" is the
            iteration at another effort; "square" asks the system and follows no gradient (`iterations` are its
            queries); "auto_attack" is a library's.
        loss: what is raised (`attacks.image.losses`).
        fresh_draws: new draws for every gradient, so that noise does not fit to few of them.
        temperature: backward, codebook and codec count as soft assignment at this temperature, in units of the squared
            distance of neighbours; None = as the identity (`systems.classification`).
        shifted_start: the first run starts with each colour brighter or darker as a whole.
        guessed_masks: the attacker does not know which patches are sent, and averages over masks of his own.
    """

    label: Annotated[str, Field(min_length=1)]
    kind: Literal["iterated", "single", "random", "shift", "pgd", "square", "auto_attack"]
    epsilon_levels: Annotated[list[PositiveFloat], Field(min_length=1)]
    restarts: Positive = 1
    samples: Positive = 1
    through: str | None = None
    loss: Loss = _unless("cross_entropy")
    fresh_draws: bool = _unless(False)
    temperature: PositiveFloat | None = _unless(None)
    guessed_masks: bool = _unless(False)
    shifted_start: bool = _unless(False)

    @model_validator(mode="after")
    def _is_of_its_kind(self) -> Self:
        if self.kind in ("square", "auto_attack") and self.norm != "linf":
            raise ValueError(f'norm: kind "{self.kind}" is for "linf" alone')
        return self

    @property
    def parts(self) -> frozenset[str]:
        """What a system must have for this to be other noise than without: its `parts`."""
        about = {AIR: self.through is not None, QUANTIZER: self.temperature is not None, MASK: self.guessed_masks}
        return frozenset(part for part, meant in about.items() if meant)


class AdaptiveSettings(Settings):
    """Attacks that know the defence, at budgets of their own on fewer images; per image the worst counts.

    Attributes:
        images: the first test images, no more than accuracies are over.
        systems: what they are run on; null = every system that the default noise is made on.
        noise: semantic noise by name, each tried on the systems that have what it is about.
    """

    images: Positive
    systems: list[str] | None
    noise: Annotated[dict[str, NoiseSweepSettings], Field(min_length=1)]


class RecognitionSettings(Settings):
    """How accurately receivers classify images: hu2022's task.

    Attributes:
        images: the first test images, which all accuracies are over.
        batch: images side by side.
        snr_db: SNRs of the sweeps over channels.
        channel, at_snr_db: where accuracy is measured over ε.
        noise: semantic noise by name.
        default_noise, default_level: which of it, and at which ε in levels, the sweeps over channels use.
        adaptive: more noise by name, at the default level.
    """

    images: Positive
    batch: Positive
    snr_db: Annotated[list[Decibel], Field(min_length=1)]
    channel: str
    at_snr_db: Decibel
    noise: Annotated[dict[str, NoiseSweepSettings], Field(min_length=1)]
    default_noise: str
    default_level: PositiveFloat
    adaptive: AdaptiveSettings

    @property
    def adaptive_images(self) -> int:
        """How many images adaptive noise is made on."""
        return min(self.images, self.adaptive.images)
