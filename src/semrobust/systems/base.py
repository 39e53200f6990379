"""What a transceiver is: encode -> channel -> decode, and what an attacker may ask of it.

A new system is one file in this package: a subclass of `System` with its `Settings`, registered under its kind. It
then joins every comparison. Modules here import torch lazily, since the workflow reads the registry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch

from semrobust.config.settings import SystemKind, SystemSettings

if TYPE_CHECKING:
    from semrobust.phy.mapping import Modulation

State = Mapping[str, "torch.Tensor"]
"""What a checkpoint holds: tensors by name."""

GREY = 0.5
"""What a receiver shows when it has no image: mid-grey, known to be wrong, never a statistic of the data."""


@dataclass(frozen=True)
class Sent:
    """A batch as transmitted.

    `codewords` (B, N) float32 with ||z||² = N, on average over the bits for 16-QAM; `feasible` (B,) bool, False where
    the image does not fit the budget (an empty frame is sent); `bits` (B, n) uint8 coded bits and `message` (B, k)
    uint8 for bit-based systems.
    """

    codewords: torch.Tensor
    feasible: torch.Tensor
    message: torch.Tensor | None = None
    bits: torch.Tensor | None = None


@dataclass(frozen=True)
class Decoded:
    """A batch as received: `images` (B,3,32,32) in [0,1], what the receiver shows; `failed` (B,) bool, where it
    knows that it has no image; `message` (B, k) uint8 decoded bits for bit-based systems."""

    images: torch.Tensor
    failed: torch.Tensor
    message: torch.Tensor | None = None


class System(SystemKind):
    """A transceiver with N = `real_uses` real channel uses per image.

    Class attributes: `side` is "semantic" or "classical"; `trainable` says that the system learns
    (`training.loop.Trainable`); `capabilities` names what attacks may use: "gradient" (`decode_differentiably`)
    and "soft_bits" (`llr`, `modulation`, `Sent.bits`).
    """

    side: ClassVar[str]
    capabilities: ClassVar[frozenset[str]]
    trainable: ClassVar[bool] = False

    def __init__(self, settings: SystemSettings, real_uses: int) -> None:
        self.real_uses = real_uses

    @classmethod
    def create(cls, settings: SystemSettings, real_uses: int, seed: int) -> Self:
        """Return a fresh system: untrained if `trainable`, else ready. `seed` draws whatever is random in it."""
        raise NotImplementedError

    @classmethod
    def restore(cls, settings: SystemSettings, real_uses: int, state: State) -> Self:
        """Return the ready system from its checkpoint; inverse of `state`."""
        raise NotImplementedError

    def state(self) -> State:
        """Return the tensors of the checkpoint."""
        raise NotImplementedError

    def encode(self, images: torch.Tensor) -> Sent:
        """Encode images (B,3,32,32) float32 in [0,1]."""
        raise NotImplementedError

    def decode(self, received: torch.Tensor, noise_variance: float) -> Decoded:
        """Decode received vectors (B, N); `noise_variance` per real use is known to the receiver."""
        raise NotImplementedError

    def decode_differentiably(self, received: torch.Tensor, noise_variance: float) -> torch.Tensor:
        """The images (B,3,32,32) that `decode` shows, with gradients back to `received`; capability "gradient".

        The values must equal those of `decode`; where that has no gradient, only the backward pass may be a surrogate.
        """
        raise NotImplementedError

    def llr(self, received: torch.Tensor, noise_variance: float) -> torch.Tensor:
        """Bit LLRs log p(0)/p(1), shape (B, n); capability "soft_bits"."""
        raise NotImplementedError

    @property
    def modulation(self) -> Modulation:
        """How coded bits become channel uses; capability "soft_bits"."""
        raise NotImplementedError

    def keep_encodes(self, folder: Path) -> None:
        """Keep what is encoded in a folder, and look there before; nothing to keep for most systems."""

    def adopt(self, state: State, start: str) -> None:
        """Take over weights of the system `start`; only what names one in its settings can."""
        raise NotImplementedError

    def budget(self) -> dict[str, Any]:
        """Bits behind the channel uses, from real shapes: information bits, payload bytes; None where unused."""
        return {"coded_bits": None, "information_bits": None, "payload_bytes": None}


def device() -> torch.device:
    """The GPU when there is one, through the same code."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def grey_images(count: int) -> torch.Tensor:
    """Mid-grey images (count,3,32,32), what a receiver shows when decoding failed."""
    return torch.full((count, 3, 32, 32), GREY)
