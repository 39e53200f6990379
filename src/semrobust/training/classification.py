"""Training of hu2022's networks: with labels, the channel in the loop, and semantic noise (eqs. 8-9, 11).

The loop itself (epochs, schedule, resuming) is `training.loop`; this file says what one step does:

    images, labels -> random flips and shifts -> [mixed in pairs] -> gradient at Θ
                                              -> [noise on the images at Θ -> noise v on the weights] -> gradient at Θ+v
"""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch

from semrobust.attacks.image.classifier import evaluating
from semrobust.attacks.image.noise_settings import NoiseSettings
from semrobust.attacks.image.semantic_noise import last_iterate
from semrobust.data.content import CLASSES
from semrobust.models.codebook import check_collapse, counts, perplexity, usage
from semrobust.models.vit import Block
from semrobust.phy.air import Air
from semrobust.pipeline import seeds
from semrobust.systems.classification import AdversarialSettings, ClassifyingSystem, Learned
from semrobust.systems.draw import BatchDraw, Draw, Randomness
from semrobust.training.loop import Loop, as_float
from semrobust.training.weight_perturbation import perturbation, perturbed, weights

_VALIDATION_BATCH = 500


class RecognitionTrainer(Loop):
    """Train a `ClassifyingSystem` on uint8 images (n,3,32,32) with labels (n,) int64 that stay in memory.

    `air` is the channel in the loop, None if nothing is lost. The history holds, beside the losses, the accuracy on
    the validation images, and share and perplexity of the basis vectors that they use.
    """

    def __init__(
        self,
        system: ClassifyingSystem,
        air: Air | None,
        train: tuple[torch.Tensor, torch.Tensor],
        validation: tuple[torch.Tensor, torch.Tensor],
        scratch: Path,
        root_seed: int,
        name: str,
    ) -> None:
        chosen = system.training
        matrices = block_matrices(system.module) if chosen.optimizer == "muon" else []
        super().__init__(system, train[0], validation[0], scratch, root_seed, name, matrices, chosen.average)
        self.network, self.air, self.settings = system, air, chosen
        self.labels, self.validation_labels = train[1], validation[1]
        self.measured: dict[str, float] = {}
        self.codebook = system.codebook
        self.used = torch.zeros(0 if self.codebook is None else self.codebook.size, dtype=torch.bool)
        self.features = torch.zeros(0)

    def step(self, order: torch.Tensor, step: int, generator: torch.Generator) -> torch.Tensor:
        """One optimizer step on batch number `step` of the permutation `order`; returns the detached loss."""
        if not step:
            self.used.zero_()  # an epoch starts from what was saved, whether the training was interrupted or not
        batch = self.settings.batch
        rows = order[step * batch : (step + 1) * batch]
        images = as_float(shifted(self.train[rows.to(self.device)].cpu(), self.settings.shift, generator))
        labels = self.labels[rows]
        seed, masks = torch.randint(2**62, (2,), generator=generator).tolist()
        draw = BatchDraw(seed, masks, len(images))
        self.optimizer.zero_grad()
        adversarial = self.settings.adversarial
        if adversarial is not None:
            loss = self._adversarial(images, labels, draw, adversarial)
        elif self.settings.mixup is not None:
            loss = self._learn(*mixed(images, labels, self.settings.mixup, generator), draw, 1.0)
        else:
            loss = self._learn(images, labels, draw, 1.0)
        self.update()
        self._reseed(step, generator)
        return loss

    def _learn(self, images: torch.Tensor, labels: torch.Tensor, draw: Randomness, share: float) -> torch.Tensor:
        """Add the gradient of `share` times the loss; returns that part of the loss."""
        learned = self._forward(images, labels, draw)
        loss = share * learned.loss
        loss.backward()  # type: ignore[no-untyped-call]
        if learned.indices is not None and learned.features is not None:
            assert self.codebook is not None
            self.used |= counts(learned.indices.cpu(), self.codebook.size) > 0
            self.features = learned.features.flatten(0, -2)
        return loss.detach()

    def _adversarial(
        self, images: torch.Tensor, labels: torch.Tensor, draw: BatchDraw, adversarial: AdversarialSettings
    ) -> torch.Tensor:
        """Noise on the images at Θ, noise v on the weights at Θ, then the gradient of clean and noisy ones at Θ + v.

        The noise is made as the tests make it: as if nothing were lost on the air. v is the ascent on the noisy images
        alone, as in the authors' code of Wu, Xia, Wang 2020.
        """

        def classify(noisy: torch.Tensor, own: Randomness, /) -> torch.Tensor:
            return self.network.logits(noisy, None, own)

        gamma, layers = adversarial.weight_perturbation, weights(self.module)
        v = None
        with evaluating(self.module):
            with self._precision():
                budget = NoiseSettings.of(adversarial, self._epsilon_levels(adversarial))
                noisy = last_iterate(classify, images, labels, budget, draw.named("noise"))
            if gamma is not None:
                v = perturbation(self._forward(noisy, labels, draw.named("weights")).loss, layers, gamma)
        with nullcontext() if v is None else perturbed(layers, v):
            clean = self._learn(images, labels, draw, 0.5)
            return clean + self._learn(noisy, labels, draw.named("noisy"), 0.5)

    def _epsilon_levels(self, adversarial: AdversarialSettings) -> float:
        """ε of this step: the first one has some already."""
        rising = adversarial.warmup_share * self.steps * self.settings.epochs
        return adversarial.epsilon_levels * min(1.0, (self.optimizer.steps_done + 1) / max(1.0, rising))

    def _forward(self, images: torch.Tensor, labels: torch.Tensor, draw: Randomness) -> Learned:
        with self._precision():
            return self.network.learn(images, labels, self.air, draw)

    def _reseed(self, step: int, generator: torch.Generator) -> None:
        """Every `reseed_every` steps: put features in place of basis vectors that were not used since."""
        if self.codebook is None or (step + 1) % self.network.reseed_every:
            return
        self.codebook.reseed(self.features, generator, ~self.used)
        self.used.zero_()

    def _validate(self, epoch: int) -> float:
        """Mean loss over the validation images, sent as in training; accuracy and use of the codebook go along."""
        self.module.eval()
        seed = seeds.integer(self.root_seed, "train", self.name, "validation", epoch)
        loss, right, indices = 0.0, 0.0, []
        with torch.no_grad():
            for start in range(0, len(self.validation), _VALIDATION_BATCH):
                images = as_float(self.validation[start : start + _VALIDATION_BATCH].cpu())
                numbers = torch.arange(start, start + len(images))
                learned = self._forward(images, self.validation_labels[numbers], Draw(seed, numbers))
                loss += float(learned.loss) * len(images)
                right += 0.0 if learned.right is None else float(learned.right.sum())
                indices += [] if learned.indices is None else [learned.indices.cpu()]
            has_classes = learned.right is not None
        self.measured = {"validation_accuracy": right / len(self.validation)} if has_classes else {}
        if self.codebook is not None:
            sent, size = torch.cat(indices), self.codebook.size
            check_collapse(sent, size, self.network.least_perplexity)
            self.measured |= {"codebook_usage": usage(sent, size), "codebook_perplexity": perplexity(sent, size)}
        return loss / len(self.validation)

    def _save(self) -> None:
        self.history[-1] |= self.measured
        print(f"{self.name}: " + ", ".join(f"{key} {value:.4g}" for key, value in self.measured.items()), flush=True)
        super()._save()


