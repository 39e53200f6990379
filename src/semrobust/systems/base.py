"""What a transceiver is: encode -> channel -> decode, and what an attacker may ask of it.

A new system is one file in this package: a subclass of `System` with its `Settings`, registered under its kind. It
then joins every comparison. The workflow reads the registry each time it is parsed, so a library that takes seconds to
load is imported in the function that needs it; torch is not among those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, Self, runtime_checkable

import torch
from typing_extensions import TypeVar

from semrobust.codecs.base import SIZE, Size
from semrobust.config.settings import SystemKind, SystemSettings
from semrobust.errors import ResultError, UsageError
from semrobust.phy.decoder import Decoder
from semrobust.phy.mapping import Modulation, map_bits
from semrobust.phy.power import power_total
from semrobust.phy.retry import OrderedStatistics
from semrobust.systems.source import PICTURES, Pictures, Source

State = Mapping[str, torch.Tensor]
"""What a checkpoint holds: tensors by name."""

S = TypeVar("S", bound=SystemSettings, default=Any)
"""Settings of a kind: `class MySystem(System[MySettings])` sees `self.settings` as its own."""

GREY = Pictures.GREY
"""The reconstruction of a receiver without an image: mid-grey, known to be wrong, never a statistic of the data."""

_POWER_SLACK = 1e-3
"""How far the power of a codeword may lie from what it must be, as a share of N: sums of 32-bit numbers err by less."""


@dataclass(frozen=True)
class Sent:
    """A batch as transmitted.

    `codewords` (B, N) float32 with ||z||² = N, of a system that offers "soft_bits" on average over the bits; `feasible`
    (B,) bool, False where the image does not fit the budget (an empty frame is sent); `bits` and `message` as
    `SoftBits` says, None for a system without.
    """

    codewords: torch.Tensor
    feasible: torch.Tensor
    message: torch.Tensor | None = None
    bits: torch.Tensor | None = None

    def coded(self) -> tuple[torch.Tensor, torch.Tensor]:
        """`bits` and `message`; ValueError if the system sends none."""
        if self.bits is None or self.message is None:
            raise ValueError('nothing is known of the bits that were sent: the capability "soft_bits" promises them')
        return self.bits, self.message

    def take(self, rows: torch.Tensor) -> Sent:
        """The images `rows` (b,) alone."""
        return Sent(
            self.codewords[rows],
            self.feasible[rows],
            None if self.message is None else self.message[rows],
            None if self.bits is None else self.bits[rows],
        )


@dataclass(frozen=True)
class Decoded:
    """A batch as received: `images` (B,3,32,32) in [0,1], the reconstructions; `failed` (B,) bool, where it
    knows that it has no image; `message` (B, blocks·k) uint8 decoded bits, None for a system without."""

    images: torch.Tensor
    failed: torch.Tensor
    message: torch.Tensor | None = None


class SoftBits(Protocol):
    """What the capability "soft_bits" gives an attack, beside what every system gives. It may use nothing else.

    An image is sent as `blocks` words of one code, n coded bits each of k message bits. `Sent.message` (B, blocks·k)
    and `Sent.bits` (B, blocks·n), uint8 of 0 and 1, hold them block after block: `bits` is what the code makes of
    `message`, and `codewords` (B, N) what `modulation` makes of `bits`. So block b lies on the uses [b·N/blocks,
    (b+1)·N/blocks). The receiver decodes each block for itself with `decoder`, from the LLRs that `llr` gives, and with
    `retry` the blocks of an image whose checksum then fails; its output depends on the message bits that this gives,
    and on nothing else.
    """

    @property
    def blocks(self) -> int:
        """Words per image."""

    @property
    def modulation(self) -> Modulation:
        """How coded bits become channel uses."""

    @property
    def decoder(self) -> Decoder:
        """The receiver's decoder of one block; `decoder.code` is the code."""

    @property
    def retry(self) -> OrderedStatistics | None:
        """What the receiver tries on the blocks of a frame that it cannot read; None = nothing."""

    def needed(self, message: torch.Tensor) -> torch.Tensor:
        """Which bits of the messages (B, blocks·k) the image hangs on, bool: one of them wrong, and it is lost."""

    def llr(self, received: torch.Tensor, noise_variance: float | torch.Tensor) -> torch.Tensor:
        """LLRs log p(0)/p(1) of the coded bits, (B, blocks·n), of received vectors (B, N).

        `noise_variance` per real use, one for all or one for each (B, N), as the receiver knows it.
        """

    def decode(self, received: torch.Tensor, noise_variance: float | torch.Tensor) -> Decoded:
        """As `System.decode`, also with a variance for each use."""


@runtime_checkable
class Fitted(Protocol):
    """A system that is fitted to the training set in one pass, and has nothing that a schedule could say."""

    def fit(self, samples: torch.Tensor) -> Mapping[str, Any]:
        """Make it ready from training samples (n,C,32,32); returns what the record says of that."""


