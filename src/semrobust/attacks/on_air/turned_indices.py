"""Turn the indices that a receiver reads by hard decisions, each at its least energy, until another class wins.

Each channel use lies in the decision region of one level; to move it into that of another costs the squared distance
to its border, and turning index v to k costs the sum over its uses, E_vk. The logits are sums of what the indices add
(`systems.classification.IndicesOnAir`), so for a rival class r the least energy is a knapsack with one choice per
index:

    min Σ_v E_v,k(v)   where   Σ_v (lead of r from index k(v) at v) > what r is behind

It is solved by a Lagrange multiplier, then by going over the indices one at a time with the energies as they are: two
neighbours may share a use, which the first pass leaves out. The cheapest rival counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from semrobust.attacks.base import Attack, AttackResult, Target, untouched, update
from semrobust.attacks.naming import NamedTarget
from semrobust.attacks.search import first_crossing
from semrobust.config.registry import ATTACKS
from semrobust.config.settings import AttackSettings, Positive
from semrobust.phy.mapping import Modulation, boundaries
from semrobust.systems.classification import IndicesOnAir

_TOGETHER = 8  # images, since all indices at all places for all rivals are weighed at once
_DOUBLINGS, _HALVINGS = 40, 30  # of the multiplier
_BEYOND = 1e-4  # how far behind a border a use is put
_AHEAD = 1e-4  # lead in logits
_STRENGTHS = (1.0, 1.01, 1.1, 1.5)  # what rounding takes back


class TurnedIndicesSettings(AttackSettings):
    """`rounds` over all indices after the multiplier is found."""

    kind: Literal["turned_indices"]
    rounds: Positive


@ATTACKS.register("turned_indices")
class TurnedIndices(Attack[TurnedIndicesSettings]):
    """The cheapest indices that make the receiver misclassify; where no rival can win, nothing is tried."""

    Settings = TurnedIndicesSettings
    requires = frozenset({"indices"})

    def run(self, target: Target) -> AttackResult:
        result = untouched(target)
        left = (~result.success).nonzero().squeeze(1)
        for rows in torch.split(left, _TOGETHER) if len(left) else ():  # of nothing one empty part would be left
            chosen = target.take(rows)
            assert isinstance(chosen, NamedTarget)
            vectors = turning(chosen, self.settings.rounds)
            found = (vectors != 0).any(dim=1).nonzero().squeeze(1)
            vectors = vectors[found]

            def path(scale: torch.Tensor, at: torch.Tensor, vectors: torch.Tensor = vectors) -> torch.Tensor:
                return scale[:, None] * vectors[at]

            if len(found):
                result = update(result, rows[found], first_crossing(chosen.take(found), path, _STRENGTHS, 0))
        return result


def turning(target: NamedTarget, rounds: int) -> torch.Tensor:
    """Vectors (B, N) after which the receiver reads the cheapest indices of another class; 0 where none is found."""
    given = target.receiver.indices_on_air(target.draw)
    uses = Uses.of(given, target.received, target.noise_variance)
    count, places, choices, classes = given.shares.shape
    read = uses.read(given)
    own = target.labels[:, None, None, None].expand(-1, places, choices, 1)
    gains = given.shares - given.shares.gather(3, own)  # (B, V, J, classes), of a class over the true one
    gains = gains - gains.gather(2, read[:, :, None, None].expand(-1, -1, 1, classes))
    with torch.no_grad():
        logits = target.receiver.listen(target.received, target.noise_variance, target.draw)
    behind = logits.gather(1, target.labels[:, None]) - logits + _AHEAD  # (B, classes)
    # one row per image and rival
    gains = gains.permute(0, 3, 1, 2).flatten(0, 1)
    behind, image = behind.flatten(), torch.arange(count).repeat_interleave(classes)
    rival = torch.arange(classes).repeat(count) != target.labels[image]
    energies = torch.stack([uses.energies(image, read[image], place) for place in range(places)], dim=1)
    chosen, reached = by_multiplier(energies, gains, behind)
    rival &= reached
    chosen = torch.where(rival[:, None], chosen, read[image])
    for _ in range(rounds):
        for place in range(places):
            now = gains.gather(2, chosen[:, :, None]).squeeze(2)
            needed = behind - (now.sum(1) - now[:, place])
            energy = uses.energies(image, chosen, place)
            energy = torch.where(gains[:, place] >= needed[:, None], energy, torch.inf)
            best = energy.argmin(1)
            possible = rival & energy.gather(1, best[:, None]).squeeze(1).isfinite()
            chosen[:, place] = torch.where(possible, best, chosen[:, place])
    vectors = uses.vectors(image, chosen)
    power = torch.where(rival, vectors.double().square().sum(1), torch.inf).reshape(count, classes)
    best = power.argmin(1)
    vectors = vectors.reshape(count, classes, -1)[torch.arange(count), best]
    return torch.where(power.amin(1).isfinite()[:, None], vectors, 0.0)


def by_multiplier(
    energies: torch.Tensor, gains: torch.Tensor, behind: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Choices (R, V) of least energy whose gains reach `behind` (R,), and whether any do, bool (R,).

    `energies` and `gains` (R, V, J). The choices are the best for some multiplier λ of the gains, the least that
    reaches: Σ_v max_k (λ gain - energy) bounds the energy from below, so only the last few are ever at stake.
    """

    def at(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        choice = (weight[:, None, None] * gains - energies).argmax(2)
        return choice, gains.gather(2, choice[:, :, None]).squeeze(2).sum(1) >= behind

    low, high = torch.zeros_like(behind), torch.ones_like(behind)
    chosen, reached = at(high)
    for _ in range(_DOUBLINGS):
        if reached.all():
            break
        low, high = torch.where(reached, low, high), torch.where(reached, high, 2 * high)
        chosen, reached = at(high)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        tried, reaches = at(middle)
        chosen = torch.where((reaches & reached)[:, None], tried, chosen)
        low, high = torch.where(reaches, low, middle), torch.where(reaches, middle, high)
    return chosen, reached


@dataclass(frozen=True)
class Uses:
    """What it costs to move each use of a batch into each decision region.

    `moves` (B, N, L) to the point of the region nearest to what is received, by number of the level (its label read as
    binary, sign bit first); `level` (B, N) where it is now; `bits` (V, J, b) as in `IndicesOnAir`; `use` and `weight`
    (V, b), the use of each bit and what a 1 adds to the number of the level.
    """

    moves: torch.Tensor
    level: torch.Tensor
    bits: torch.Tensor
    use: torch.Tensor
    weight: torch.Tensor

    @classmethod
    def of(cls, given: IndicesOnAir, received: torch.Tensor, noise_variance: float) -> Uses:
        places, _, width = given.bits.shape
        modulation, coded = given.modulation, received.shape[1] * given.modulation.bits_per_use
        use = torch.from_numpy(modulation.bit_use(coded))[: places * width].reshape(places, width)
        position = torch.from_numpy(modulation.bit_position(coded))[: places * width].reshape(places, width)
        moves = _moves(modulation, received, noise_variance)
        level = (moves == 0).long().argmax(2)
        return cls(moves, level, given.bits.long(), use, 2 ** (modulation.bits_per_use - 1 - position))

    def read(self, given: IndicesOnAir) -> torch.Tensor:
        """The indices (B, V) that the receiver reads as things are."""
        bits = (self.level[:, self.use] // self.weight) % 2  # (B, V, b)
        places, choices, width = given.bits.shape
        value = 2 ** torch.arange(width)
        number = (self.bits * value).sum(2)  # (V, J): a key of each index, whatever its scrambling
        table = torch.zeros(places, 2**width, dtype=torch.int64).scatter(
            1, number, torch.arange(choices).expand(places, -1)
        )
        return table.gather(1, (bits * value).sum(2).T).T

    def levels(self, image: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
        """Levels (R, N) that stand for indices (R, V); bits of no index stay as they are read."""
        bits = self.bits[torch.arange(chosen.shape[1]), chosen]  # (R, V, b)
        old = (self.level[image][:, self.use] // self.weight) % 2
        changed = ((bits - old) * self.weight).flatten(1)
        return self.level[image].index_add(1, self.use.flatten(), changed)

    def energies(self, image: torch.Tensor, chosen: torch.Tensor, place: int) -> torch.Tensor:
        """Energy (R, J) on the uses of one index, for every choice of it beside the others as they are `chosen`."""
        level = self.levels(image, chosen)
        own, where = torch.unique(self.use[place], return_inverse=True)
        held = (self.bits[place, chosen[:, place]] * self.weight[place])[:, None]  # (R, 1, b)
        wanted = (self.bits[place] * self.weight[place])[None]  # (1, J, b)
        shift = torch.zeros(len(chosen), wanted.shape[1], len(own), dtype=torch.int64)
        shift.index_add_(2, where, wanted - held)
        squared = self.moves[image][:, own].square()  # (R, U, L)
        target = level[:, own][:, None] + shift  # (R, J, U)
        return squared.gather(2, target.transpose(1, 2)).sum(1)

    def vectors(self, image: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
        """Perturbations (R, N) after which the indices are read as chosen."""
        return self.moves[image].gather(2, self.levels(image, chosen)[:, :, None]).squeeze(2)


def _moves(modulation: Modulation, received: torch.Tensor, noise_variance: float) -> torch.Tensor:
    """To the nearest point of each decision region, 0 within it: (B, N, L) of received uses (B, N)."""
    borders = torch.from_numpy(boundaries(noise_variance, modulation)).float()
    none = torch.tensor([torch.inf])
    low, high = torch.cat([-none, borders + _BEYOND]), torch.cat([borders - _BEYOND, none])
    region = torch.bucketize(received, borders)
    order = torch.from_numpy(np.argsort(modulation.levels))
    moves = received[:, :, None].clamp(low, high) - received[:, :, None]
    inside = torch.nn.functional.one_hot(region, len(order)).bool()
    return torch.empty_like(moves).index_copy(2, order, torch.where(inside, 0.0, moves))
