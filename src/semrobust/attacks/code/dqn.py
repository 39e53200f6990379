"""A deep Q-network that picks the bits to push.

The paper compares with a search called DQN, which we know by name only; this is our reading of it. The network is
trained on random noisy codewords of the attacked code (`learning.qnetwork`), never on images. At the attack it picks
bit after bit until the word fails, from each of a few first bits. It learns on belief propagation alone; the word is
lost only when a retry fails, too.
"""

from __future__ import annotations

from typing import Literal
from weakref import WeakKeyDictionary

import torch

from semrobust.attacks.code.learning.game import Game
from semrobust.attacks.code.learning.qnetwork import play
from semrobust.attacks.code.learning.training import LearningSettings, train
from semrobust.attacks.code.selection import Pushes, settle
from semrobust.attacks.code.words import WordAttack, Words
from semrobust.config.registry import ATTACKS
from semrobust.config.settings import AttackSettings, Positive, PositiveFloat
from semrobust.phy.decoder import Decoder


class DQNSettings(AttackSettings):
    """`amplitude` of a push, 1 = from the level onto the decision boundary; at most `max_bits` are pushed.

    `depth` decoder iterations are seen by the network; `starts` first bits per word, those that it values most;
    `bisections` of the power in the end; `learning` before the first attack on a code.
    """

    kind: Literal["dqn_bits"]
    amplitude: PositiveFloat
    max_bits: Positive
    depth: Positive
    starts: Positive
    bisections: Positive
    learning: LearningSettings


@ATTACKS.register("dqn_bits")
class DQNBits(WordAttack[DQNSettings]):
    """Let the network play every word from its best first moves; keep the cheapest vector of each word."""

    Settings = DQNSettings

    def __init__(self, settings: DQNSettings) -> None:
        super().__init__(settings)
        self._trained: WeakKeyDictionary[Decoder, dict[tuple[str, int], torch.nn.Module]] = WeakKeyDictionary()

    def network(self, words: Words) -> torch.nn.Module:
        """The network for the words' decoder, modulation and root seed; trained once."""
        settings = self.settings
        known = self._trained.setdefault(words.decoder, {})
        key = words.modulation.name, words.seed
        if key not in known:
            known[key] = train(
                words.decoder, words.modulation, settings.learning,
                settings.amplitude, settings.depth, settings.max_bits, words.seed,
            )  # fmt: skip
        return known[key]

    def search(self, words: Words) -> torch.Tensor:
        settings = self.settings
        pushes = Pushes.of(words, settings.amplitude)
        game = Game(pushes, settings.depth, settings.max_bits)
        chosen, rows = play(game, self.network(words), settings.starts)
        return settle(words, pushes.vectors(chosen, rows), rows, settings.bisections)
