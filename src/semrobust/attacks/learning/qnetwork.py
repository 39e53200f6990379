"""Deep Q-learning (Mnih et al. 2015) of which bit to push next, on random codewords of the attacked code.

One small network values every bit by what is seen of it, the same for all bits, so it has as few weights for a long
code as for a short one. A push costs 1/moves and a failing word pays 1.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from semrobust.attacks.learning.game import FEATURES, GAIN, Game, masked
from semrobust.attacks.selection import Pushes
from semrobust.attacks.words import Words
from semrobust.core import seeds
from semrobust.core.lazy import LazyModule
from semrobust.core.settings import Positive, PositiveFloat, Settings
from semrobust.phy import mapping
from semrobust.phy.decoder import Decoder

if TYPE_CHECKING:
    import torch
else:
    torch = LazyModule("torch")

_WIDTH = 32
_DISCOUNT = 0.9
_MOST_CURIOUS, _LEAST_CURIOUS = 0.5, 0.05
_PROMISING = 6  # moves among which one is drawn to explore: pushes on any bit almost never break a word
_BATCH = 64  # games side by side, and moves learned from at once
_MEMORY = 8192  # moves
_AHEAD = 32  # next moves that are kept with a move, those valued most when it was made: the best is among them
_UPDATES = 8  # of the network per move of all games
_RENEWAL = 100  # updates between copies of the network to the target
_EXAM = 3  # rounds between examinations


class LearningSettings(Settings):
    """`rounds` of 64 training games each, `learning_rate` of Adam. Exploration falls linearly over the rounds."""

    rounds: Positive
    learning_rate: PositiveFloat


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


def play(game: Game, net: torch.nn.Module, starts: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Selections (w, n) that the network wins with, and their words (w,), from its `starts` best first moves each."""
    with torch.no_grad():
        rows = game.pushes.words.rows
        first = values(net, game.observe(game.start(), rows))
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
            best = values(net, game.observe(chosen, rows)).argmax(dim=1)
            chosen = chosen | torch.nn.functional.one_hot(best, chosen.shape[1]).bool()
        return torch.cat(winners), torch.cat(owners)


def random_words(
    decoder: Decoder, modulation: mapping.Modulation, noise_variance: float, count: int, stream: torch.Generator
) -> Words:
    """Random messages, encoded, sent over AWGN; every message bit counts."""
    code = decoder.code
    message = torch.randint(0, 2, (count, code.k), generator=stream, dtype=torch.uint8)
    bits = code.encode(message)
    sent = mapping.map_bits(bits, modulation)
    received = sent + noise_variance**0.5 * torch.randn(sent.shape, generator=stream)
    needed = torch.ones(count, code.k, dtype=torch.bool)
    return Words(decoder, modulation, received, bits, message, needed, noise_variance)


class Memory:
    """The latest moves: what was seen of the bit pushed, the reward, whether the game ended, the best next moves."""

    def __init__(self) -> None:
        self.before = torch.zeros(_MEMORY, FEATURES)
        self.reward = torch.zeros(_MEMORY)
        self.over = torch.zeros(_MEMORY, dtype=torch.bool)
        self.after = torch.zeros(_MEMORY, _AHEAD, FEATURES)
        self.count = 0

    def store(self, before: torch.Tensor, reward: torch.Tensor, over: torch.Tensor, after: torch.Tensor) -> None:
        """Add w moves in place of the oldest; `after` (w, up to 32, FEATURES)."""
        at = (self.count + torch.arange(len(before))) % _MEMORY
        self.before[at], self.reward[at], self.over[at] = before, reward, over
        # a short code has fewer next moves: the first stands for those that are missing
        self.after[at] = torch.cat([after, after[:, :1].expand(-1, _AHEAD - after.shape[1], -1)], dim=1)
        self.count += len(before)


