"""Breaking a codeword as a game: each move pushes one more bit, and the fewer moves the better."""

from __future__ import annotations

import torch

from semrobust.attacks.code.selection import Pushes

FEATURES = 11
CHOSEN, POSTERIOR, GAIN = 0, 2, 3
"""Numbers of features: 1 for bits already pushed, which are no moves any more; the trust after a few iterations,
negative where the decoder is wrong by then; what a push would take."""

_CLIP = 4.0


class Game:
    """The games of a batch of words, one per row of a selection; no state is kept.

    `depth` decoder iterations are seen after each move, and a game has at most `moves` of them.
    """

    def __init__(self, pushes: Pushes, depth: int, moves: int) -> None:
        self.pushes, self.depth, self.moves = pushes, depth, moves
        words = pushes.words
        self._checks = words.decoder.code.parity_check.astype("float32")
        self._degree = torch.from_numpy(self._checks.sum(axis=0)).clamp_min(1.0)  # type: ignore[call-overload]
        nothing = torch.zeros_like(words.received)
        self._scale = words.llr(nothing, words.rows).abs().mean(dim=1, keepdim=True)

    def start(self) -> torch.Tensor:
        """Selections without a bit, (W, n) bool."""
        return torch.zeros(self.pushes.words.bits.shape, dtype=torch.bool)

    def won(self, chosen: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Whether the pushes on `chosen` (w, n) make the words `rows` fail, (w,) bool."""
        return self.pushes.words.fails(self.pushes.vectors(chosen, rows), rows)

    def observe(self, chosen: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """What is seen of each bit, float32 (w, n, FEATURES); LLRs in units of the word's mean |LLR|, clipped.

        Whether it is pushed; its trust (LLR towards the truth) at the channel and after a few iterations; what a push
        on it would take from the pushed bits; the shares of its checks that touch a pushed bit, that touch an odd
        number of them (what holds the word), and that those iterations leave wrong; the share of odd checks once more,
        summed over the bits next to it, which tells where the next push could meet this one; and of the word, how many
        bits are pushed, how many are wrong after those iterations, and the trust left in the pushed ones.
        """
        words = self.pushes.words
        nodes = torch.from_numpy(words.decoder.code.channel_nodes)
        scale, signs = self._scale[rows], words.signs[rows]
        llr = words.llr(self.pushes.vectors(chosen, rows), rows)
        posterior, left, gain = self.pushes.response(chosen, rows, self.depth)
        pushed = torch.zeros_like(posterior)
        pushed[:, nodes] = chosen.float()
        pushes = self._per_check(pushed)
        touched, odd = self._share(pushes > 0), self._share(pushes % 2 == 1)
        beyond = self._share(self._per_check(odd * (1.0 - pushed)))
        # a codeword satisfies all checks, so a check is wrong where its bits 1 are odd in number
        wrong = self._share(self._per_check((posterior < 0).float()) % 2 == 1)
        trusts = torch.stack([llr * signs, posterior[:, nodes] * signs, gain]) / scale
        count, mistaken = (bits.sum(dim=1, keepdim=True) for bits in (chosen, trusts[1] < 0))
        of_word = torch.stack([count / self.moves, mistaken / self.moves, left[:, None] / scale / count.clamp_min(1)])
        shares = (share[:, nodes] for share in (touched, odd, wrong, beyond))
        per_bit = torch.stack([chosen.float(), *trusts, *shares, *of_word.expand(-1, -1, chosen.shape[1])], -1)
        return per_bit.clamp(-_CLIP, _CLIP)

    def potential(self, seen: torch.Tensor) -> torch.Tensor:
        """How far games have come, (w,), by what is seen (w, n, FEATURES): the pushed bits that the decoder has wrong
        after a few iterations, as a share of the moves."""
        lost = (seen[..., CHOSEN] > 0) & (seen[..., POSTERIOR] < 0)
        return lost.sum(dim=1) / self.moves

    def _per_check(self, values: torch.Tensor) -> torch.Tensor:
        """Sums over the nodes of each check, (w, checks)."""
        return torch.from_numpy((self._checks @ values.T.numpy()).T)

    def _share(self, checks: torch.Tensor) -> torch.Tensor:
        """Mean of `checks` (w, checks) over the checks of each node, (w, nodes)."""
        return torch.from_numpy((self._checks.T @ checks.float().T.numpy()).T) / self._degree


def masked(values: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """Values (w, n) of moves, -inf for those that were made already according to the features `seen` (w, n, F)."""
    return values.masked_fill(seen[..., CHOSEN] > 0, -torch.inf)
