"""Attacks on codewords: one word is one block of an image, and one wrong message bit loses the image.

The receiver drops an image whose checksum fails, so an attack on a bit-based system need not look at pixels: it makes
belief propagation fail on the block where that costs least. `Words` is what such an attack sees; `WordAttack` turns
the vectors that it finds into an attack on images, checked on the real reconstruction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch

from semrobust.attacks.base import Attack, AttackResult, S, Target, untouched, update
from semrobust.attacks.code.instanton.patterns import Patterns
from semrobust.attacks.code.structure.sets import Structure
from semrobust.attacks.search import first_crossing
from semrobust.config.settings import TRAFFIC
from semrobust.phy import mapping
from semrobust.phy.decoder import Decoder
from semrobust.phy.power import power_from_psr_db
from semrobust.phy.retry import OrderedStatistics

QUICK_ITERATIONS = 20
"""Of a decoder for searches: what fails after so many mostly fails after all."""

_LIMIT_PSR_DB = 20.0  # an image that withstands this is censored, as for the attacks along fixed directions
_STRENGTHS = tuple(1.0 + step / 8 for step in range(9))
_BISECTIONS = 4


@dataclass(frozen=True)
class Words:
    """Codewords at the receiver, before the attack.

    `received` (W, M) float32 real uses; `bits` (W, n) uint8 coded bits; `message` (W, k) uint8 and `needed` (W, k)
    bool, the message bits that the image hangs on (padding is not needed); `noise_variance` per real use, which the
    receiver knows; `seed` the root seed of the run; `structure` of the code, for attacks that know its graph; `retry`
    what the receiver tries on a word that it could not read; `patterns` that its decoder fails on, for attacks that
    know them. Searches may follow the `decoder` alone; that a word is broken says `fails`, which asks both.
    """

    decoder: Decoder
    modulation: mapping.Modulation
    received: torch.Tensor
    bits: torch.Tensor
    message: torch.Tensor
    needed: torch.Tensor
    noise_variance: float
    seed: int
    structure: Structure | None = None
    retry: OrderedStatistics | None = None
    patterns: Patterns | None = None

    def __len__(self) -> int:
        return len(self.received)

    @cached_property
    def signs(self) -> torch.Tensor:
        """+1 for a bit 0 and -1 for a bit 1, float32 (W, n): LLR times sign is positive where the receiver is right."""
        return 1.0 - 2.0 * self.bits.float()

    @cached_property
    def rows(self) -> torch.Tensor:
        """Numbers of all words, (W,)."""
        return torch.arange(len(self))

    @cached_property
    def slopes(self) -> torch.Tensor:
        """Derivative (W, n) of each bit's LLR towards the truth in the use that carries it, as received."""
        bits = self.bits.shape[1]
        use, position = (torch.from_numpy(of(bits)) for of in (self.modulation.bit_use, self.modulation.bit_position))
        slopes = torch.zeros(len(self), bits)
        # each use carries one bit at each place of the label, so one gradient serves all bits at that place
        for place in range(self.modulation.bits_per_use):
            here = position == place
            slopes[:, here] = self.pull(here.float().expand(len(self), -1), self.rows)[:, use[here]]
        return slopes

    def take(self, rows: torch.Tensor) -> Words:
        """The words `rows` alone."""
        chosen = {name: getattr(self, name)[rows] for name in ("received", "bits", "message", "needed")}
        return replace(self, **chosen)

    def llr(self, perturbation: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Channel LLRs (w, n) of the words `rows` (w,) under `perturbation` (w, M), differentiable in it."""
        return mapping.llr(self.received[rows] + perturbation, self.noise_variance, self.modulation)

    def fails(self, perturbation: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Whether a needed bit is wrong in the end, bool (w,); a word may stand in `rows` (w,) many times."""
        if not len(rows):
            return torch.zeros(0, dtype=torch.bool)
        llr = self.llr(perturbation, rows)
        decoded = self.decoder.decode(llr)
        failed = self._wrong(decoded.bits, rows)
        if self.retry is not None and failed.any():
            again = self.retry.decode(llr[failed], decoded.take(failed))
            failed[failed.clone()] = self._wrong(again, rows[failed])
        return failed

    def _wrong(self, message: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        return ((message != self.message[rows]) & self.needed[rows]).any(dim=1)

    def pull(self, weights: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Gradient (w, M) in the received uses of Σ weights·(LLR towards the truth), weights (w, n).

        Against it, the weighted bits lose their reliability fastest.
        """
        where = torch.zeros(len(rows), self.received.shape[1], requires_grad=True)
        (gradient,) = torch.autograd.grad((self.llr(where, rows) * self.signs[rows] * weights).sum(), where)
        return torch.as_tensor(gradient)


def zero_words(
    decoder: Decoder, received: torch.Tensor, variance: float, seed: int, retry: OrderedStatistics | None = None
) -> Words:
    """All-zero codewords over BPSK, received (W, n): what an attack needs on them, it needs on any (symmetry)."""
    count, code = len(received), decoder.code
    message = torch.zeros(count, code.k, dtype=torch.uint8)
    bits = torch.zeros(count, code.n, dtype=torch.uint8)
    needed = torch.ones(count, code.k, dtype=torch.bool)
    return Words(decoder, mapping.modulation("bpsk"), received, bits, message, needed, variance, seed, retry=retry)


def smallest_scale(
    words: Words, direction: torch.Tensor, rows: torch.Tensor, high: torch.Tensor, bisections: int
) -> torch.Tensor:
    """Least scale (w,) in [0, high] of `direction` (w, M) seen to fail by bisection; infinite where `high` does not."""
    low = torch.zeros_like(high)
    found = torch.where(words.fails(high[:, None] * direction, rows), high, torch.inf)
    active = found.isfinite().nonzero().squeeze(1)
    top = high.clone()
    for _ in range(bisections):
        middle = (low[active] + top[active]) / 2
        failed = words.fails(middle[:, None] * direction[active], rows[active])
        found[active] = torch.where(failed, middle, found[active])
        top[active] = torch.where(failed, middle, top[active])
        low[active] = torch.where(failed, low[active], middle)
    return found


def norms(vectors: torch.Tensor) -> torch.Tensor:
    """Euclidean norms (w,) of rows (w, M), the square root of ||s||²."""
    return torch.linalg.vector_norm(vectors, dim=1)  # type: ignore[no-any-return]


def words_of(target: Target) -> Words:
    """All blocks of all images of a target, image by image."""
    soft, (bits, message) = target.system.soft_bits(), target.sent.coded()
    count = len(target) * soft.blocks
    return Words(
        soft.decoder,
        soft.modulation,
        target.received.reshape(count, -1),
        bits.reshape(count, -1),
        message.reshape(count, -1),
        soft.needed(message).reshape(count, -1),
        target.noise_variance,
        target.seed,
        target.structure,
        soft.retry,
        target.patterns,
    )


class WordAttack(Attack[S]):
    """An attack on every block for itself; the image takes the cheapest block, or none if noise breaks it anyway.

    The attacker needs the code, which traffic tells him (`attacks.code.recovery`).
    """

    requires = frozenset({"soft_bits"})
    knows = TRAFFIC

    def search(self, words: Words) -> torch.Tensor:
        """Perturbations (W, M) under which the words fail, infinite where none was found; no state is kept."""
        raise NotImplementedError

    def run(self, target: Target) -> AttackResult:
        result = untouched(target)
        rows = (~result.success & target.sent.feasible).nonzero().squeeze(1)
        if not len(rows):
            return result
        chosen = target.take(rows)
        vectors = _cheapest_block(self.search(words_of(chosen)), len(rows))
        length = norms(vectors)[:, None]  # none where noise has lost a block of an image that survives that
        vectors = torch.where(length.isfinite() & (length > 0), vectors, -chosen.sent.codewords.sign())
        # where the search found nothing, or the image survives the loss, the vector is raised like any fixed direction
        limit = power_from_psr_db(_LIMIT_PSR_DB, vectors.shape[1]) ** 0.5

        def path(strength: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
            """Strength 1 is the vector itself, strength 2 reaches the limit."""
            own = vectors[at]
            return own * ((limit / norms(own)) ** (strength - 1.0))[:, None]  # type: ignore[no-any-return]

        return update(result, rows, first_crossing(chosen, path, _STRENGTHS, _BISECTIONS))


def _cheapest_block(found: torch.Tensor, images: int) -> torch.Tensor:
    """Vectors (images, N) that hit only the block that costs least; found (images·blocks, M), infinite = no success."""
    blocks = len(found) // images
    power = found.square().sum(dim=1).reshape(images, blocks)
    mask = torch.nn.functional.one_hot(power.argmin(dim=1), blocks).bool().repeat_interleave(found.shape[1], dim=1)
    return torch.where(mask, found.reshape(images, -1), 0.0)
