"""The Q-network of the bit picker: one small network values every bit by what is seen of it.

It is the same for all bits, so it has as few weights for a long code as for a short one, and as all that it sees is
relative to the word's own LLRs, one network serves all noise levels.
"""

from __future__ import annotations

import torch

from semrobust.attacks.code.learning.game import FEATURES, Game, masked
from semrobust.attacks.code.words import Words
from semrobust.phy import mapping
from semrobust.phy.decoder import Decoder

_WIDTH = 32


def network(seed: int) -> torch.nn.Sequential:
    """The untrained Q-network: features (..., FEATURES) to values (..., 1)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return torch.nn.Sequential(
            torch.nn.Linear(FEATURES, _WIDTH), torch.nn.ReLU(),
            torch.nn.Linear(_WIDTH, _WIDTH), torch.nn.ReLU(),
            torch.nn.Linear(_WIDTH, 1),
        )  # fmt: skip


def values(net: torch.nn.Module, seen: torch.Tensor) -> torch.Tensor:
    """Values (w, n) of pushing each bit, -inf for bits that are pushed already; `seen` (w, n, FEATURES)."""
    return masked(net(seen).squeeze(-1), seen)


def judged(game: Game, net: torch.nn.Module, chosen: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Values (w, n) of the next moves."""
    seen = game.observe(chosen, rows)
    with torch.no_grad():
        return values(net, seen)


def play(game: Game, net: torch.nn.Module, starts: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Selections (w, n) that the network wins with, and their words (w,), from its `starts` best first moves each."""
    rows = game.pushes.words.rows
    first = judged(game, net, game.start(), rows)
    moves = first.topk(min(starts, first.shape[1]), dim=1).indices
    chosen = torch.nn.functional.one_hot(moves.flatten(), first.shape[1]).bool()
    rows = rows.repeat_interleave(moves.shape[1])
    winners, owners = [], []
    for size in range(1, game.moves + 1):
        won = game.won(chosen, rows)
        winners.append(chosen[won])
        owners.append(rows[won])
        chosen, rows = chosen[~won], rows[~won]
        if size == game.moves or not len(rows):
            break
        best = judged(game, net, chosen, rows).argmax(dim=1)
        chosen = chosen | torch.nn.functional.one_hot(best, chosen.shape[1]).bool()
    return torch.cat(winners), torch.cat(owners)


def random_words(
    decoder: Decoder, modulation: mapping.Modulation, variance: float, count: int, stream: torch.Generator, seed: int
) -> Words:
    """Random messages, encoded, sent over AWGN; every message bit counts."""
    code = decoder.code
    message = torch.randint(0, 2, (count, code.k), generator=stream, dtype=torch.uint8)
    bits = code.encode(message)
    sent = mapping.map_bits(bits, modulation)
    received = sent + variance**0.5 * torch.randn(sent.shape, generator=stream)
    needed = torch.ones(count, code.k, dtype=torch.bool)
    return Words(decoder, modulation, received, bits, message, needed, variance, seed)
