"""DeepJSCC trained against attacks on the air: adversarial training (Madry et al. 2018, arXiv 1706.06083) at its input.

Each step first attacks what the receiver gets, at a budget of power, and then learns from the images received with
and without the attack. It is the defence that one would try next; the question is how far it carries beyond the budget.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field

from semrobust.config.registry import SYSTEMS
from semrobust.config.settings import Decibel, Positive, PositiveFloat
from semrobust.phy.power import normalize_power, power_from_psr_db
from semrobust.systems.deepjscc import NetworkSettings, NetworkSystem, TrainingSettings


class AdversarialTrainingSettings(TrainingSettings):
    """How the receiver is attacked in training.

    `attack_psr_db` is the budget: ||s||² over the codeword's N, all of which each attack spends. It takes
    `attack_steps` steps of gradient ascent, each `attack_step` times as long as the vector that the budget allows.
    `attacked_share` is the weight of the attacked images in the loss.
    """

    attack_psr_db: Decibel
    attack_steps: Positive
    attack_step: PositiveFloat
    attacked_share: Annotated[float, Field(ge=0, le=1)]


class AdversarialDeepJSCCSettings(NetworkSettings):
    """Settings of one DeepJSCC trained against attacks."""

    kind: Literal["deepjscc_adversarial"]
    training: AdversarialTrainingSettings


@SYSTEMS.register("deepjscc_adversarial")
class AdversarialDeepJSCCSystem(NetworkSystem[AdversarialDeepJSCCSettings]):
    """As `DeepJSCCSystem` in everything but the loss."""

    Settings = AdversarialDeepJSCCSettings

    def loss(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Mean squared error of a batch through the channel, and of the same batch under attack."""
        received = self.arriving(images, generator)
        # compiled it would make gradients of weights, too; as a decorator this would load the compiler with this file
        attack = torch.compiler.disable(self.attack)(received.detach(), images)  # type: ignore[no-untyped-call]
        share = self.settings.training.attacked_share
        clean = torch.nn.functional.mse_loss(self.module.decoder(received), images)
        attacked = torch.nn.functional.mse_loss(self.module.decoder(received + attack), images)
        return (1 - share) * clean + share * attacked

    def attack(self, received: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
        """Perturbations (B, N) of the training's budget, by gradient ascent on the squared error from s = 0."""
        training = self.settings.training
        budget = power_from_psr_db(training.attack_psr_db, self.real_uses) ** 0.5
        unit = self.real_uses**-0.5
        perturbation = torch.zeros_like(received)
        with torch.enable_grad():  # validation measures the same loss
            for _ in range(training.attack_steps):
                tried = (received + perturbation).requires_grad_()
                error = torch.nn.functional.mse_loss(self.module.decoder(tried), images)
                (gradient,) = torch.autograd.grad(error, tried)
                ascended = perturbation + training.attack_step * budget * unit * normalize_power(gradient)
                perturbation = budget * unit * normalize_power(ascended)
        return perturbation