def block_matrices(module: torch.nn.Module) -> list[torch.nn.Parameter]:
    """The matrices of a network's transformer blocks."""
    blocks = [block for block in module.modules() if isinstance(block, Block)]
    return [parameter for block in blocks for parameter in block.parameters() if parameter.ndim == 2]


def mixed(
    images: torch.Tensor, labels: torch.Tensor, concentration: float, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Each image of (B,3,H,W) and another one of the batch, by one share from Beta(concentration, concentration):
    the mixtures, and their shares of classes (B, 10) float32."""
    seed = int(torch.randint(2**62, (), generator=generator))
    share = float(np.random.default_rng(seed).beta(concentration, concentration))
    other = torch.randperm(len(images), generator=generator)
    classes = torch.nn.functional.one_hot(labels, CLASSES).float()
    return share * images + (1 - share) * images[other], share * classes + (1 - share) * classes[other]


def shifted(images: torch.Tensor, shift: int, generator: torch.Generator) -> torch.Tensor:
    """Flip half of the images (B,3,H,W) and move each by up to `shift` pixels both ways, edges mirrored."""
    count, _, height, width = images.shape
    flip = torch.rand(count, generator=generator) < 0.5
    images = torch.where(flip.view(-1, 1, 1, 1), images.flip(3), images)
    if not shift:
        return images
    padded = torch.nn.functional.pad(images.float(), (shift,) * 4, mode="reflect").to(images.dtype)
    down, right = torch.randint(2 * shift + 1, (2, count, 1), generator=generator)
    rows = (down + torch.arange(height)).view(count, 1, height, 1)
    columns = (right + torch.arange(width)).view(count, 1, 1, width)
    which = torch.arange(count).view(-1, 1, 1, 1)
    return padded[which, torch.arange(images.shape[1]).view(1, -1, 1, 1), rows, columns]
