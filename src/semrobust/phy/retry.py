"""What a receiver tries where a checksum fails: ordered statistics decoding of order 1, behind belief propagation.

Fossorier and Lin, IEEE Trans. Inf. Theory 1995; behind belief propagation Fossorier, IEEE J. Sel. Areas Comm. 2001. The
k most reliable independent bits of a word are decided by their signs and encoded; so are the k words with one of these
bits turned; the most likely of these k + 1 codewords is taken. Reliable is what has a large LLR, and that is asked
twice: of the channel, which an attack fools with strong pushes only, and of what belief propagation made of it, which
has repaired most of what noise does. Belief propagation's own codeword, where it found one, is among the candidates.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from semrobust.phy.decoder import Decoded, Floats
from semrobust.phy.ldpc import LdpcCode


class OrderedStatistics:
    """The retry for words of one code. A word's result depends on that word alone.

    It takes longer than belief propagation, two eliminations a word, so it is for words that are lost.
    """

    def __init__(self, code: LdpcCode) -> None:
        self.code = code
        from semrobust.phy import elimination  # numba takes a while, and only chains with a retry need it

        self._packed = elimination.packed(code.generator)

    def decode(self, llr: torch.Tensor, decoded: Decoded) -> torch.Tensor:
        """Message bits (B, k) uint8 of the most likely codeword found.

        `llr` (B, n) channel LLRs of the words to try again, `decoded` what belief propagation made of just these.
        """
        channel = self._padded(llr)
        nodes = torch.from_numpy(self.code.channel_nodes)
        words, costs = self._likeliest(channel, channel)
        others, theirs = self._likeliest(self._padded(decoded.llr[:, nodes]), channel)
        best = np.where((costs <= theirs)[:, None], words, others)
        from semrobust.phy import elimination

        bits = elimination.unpacked(best, self.code.n)
        return torch.as_tensor(self.code.information(torch.from_numpy(bits)))

    def _likeliest(self, ranking: Floats, channel: Floats) -> tuple[Any, Any]:
        """Codewords (B, P) of packed bits and their costs (B,), see `phy.ordered`."""
        from semrobust.phy import ordered

        words, costs = np.empty((len(channel), self._packed.shape[1]), np.uint64), np.empty(len(channel))
        ordered.decode(self._packed, ranking, channel, words, costs)
        return words, costs

    def _padded(self, llr: torch.Tensor) -> Floats:
        """Zeros behind the last bit, up to whole words of 64."""
        missing = 64 * self._packed.shape[1] - self.code.n
        return np.pad(llr.detach().cpu().numpy().astype(np.float32), ((0, 0), (0, missing)))
