"""The minimum-distance direction: push the received word towards the nearest other codeword.

For maximum-likelihood decoding that is the best attack there is: half way to a codeword at Hamming distance d costs d
for QPSK. Belief propagation fails earlier on sets that are no codewords at all, which is what this attack measures
`vulnerable_set` against.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import sparse

from semrobust.attacks.code.vulnerable_set import Members, SetAttack, SetSettings
from semrobust.attacks.code.words import Words
from semrobust.config.registry import ATTACKS

_ROWS = 64


class NearCodewordSettings(SetSettings):
    """As for the vulnerable set attack."""

    kind: Literal["near_codeword"]


@ATTACKS.register("near_codeword")
class NearCodeword(SetAttack[NearCodewordSettings]):
    """The codewords of low weight that the analysis of the structure found, or the lightest rows of the generator."""

    Settings = NearCodewordSettings

    def members(self, words: Words) -> Members:
        assert words.structure is not None
        code = words.decoder.code
        found = words.structure.channel_bits(code, words.structure.codeword).matrix(code.n)
        if found.shape[0]:
            return found
        lightest = np.argsort(code.generator.sum(axis=1), kind="stable")[:_ROWS]
        return sparse.csr_array(code.generator[lightest].astype(np.int64))