def train(
    decoder: Decoder, modulation: mapping.Modulation, noise_variance: float,
    settings: LearningSettings, amplitude: float, depth: int, moves: int,
) -> torch.nn.Sequential:  # fmt: skip
    """The Q-network for one code and noise; the same at each call, and independent of any image.

    Q-learning has ups and downs, so the network is examined now and then on words kept for that, and the best is taken.
    `amplitude`, `depth` and `moves` are those of `Pushes` and `Game`.
    """
    stream = torch.Generator().manual_seed(seeds.integer(0, "attack", "dqn"))
    exam = Game(
        Pushes.of(random_words(decoder, modulation, noise_variance, _BATCH, stream), amplitude), depth, moves
    )  # fmt: skip
    net = network(seeds.integer(0, "attack", "dqn", "network"))
    target = copy.deepcopy(net)
    optimizer = torch.optim.Adam(net.parameters(), settings.learning_rate)
    memory, updates = Memory(), 0
    best_net, best_grade = copy.deepcopy(net), _grade(exam, net)
    for turn in range(settings.rounds):
        curiosity = max(_LEAST_CURIOUS, _MOST_CURIOUS - turn / settings.rounds)
        words = random_words(decoder, modulation, noise_variance, _BATCH, stream)
        game = Game(Pushes.of(words, amplitude), depth, moves)
        chosen, rows = game.start(), words.rows
        seen, best = _look(game, net, chosen, rows)
        for move in range(1, moves + 1):
            bit = _explore(seen, best[:, 0], curiosity, stream)
            games = torch.arange(len(rows))
            chosen[games, bit] = True
            won = game.won(chosen, rows)
            over = won if move < moves else torch.ones_like(won)
            before = seen[games, bit]
            seen, best = _look(game, net, chosen, rows)
            memory.store(before, won.float() - 1.0 / moves, over, seen[games[:, None], best])
            for _ in range(_UPDATES):
                if updates % _RENEWAL == 0:
                    target.load_state_dict(net.state_dict())
                _learn(net, target, optimizer, memory, stream)
                updates += 1
            chosen, rows, seen, best = chosen[~over], rows[~over], seen[~over], best[~over]
            if not len(rows):
                break
        if turn % _EXAM == _EXAM - 1 or turn == settings.rounds - 1:
            grade = _grade(exam, net)
            if grade < best_grade:
                best_net, best_grade = copy.deepcopy(net), grade
    return best_net


def _grade(exam: Game, net: torch.nn.Module) -> int:
    """Moves that the network needs in all games of the exam; a game that is not won counts one more than it may have."""
    chosen, _ = play(exam, net, 1)
    return int(chosen.sum()) + (len(exam.pushes.words) - len(chosen)) * (exam.moves + 1)


def _look(
    game: Game, net: torch.nn.Module, chosen: torch.Tensor, rows: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """What is seen (w, n, FEATURES), and the moves (w, up to 32) valued most, the best first."""
    seen = game.observe(chosen, rows)
    with torch.no_grad():
        return seen, values(net, seen).topk(min(_AHEAD, seen.shape[1]), dim=1).indices


def _explore(seen: torch.Tensor, best: torch.Tensor, curiosity: float, stream: torch.Generator) -> torch.Tensor:
    """The `best` bit (w,), or with probability `curiosity` one of the most promising."""
    promising = masked(seen[..., GAIN], seen).topk(min(_PROMISING, seen.shape[1]), dim=1).indices
    drawn = torch.randint(0, promising.shape[1], (len(seen), 1), generator=stream)
    curious = torch.rand(len(seen), generator=stream) < curiosity
    return torch.where(curious, promising.gather(1, drawn).squeeze(1), best)


def _learn(
    net: torch.nn.Module, target: torch.nn.Module, optimizer: torch.optim.Optimizer, memory: Memory,
    stream: torch.Generator,
) -> None:  # fmt: skip
    """One step towards reward + discounted value of the best next move, on moves drawn from the memory."""
    at = torch.randint(0, min(memory.count, _MEMORY), (_BATCH,), generator=stream)
    with torch.no_grad():
        ahead = values(target, memory.after[at]).amax(dim=1)
        wanted = memory.reward[at] + torch.where(memory.over[at], 0.0, _DISCOUNT * ahead)
    loss = torch.nn.functional.smooth_l1_loss(net(memory.before[at]).squeeze(-1), wanted)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
