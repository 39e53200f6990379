"""What an attack is: a search for the smallest vector s, added to what the receiver gets, that breaks the image.

The attacker adds s to the received vector: r = y + s with y = z + w. It is white-box: it knows the image, the
codeword, the noise and the receiver. The attack succeeds when the mean squared error reaches the threshold D*. A new
attack is one file in this package: a subclass of `Attack` with its `Settings`, registered under its kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, cast

import torch
from typing_extensions import TypeVar

from semrobust.attacks.code.instanton.patterns import Patterns
from semrobust.attacks.code.structure.sets import Structure
from semrobust.config.registry import ATTACKS
from semrobust.config.settings import ALL, AttackKind, AttackSettings, Plain
from semrobust.phy.power import power_total
from semrobust.systems.base import Sent, System
from semrobust.systems.distortion import mean_squared_error

S = TypeVar("S", bound=AttackSettings, default=Any)
"""Settings of a kind: `class MyAttack(Attack[MySettings])` sees `self.settings` as its own."""


@dataclass(frozen=True)
class Target:
    """A batch under attack; of a classifying receiver, see `attacks.naming`.

    `images` (B,3,32,32) float32 in [0,1]; `received` (B, N) as it would arrive without the attack; `noise_variance` per
    real use; `threshold` the mean squared error D* at which the attack succeeds; `directions` (B, N) standard
    normal vectors that belong to the images, for attacks that need randomness; `seed` the root seed of the run, from
    which streams that all images share are named (`pipeline.seeds`), so that no result depends on the batch;
    `structure` what is known of the LDPC code's graph, and `patterns` what its decoder fails on, for attacks that ask
    for it; `seen` other images on their way to the same receiver, for attacks that learn; `unit` what `threshold` and
    all distortions are multiples of, a mean squared error per image (B,), None = 1. Of the system an attack uses
    what `systems.base` promises for the capabilities that it requires, and nothing else. All tensors are on one device,
    wherever the network is, and an attack leaves them there.
    """

    system: System
    images: torch.Tensor
    sent: Sent
    received: torch.Tensor
    noise_variance: float
    threshold: float
    directions: torch.Tensor
    seed: int
    structure: Structure | None = None
    patterns: Patterns | None = None
    seen: Target | None = None
    unit: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: torch.Tensor) -> Target:
        """The images `rows` (b,) alone."""
        return replace(
            self,
            images=self.images[rows],
            received=self.received[rows],
            directions=self.directions[rows],
            sent=self.sent.take(rows),
            unit=None if self.unit is None else self.unit[rows],
        )

    def measured(self, mse: torch.Tensor, rows: torch.Tensor | None = None) -> torch.Tensor:
        """Distortions, what `threshold` is of, from mean squared errors (b, …) of the images `rows`, all by default."""
        if self.unit is None:
            return mse
        unit = self.unit if rows is None else self.unit[rows]
        return mse / unit.reshape(-1, *[1] * (mse.ndim - 1))

    def distortion(self, perturbation: torch.Tensor, rows: torch.Tensor | None = None) -> torch.Tensor:
        """Distortion (b,), a mean squared error, of the real reconstruction under `perturbation` (b, N).

        `rows` selects the b images that the perturbation is for, all of them by default.
        """
        received, images = self.received, self.images
        if rows is not None:
            received, images = received[rows], images[rows]
        shown = self.system.decode(received + perturbation, self.noise_variance).images
        return self.measured(mean_squared_error(shown, images), rows)

    def gradient(self, perturbation: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """`distortion` (B,) under `perturbation` (B, N), and its gradient (B, N), where the receiver has one."""
        received = (self.received + perturbation).requires_grad_(True)
        shown = self.system.decode_differentiably(received, self.noise_variance)
        mse = self.measured(mean_squared_error(shown, self.images))
        (gradient,) = torch.autograd.grad(mse.sum(), received)
        return mse.detach(), gradient

    def as_sent(self) -> torch.Tensor:
        """What the receiver makes of each codeword (B, N) without noise: its reconstruction, (B,3,H,W)."""
        return self.system.decode(self.sent.codewords, self.noise_variance).images

    def broken_by(self, answers: torch.Tensor) -> torch.Tensor:
        """Which of M answers as of `as_sent` would break each image, bool (B, M)."""
        mse = squared_distances(self.images, answers) / self.images[0].numel()
        return self.measured(mse) >= self.threshold

    def breakable(self) -> torch.Tensor:
        """Whether a failed decode alone breaks each image, bool (B,): mid-grey then reaches D*."""
        nothing = mean_squared_error(self.system.source.nothing(self.images), self.images)
        return self.measured(nothing) >= self.threshold

    def quality(self, distortion: torch.Tensor) -> torch.Tensor:
        """The measure of quality of what is sent (B,) float64 at a distortion, NaN where there is none."""
        unit = 1.0 if self.unit is None else self.unit
        return self.system.source.quality(distortion * unit, self.images).double()


def squared_distances(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Squared distances (B, M), float64, between rows of two batches."""
    exact = "donot_use_mm_for_euclid_dist"  # else the last digits depend on the batch
    return torch.cdist(one.flatten(1).double(), other.flatten(1).double(), compute_mode=exact).square()


