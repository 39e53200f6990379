"""Where a coded baseline's decision boundary lies: what distances of its code say about the least attack power.

Both values belong to a word, its noise included, and both are *upper* limits on the least power, of two receivers:

- a maximum-likelihood receiver decides for another codeword z' once y + s is nearer to it than to z. The cheapest way
  is straight towards z': ||s||² = (||d||²/2 - <y - z, d>)² / ||d||² with d = z' - z. Without noise that is ||d||²/4,
  the Hamming distance for QPSK, so the minimum distance of the code is the least of them;
- belief propagation learns nothing of a bit whose LLR is 0 from checks with another such bit. Once all bits of a
  *stopping set* have LLR 0 no iteration changes them: the power of moving them there makes the next whisper decide.

Only codewords and stopping sets that the search has found are looked at (`attacks.code.structure`), so a lighter one
that it missed would lower either value. What belief propagation really withstands is measured by the attacks.
"""

from __future__ import annotations

import numpy as np
import torch

from semrobust.attacks.code.structure.sets import NodeSets
from semrobust.attacks.code.words import Words
from semrobust.phy import mapping


def codeword_power(words: Words) -> torch.Tensor:
    """Least ||s||² (W,) float64 that makes a known other codeword more likely than the one sent; inf without any."""
    assert words.structure is not None
    sent = mapping.map_bits(words.bits, words.modulation).double()
    noise = words.received.double() - sent
    least = torch.full((len(words),), torch.inf, dtype=torch.float64)
    for nodes in words.structure.channel_bits(words.decoder.code, words.structure.codeword):
        if not len(nodes):
            continue
        other = words.bits.clone()
        other[:, torch.from_numpy(nodes)] ^= 1
        apart = mapping.map_bits(other, words.modulation).double() - sent
        squared = apart.square().sum(dim=1)
        ahead = (squared / 2 - (noise * apart).sum(dim=1)).clamp_min(0.0)
        least = torch.minimum(least, ahead.square() / squared)
    return least


def stopping_power(words: Words) -> torch.Tensor:
    """Least ||s||² (W,) float64 that moves all bits of a known stopping set to LLR 0; inf without any.

    A set with two bits on one channel use is left out: no received value makes both of them uncertain.
    """
    assert words.structure is not None
    use = words.modulation.bit_use(words.bits.shape[1])
    sets = words.structure.channel_bits(words.decoder.code, words.structure.stopping)
    apart = [index for index, nodes in enumerate(sets) if 0 < len(nodes) == len(np.unique(use[nodes]))]
    if not apart:
        return torch.full((len(words),), torch.inf, dtype=torch.float64)
    powers = _uncertain(words)
    member = _matrix(sets.take(np.array(apart)), words.bits.shape[1])
    return (powers @ member.T).min(dim=1).values


def _uncertain(words: Words) -> torch.Tensor:
    """Power (W, n) that moves each bit alone to where its LLR is 0: the middle between the levels of 0 and of 1."""
    bits = words.bits.shape[1]
    use, place = words.modulation.bit_use(bits), torch.from_numpy(words.modulation.bit_position(bits))
    received = words.received.double()[:, torch.from_numpy(use)]
    amplitudes = np.unique(np.abs(words.modulation.levels))
    middle = float(amplitudes.mean())  # of the outer and the inner level; the sign changes at 0
    return torch.where(place == 0, received, received.abs() - middle).square()


def _matrix(sets: NodeSets, bits: int) -> torch.Tensor:
    """Membership (sets, bits) float64."""
    return torch.from_numpy(sets.matrix(bits).toarray()).double()