class System(SystemKind, Generic[S]):
    """A transceiver with N = `real_uses` real channel uses per image.

    What it gives is on the device of what it is given, wherever its own network is.

    Class attributes: `side` is "semantic" or "classical"; `trainable` says that the system learns
    (`training.loop.Trainable`); `capabilities` names what attacks may use beside `encode` and `decode`: "gradient"
    promises `decode_differentiably`, "soft_bits" promises `soft_bits` and all that it gives. `version` is raised when
    the results of the class change, so that nothing made by the old one is taken for new.
    """

    version: ClassVar[int] = 1
    side: ClassVar[str]
    capabilities: ClassVar[frozenset[str]]
    trainable: ClassVar[bool] = False
    power_remedy = "scale them in its `encode`, as `phy.power.normalize_power` does"
    """What a message tells to do about codewords of another power."""
    name = ""
    """Name in the params, for messages."""

    def __init__(self, settings: S, real_uses: int) -> None:
        self.settings, self.real_uses = settings, real_uses

    def __repr__(self) -> str:
        uses = f"N = {self.real_uses} real channel uses" if self.real_uses else "sends nothing over the air"
        return f"<{type(self).__name__} {self.name!r}, {uses}>"

    @classmethod
    def create(cls, settings: S, real_uses: int, seed: int) -> Self:
        """Return a fresh system: untrained if `trainable`, else ready. `seed` draws whatever is random in it."""
        raise NotImplementedError

    @classmethod
    def restore(cls, settings: S, real_uses: int, state: State) -> Self:
        """Return the ready system from its checkpoint; inverse of `state`."""
        raise NotImplementedError

    @property
    def learns(self) -> bool:
        """Whether it is trained before it is ready: a trainable kind may also take weights over as they are."""
        return self.trainable

    @property
    def source(self) -> Source:
        """What it sends; images, unless a kind says otherwise. "Images" in this package are samples of this."""
        return PICTURES

    def adopt(self, state: State, origin: str) -> None:
        """Take over what it starts from out of the checkpoint of another system, whose name is `origin`.

        Asked of systems whose settings name one (`SystemSettings.starts_from`). Raises ArtifactError if that does not
        fit.
        """
        raise NotImplementedError(f"{type(self).__name__} starts from no other system")

    def keep_encodes(self, folder: Path) -> None:
        """Look for encoded images in `folder` from now on, and leave there what had to be encoded.

        Changes no result. Nothing is kept where encoding costs little, which is the default.
        """

    def resized(self, size: Size) -> Self:
        """The same transceiver for images of another height and width; raises UsageError if it takes none of that size.

        It has as many channel uses per pixel, and its quality there is not what it was trained for.
        """
        raise UsageError(f"{self.name or type(self).__name__} takes images of one size only, not of {size}")

    def state(self) -> State:
        """Return the tensors of the checkpoint."""
        raise NotImplementedError

    def encode(self, images: torch.Tensor) -> Sent:
        """Encode images (B,3,32,32) float32 in [0,1]."""
        raise NotImplementedError

    def send(self, images: torch.Tensor) -> Sent:
        """What `encode` makes of the images, checked: raises ResultError for codewords of another length or power.

        A codeword of zeros has no direction that could be scaled (`phy.power.normalize_power`), and passes.
        """
        sent, uses = self.encode(images), self.real_uses
        which = f"system {self.name or self.settings.kind!r} (kind {self.settings.kind!r})"
        if sent.codewords.shape != (len(images), uses):
            shape = tuple(sent.codewords.shape)
            raise ResultError(f"{which} sends codewords of shape {shape}, must be {(len(images), uses)}")
        power, wanted = power_total(sent.codewords).cpu(), torch.full((len(images),), float(uses), dtype=torch.float64)
        if "soft_bits" in self.capabilities:
            modulation = self.soft_bits().modulation
            levels = float((modulation.levels.astype(float) ** 2).mean())
            wanted = power_total(map_bits(sent.coded()[0], modulation)).cpu() / levels
        wrong = ~(((power - wanted).abs() <= _POWER_SLACK * uses) | (power == 0))
        if wrong.any():
            found, right = float(power[wrong][0]), float(wanted[wrong][0])
            raise ResultError(
                f"{which} sends codewords of power ||z||² = {found:.6g}, must be {right:.6g} (N = {uses} real channel "
                f"uses of unit power): {self.power_remedy}"
            )
        return sent

    def decode(self, received: torch.Tensor, noise_variance: float) -> Decoded:
        """Decode received vectors (B, N); `noise_variance` per real use is known to the receiver."""
        raise NotImplementedError

    def decode_differentiably(self, received: torch.Tensor, noise_variance: float) -> torch.Tensor:
        """The images (B,3,32,32) that `decode` gives, with gradients back to `received`; capability "gradient".

        The values must equal those of `decode`; where that has no gradient, only the backward pass may be a surrogate.
        """
        raise NotImplementedError

    def encode_differentiably(self, images: torch.Tensor) -> torch.Tensor:
        """The codewords (B, N) that `encode` makes, with gradients back to the images; capability "gradient".

        Only semantic noise against a system that reconstructs images asks for it.
        """
        raise NotImplementedError(f"{type(self).__name__} lets no gradients through its encoder")

    def soft_bits(self) -> SoftBits:
        """What an attack on bits may use, mostly the system itself; capability "soft_bits"."""
        raise NotImplementedError(f'{type(self).__name__} does not offer the capability "soft_bits"')

    def decoder_layers(self) -> tuple[torch.nn.Sequential, tuple[int, int, int]] | None:
        """The layers from received vectors to the image, and the shape that these are read in; None if unknown.

        Only for a receiver that is these layers and nothing else: its slope is certified from them (`theory`).
        """
        return None

    def budget(self) -> dict[str, Any]:
        """Bits behind the channel uses, from real shapes: information bits, payload bytes; None where unused."""
        return {"coded_bits": None, "information_bits": None, "payload_bytes": None}


def device() -> torch.device:
    """The GPU when there is one, through the same code."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def grey_images(count: int, size: Size = SIZE) -> torch.Tensor:
    """Mid-grey images (count,3,H,W), the reconstructions when decoding failed."""
    return torch.full((count, 3, *size), GREY)
