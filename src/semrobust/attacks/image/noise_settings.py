"""Budget and effort of semantic noise, as a section of the params."""

from __future__ import annotations

import math
from typing import Annotated, Self

from pydantic import Field, model_validator

from semrobust.attacks.image.noise_ball import LEVELS, Ball, Norm
from semrobust.config.noise import Loss, NoiseEffort
from semrobust.config.settings import Positive, Settings
from semrobust.systems.draw import Randomness


class NoiseSettings(Settings):
    """Budget and effort of the iteration Δ <- Π(Δ + α dir(g)) (hu2022, eq. 7).

    Attributes:
        norm: "linf" or "l2", the p of the budget.
        epsilon: ε, in pixels of [0,1].
        step: α, in the same unit; iterations · step must reach epsilon ("take full advantage of the noise power").
        iterations: I, steps of one run.
        random_start: start the first run at a random point of the ball instead of the clean image.
        shifted_start: start it with each colour shifted as a whole instead (`Ball.shift`): behind a codec, noise that
            begins at the clean image begins where its gradient points to what the codec drops.
        loss: what is raised.
        restarts: number of runs, the later ones always with a random start.
        samples: draws of the channel that loss and gradient are averaged over; 1 is enough without randomness.
        fresh_draws: new draws for every gradient, so that noise does not fit to few of them; losses are compared on the
            same draws either way. Costs one more forward pass per iteration and draw.
        eight_bit: measure and return images as stored with 8 bits; gradients are then taken at the stored images.
    """

    norm: Norm
    epsilon: Annotated[float, Field(ge=0)]
    step: Annotated[float, Field(ge=0)]
    iterations: Positive
    random_start: bool = False
    shifted_start: bool = False
    loss: Loss = "cross_entropy"
    restarts: Positive = 1
    samples: Positive = 1
    fresh_draws: bool = False
    eight_bit: bool = True

    @model_validator(mode="after")
    def _spends_the_budget(self) -> Self:
        reach = self.iterations * self.step
        if reach < self.epsilon * (1 - 1e-9):
            more = f", or iterations to at least {math.ceil(self.epsilon / self.step)}" if self.step else ""
            raise ValueError(
                f"iterations * step = {reach:.6g} does not reach epsilon = {self.epsilon:.6g}; raise step to at least "
                f"{self.epsilon / self.iterations:.6g}{more}"
            )
        return self

    @classmethod
    def of(cls, effort: NoiseEffort, epsilon_levels: float) -> Self:
        """The effort that params ask for, at a budget in 8-bit levels."""
        epsilon = epsilon_levels / LEVELS
        return cls(
            norm=effort.norm,
            epsilon=epsilon,
            step=effort.step_share * epsilon,
            iterations=effort.iterations,
            random_start=effort.random_start,
            **effort.model_dump(include={"restarts", "samples", "fresh_draws", "loss", "shifted_start"}),
        )

    @property
    def ball(self) -> Ball:
        """The set of allowed noise."""
        return Ball(self.norm, self.epsilon)

    def at(self, epsilon: float) -> Self:
        """The same effort at another budget, the step in proportion; needs an own epsilon > 0, else ValueError."""
        if not self.epsilon:
            raise ValueError("a step at epsilon = 0 has no proportion: start from settings with epsilon > 0")
        return type(self)(**{**self.model_dump(), "epsilon": epsilon, "step": self.step * (epsilon / self.epsilon)})

    def draws(self, draw: Randomness) -> list[Randomness]:
        """The `samples` draws that losses are compared on; the first one is `draw` itself."""
        return [draw, *(draw.named("sample", index) for index in range(1, self.samples))]