@dataclass(frozen=True)
class AttackResult:
    """Outcome per image: `perturbation` (B, N); `success` (B,) bool; `mse` (B,), the distortion under it, in units of
    the target; `steps` (B,) int.

    Where `success` is False the image is censored: `perturbation` is the strongest one tried, so the power that would
    break the image is larger than its norm.
    """

    perturbation: torch.Tensor
    success: torch.Tensor
    mse: torch.Tensor
    steps: torch.Tensor

    @property
    def power_total(self) -> torch.Tensor:
        """||s||² per image, float64: the smallest found, or the largest tried where `success` is False."""
        return power_total(self.perturbation)

    def take(self, rows: torch.Tensor) -> AttackResult:
        """The images `rows` (b,) alone."""
        return AttackResult(self.perturbation[rows], self.success[rows], self.mse[rows], self.steps[rows])


def untouched(target: Target) -> AttackResult:
    """The result of no attack: success only where channel noise alone breaks the image."""
    nothing = torch.zeros_like(target.received)
    mse = target.distortion(nothing)
    return AttackResult(nothing, mse >= target.threshold, mse, torch.zeros_like(mse, dtype=torch.int64))


def better(found: AttackResult, tried: torch.Tensor, broken: torch.Tensor, mse: torch.Tensor) -> AttackResult:
    """`found` (B images) with `tried` (B, N) where that is the smaller success, or larger where nothing succeeded."""
    shorter = power_total(tried) < found.power_total
    keep = torch.where(broken, shorter | ~found.success, ~shorter & ~found.success)
    return AttackResult(
        torch.where(keep[:, None], tried, found.perturbation),
        found.success | broken,
        torch.where(keep, mse, found.mse),
        found.steps + 1,
    )


def cheaper(first: AttackResult, second: AttackResult) -> AttackResult:
    """Per image the successful result of less power; the steps of both are spent."""
    better = second.success & (~first.success | (second.power_total < first.power_total))
    # where neither succeeds the stronger vector is the better statement about what the image withstands
    better |= ~first.success & ~second.success & (second.power_total > first.power_total)
    return AttackResult(
        torch.where(better[:, None], second.perturbation, first.perturbation),
        torch.where(better, second.success, first.success),
        torch.where(better, second.mse, first.mse),
        first.steps + second.steps,
    )


def as_it_is(target: Target, perturbation: torch.Tensor) -> AttackResult:
    """The result of one vector per image, (B, N), and of no search; of none where noise alone breaks the image."""
    mse = target.distortion(perturbation)
    return better(untouched(target), perturbation, mse >= target.threshold, mse)


def update(result: AttackResult, rows: torch.Tensor, found: AttackResult) -> AttackResult:
    """Return `result` with the images `rows` replaced by `found`."""
    return replace(
        result,
        perturbation=result.perturbation.index_copy(0, rows, found.perturbation),
        success=result.success.index_copy(0, rows, found.success),
        mse=result.mse.index_copy(0, rows, found.mse),
        steps=result.steps.index_copy(0, rows, found.steps),
    )


class Attack(AttackKind, Generic[S]):
    """An attack on the received vector.

    `requires` names the capabilities of the systems it can be run on; `knows_structure` and `knows_instantons` say that
    it reads `Target.structure` and `Target.patterns`, which are then searched first. One that `learns` finds its
    training images in `Target.seen`. `knows` is what its attacker needs, one of `config.settings.KNOWLEDGE`. `version`
    is raised when the results of the class change, so that nothing found by the old one is taken for new.
    """

    version: ClassVar[int] = 1
    requires: ClassVar[frozenset[str]] = frozenset()
    knows_structure: ClassVar[bool] = False
    knows_instantons: ClassVar[bool] = False
    knows: ClassVar[str] = ALL

    def __init__(self, settings: S) -> None:
        self.settings = settings

    def run(self, target: Target) -> AttackResult:
        """Search the smallest perturbation per image; vectorized over the batch, no state is kept."""
        raise NotImplementedError

    def run_all(self, batches: Sequence[Target]) -> Iterator[AttackResult]:
        """Results of all images at one SNR, batch after batch.

        An attack that learns from many images overrides this: no result may depend on where batches end.
        """
        return map(self.run, batches)

    def vanished(self, target: Target) -> torch.Tensor | None:
        """Where (B,) bool the gradient that the attack follows is exactly 0 at what is received.

        None if it follows none. There it sees nowhere to go, and that it fails says nothing about the receiver.
        """
        if "gradient" not in self.requires:
            return None
        _, gradient = target.gradient(torch.zeros_like(target.received))
        return (gradient == 0).all(dim=1)


def attack_of(described: Plain) -> Attack[Any]:
    """The attack with these settings."""
    kind = cast("type[Attack[Any]]", ATTACKS[described["kind"]])
    return kind(kind.parse(described))
