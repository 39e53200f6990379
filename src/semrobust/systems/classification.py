"""Transceivers whose receiver classifies an image instead of reconstructing it (hu2022).

    image -> logits(images, air, draw) -> class, with `air` in between, or nothing lost (None)

A new one is one file in this package: a subclass of `ClassifyingSystem` with its `Settings`, registered under its kind.
It then joins all tables and figures of accuracy. Gradients reach the image through every step, where there is none as
if the step were the identity (`models.straight_through`), so that semantic noise can be made against any of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from typing_extensions import TypeVar

from semrobust.config.noise import NoiseEffort
from semrobust.config.settings import (
    AIR,
    Decibel,
    Positive,
    PositiveFloat,
    Precision,
    Settings,
    SystemSettings,
    Task,
)
from semrobust.errors import ArtifactError
from semrobust.models.codebook import Codebook
from semrobust.phy.air import Air
from semrobust.phy.ldpc import LdpcCode
from semrobust.phy.mapping import Modulation
from semrobust.systems.base import Sent, State, System, device
from semrobust.systems.draw import Randomness


class AdversarialSettings(NoiseEffort):
    """Adversarial training (hu2022, eqs. 8-9): noise on the training images, and on the weights.

    Attributes:
        epsilon_levels: ε in 8-bit levels, 255 ||Δ||_p.
        warmup_share: ε rises from 0 over this share of the training.
        weight_perturbation: γ, largest ||v_l||/||Θ_l|| of a layer (Wu, Xia, Wang 2020); null = no perturbation.
    """

    epsilon_levels: PositiveFloat
    warmup_share: Annotated[float, Field(ge=0, lt=1)]
    weight_perturbation: PositiveFloat | None


class RecognitionTraining(Settings):
    """How a network of hu2022 is trained, with a one-cycle learning rate.

    Attributes:
        images: how many training images; null = all.
        channel, snr_db: the channel in the training loop, one of the params' `channels`; null = nothing is lost.
        optimizer: "adamw", or "muon": that for the matrices of transformer blocks, AdamW for the rest.
        average: decay per step of the moving average of the weights, which is kept; null = the last weights are.
        precision: of the forward pass; weights and sums stay float32.
        label_smoothing: share of the target spread over all classes.
        shift: random shifts of up to so many pixels, beside random flips.
        mixup: images are mixed in pairs by shares from Beta(mixup, mixup) (Zhang et al. 2018), in training on clean
            images; null = they are not.
        adversarial: null = clean images alone.
    """

    epochs: Positive
    images: Positive | None
    batch: Positive
    learning_rate: PositiveFloat
    warmup_share: Annotated[float, Field(gt=0, lt=1)]
    weight_decay: Annotated[float, Field(ge=0)]
    optimizer: Literal["adamw", "muon"]
    average: Annotated[float, Field(gt=0, lt=1)] | None
    precision: Precision
    label_smoothing: Annotated[float, Field(ge=0, lt=1)]
    shift: Annotated[int, Field(ge=0, le=8)]
    mixup: PositiveFloat | None
    channel: str | None
    snr_db: Decibel | None
    adversarial: AdversarialSettings | None

    @model_validator(mode="after")
    def _mixes_clean_images(self) -> Self:
        if self.mixup is not None and self.adversarial is not None:
            raise ValueError("mixup is for clean images: give it or adversarial, and null for the other")
        return self


class NetworkSize(Settings):
    """Width of the tokens, number of blocks, heads, and width of the feed-forward part of a transformer."""

    width: Annotated[int, Field(ge=4, multiple_of=4)]
    depth: Positive
    heads: Positive
    hidden: Positive


class ClassifyingSettings(SystemSettings):
    """Settings of a system with a network of hu2022.

    Attributes:
        start: name of the system whose checkpoint the network starts from; null = from random weights.
        training: null = the weights of `start` as they are.
    """

    start: str | None
    training: RecognitionTraining | None

    @property
    def starts_from(self) -> str | None:
        return self.start

    @property
    def parts(self) -> frozenset[str]:
        return frozenset({AIR})

    @property
    def train_channel(self) -> str | None:
        return None if self.training is None else self.training.channel


@dataclass(frozen=True)
class Learned:
    """What one forward pass teaches.

    `loss` scalar; `right` (B,) bool, None where nothing is classified; with a codebook also the `features` (B,V,D) and
    their `indices` (B,V) int64.
    """

    loss: torch.Tensor
    right: torch.Tensor | None = None
    features: torch.Tensor | None = None
    indices: torch.Tensor | None = None


@dataclass(frozen=True)
class Overhead:
    """What the air carries for a batch of B images: `bits` (B,) float64 before channel coding, `symbols` (B,) float64
    complex channel uses, `positions` patches that are sent of each image (0 = not sent patch by patch)."""

    bits: torch.Tensor
    symbols: torch.Tensor
    positions: int


@dataclass(frozen=True)
class IndicesOnAir:
    """What the capability "indices" gives an attack: what is read by hard decisions, and what that does to the logits.

    `modulation` of the coded bits; bit j of them is bit j % b of position j // b. `bits` (V, J, b) uint8: those that
    stand for index k at position v. `shares` (B, V, J, 10): the logits are the sum of them over the positions, but for
    what no index changes.
    """

    modulation: Modulation
    bits: torch.Tensor
    shares: torch.Tensor


C = TypeVar("C", bound=ClassifyingSettings, default=Any)


class ClassifyingSystem(System[C]):
    """A transceiver that ends in logits.

    `module` is the network, all parts of it. One with a `codebook` has its unused basis vectors replaced by features in
    training, each `reseed_every` steps, and must not fall below `least_perplexity` on the validation images.
    """

    task: ClassVar[Task] = "class"
    side: ClassVar[str] = "semantic"
    capabilities: ClassVar[frozenset[str]] = frozenset()
    module: torch.nn.Module

    temperature: float | None = None
    """What a quantizer (codebook, codec) counts as where an attacker differentiates it: soft assignment at this
    temperature, in units of the squared distance of neighbours; None = the identity. Forward it changes nothing."""

    reseed_every: int = 1
    least_perplexity: float = 1.0

    @property
    def codebook(self) -> Codebook | None:
        """The codebook of the network, None without one."""
        return None

    @property
    def code(self) -> LdpcCode | None:
        """The LDPC code of the index or source bits, None without one."""
        return None

    def logits(self, images: torch.Tensor, air: Air | None, draw: Randomness) -> torch.Tensor:
        """Send images (B,3,32,32) float32 in [0,1] and classify what arrives: logits (B, 10) float32 on the CPU.

        `air` None: nothing is lost. Straight-through gradients reach `images`. Row i depends on image i and row i of
        `draw` alone.
        """
        raise NotImplementedError

    def by_length(self, images: torch.Tensor) -> list[tuple[torch.Tensor, Self]]:
        """Rows of images (B,3,32,32) that take equally many channel uses, each with the system as it sends these.

        Of such a system `real_uses` is their number; what follows is asked of it.
        """
        return [(torch.arange(len(images)), self)]

    def transmit(self, images: torch.Tensor, draw: Randomness) -> Sent:
        """What the antennas send of images of equal length; no gradients."""
        raise NotImplementedError(f"{type(self).__name__} sends nothing over the air")

    def listen(self, received: torch.Tensor, noise_variance: float, draw: Randomness) -> torch.Tensor:
        """Logits (B, 10) float32 on the CPU of received uses (B, N); `draw` as of `transmit`.

        Differentiable in them under the capability "gradient", through decisions by a surrogate.
        """
        raise NotImplementedError(f"{type(self).__name__} receives nothing from the air")

    def indices_on_air(self, draw: Randomness) -> IndicesOnAir:
        """What an attack that turns indices may use; capability "indices"."""
        raise NotImplementedError(f'{type(self).__name__} does not offer the capability "indices"')

    def lost(self) -> torch.Tensor | None:
        """Logits (10,) of an image that could not be decoded; None for a receiver that always reads something."""
        return None

    def learn(self, images: torch.Tensor, labels: torch.Tensor, air: Air | None, draw: Randomness) -> Learned:
        """Training loss of a batch that goes through the air; `labels` (B,) int64, or (B, 10) shares of classes."""
        return self.scored(self.logits(images, air, draw), labels)

    def overhead(self, images: torch.Tensor, draw: Randomness) -> Overhead | None:
        """Count what is really sent; None for a system whose transmission is taken as free of errors and cost."""
        return None

    def scored(self, logits: torch.Tensor, labels: torch.Tensor) -> Learned:
        """Cross entropy with the training's label smoothing; right is the class of the largest share."""
        smoothing = 0.0 if self.settings.training is None else self.settings.training.label_smoothing
        labels = labels.to(logits.device)
        loss = torch.nn.functional.cross_entropy(logits.float(), labels, label_smoothing=smoothing)
        classes = labels if labels.ndim == 1 else labels.argmax(1)
        return Learned(loss, logits.detach().argmax(1) == classes)

    @classmethod
    def create(cls, settings: C, real_uses: int, seed: int) -> Self:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls(settings, real_uses)

    @classmethod
    def restore(cls, settings: C, real_uses: int, state: State) -> Self:
        system = cls(settings, real_uses)
        system.module.load_state_dict(system.part(state, "network"))
        if system.code is not None:
            system.set_code({name: tensor.numpy() for name, tensor in system.part(state, "code").items()})
        system.module.to(device()).eval().requires_grad_(False)
        return system

    def state(self) -> State:
        state = {f"network.{name}": tensor for name, tensor in self.module.state_dict().items()}
        if self.code is not None:
            state |= {f"code.{name}": torch.from_numpy(array) for name, array in self.code.to_arrays().items()}
        return state

    def set_code(self, arrays: dict[str, Any]) -> None:
        """Put a stored code in place of the constructed one."""
        raise NotImplementedError

    def adopt(self, state: State, origin: str) -> None:
        """Take the weights of another system's checkpoint over, all that fit.

        Raises ArtifactError if its encoder is not as large as this one's.
        """
        own = self.module.state_dict()
        given = self.part(state, "network")
        fitting = {name: tensor for name, tensor in given.items() if name in own and own[name].shape == tensor.shape}
        missing = [name for name in own if name.startswith(tuple(self.adopted)) and name not in fitting]
        if missing:
            raise ArtifactError(
                f"the checkpoint of '{origin}' has no weights of the right size for {missing[0]} and "
                f"{len(missing) - 1} more. A system must have the sizes of the one it starts from."
            )
        self.module.load_state_dict(own | fitting)

    adopted: ClassVar[frozenset[str]] = frozenset()
    """Parts of the network that a checkpoint to start from must have."""

    @staticmethod
    def part(state: State, name: str) -> dict[str, torch.Tensor]:
        """The tensors of a checkpoint below `name`."""
        return {key[len(name) + 1 :]: tensor for key, tensor in state.items() if key.startswith(f"{name}.")}

    @property
    def learns(self) -> bool:
        return self.settings.training is not None

    @property
    def training(self) -> RecognitionTraining:
        """Settings that the training loop reads."""
        assert self.settings.training is not None
        return self.settings.training

    @property
    def device(self) -> torch.device:
        """Where the network is; callers keep their tensors on the CPU."""
        return next(self.module.parameters()).device
