"""Deep Q-learning (Mnih et al. 2015) of which bit to push next, on random codewords of the attacked code.

A push costs 1/moves and a failing word pays 1; a potential (Ng, Harada & Russell 1999) tells on the way there how far a
game has come. Moves are picked by one network and valued by a slower one (double Q-learning, van Hasselt et al. 2016).
"""

from __future__ import annotations

import copy
from typing import Annotated

import torch
from pydantic import Field

from semrobust.attacks.code.learning.game import FEATURES, GAIN, Game, masked
from semrobust.attacks.code.learning.qnetwork import network, play, random_words, values
from semrobust.attacks.code.selection import Pushes, settle
from semrobust.config.settings import Decibel, Positive, PositiveFloat, Settings
from semrobust.phy import mapping
from semrobust.phy.decoder import Decoder
from semrobust.phy.power import noise_variance, power_total
from semrobust.pipeline import seeds

_DISCOUNT = 0.95
_MOST_CURIOUS, _LEAST_CURIOUS = 0.3, 0.1
_PROMISING = 6  # moves among which one is drawn to explore: pushes on any bit almost never break a word
_BATCH = 64  # games side by side, and moves learned from at once
_MEMORY = 8192  # moves
_AHEAD = 32  # next moves that are kept with a move, those valued most when it was made: the best is among them
_UPDATES = 8  # of the network per move of all games
_FOLLOW = 0.01  # the share by which the slow network follows at each update
_SPREAD = 0.618034  # multiples of the golden ratio spread evenly over [0, 1), however many there are
_PAUSE = 3  # rounds between examinations
_EXAMS, _EXAM_WORDS, _EXAM_STARTS, _BISECTIONS = 4, 16, 4, 4


class LearningSettings(Settings):
    """`rounds` of 64 training games each, every round at another SNR between the two of `snr_db`.

    The `learning_rate` of Adam falls linearly to 0, and exploration over the first half of the rounds.
    """

    rounds: Positive
    learning_rate: PositiveFloat
    snr_db: Annotated[list[Decibel], Field(min_length=2, max_length=2)]


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
    decoder: Decoder, modulation: mapping.Modulation, settings: LearningSettings,
    amplitude: float, depth: int, moves: int, seed: int,
) -> torch.nn.Sequential:  # fmt: skip
    """The Q-network for one code and modulation; the same at each call, and independent of any image.

    Q-learning has ups and downs, so the slow network, an average over the latest updates, is examined now and then on
    words kept for that, and the best is taken.
    `amplitude`, `depth` and `moves` are those of `Pushes` and `Game`; `seed`, the root seed of
    the run, draws the first weights and all words.
    """
    stream = torch.Generator().manual_seed(seeds.integer(seed, "attack", "dqn"))

    def game_at(level: float, count: int) -> Game:
        """Games on new words, `level` from 0 to 1 over the range of SNRs."""
        low, high = settings.snr_db
        variance = noise_variance(low + level * (high - low))
        words = random_words(decoder, modulation, variance, count, stream, seed)
        return Game(Pushes.of(words, amplitude), depth, moves)

    exams = [game_at((part + 0.5) / _EXAMS, _EXAM_WORDS) for part in range(_EXAMS)]
    net = network(seeds.integer(seed, "attack", "dqn", "network"))
    target = copy.deepcopy(net)
    optimizer = torch.optim.Adam(net.parameters(), settings.learning_rate)
    memory = Memory()
    best_net, best_grade = copy.deepcopy(net), _grade(exams, net)
    for turn in range(settings.rounds):
        optimizer.param_groups[0]["lr"] = settings.learning_rate * (1.0 - turn / settings.rounds)
        curiosity = max(_LEAST_CURIOUS, _MOST_CURIOUS * (1.0 - 2.0 * turn / settings.rounds))
        game = game_at(turn * _SPREAD % 1.0, _BATCH)
        chosen, rows = game.start(), game.pushes.words.rows
        seen, best = _look(game, net, chosen, rows)
        for move in range(1, moves + 1):
            bit = _explore(seen, best[:, 0], curiosity, stream)
            games = torch.arange(len(rows))
            chosen[games, bit] = True
            won = game.won(chosen, rows)
            over = won if move < moves else torch.ones_like(won)
            before, reward = seen[games, bit], won.float() - 1.0 / moves - game.potential(seen)
            seen, best = _look(game, net, chosen, rows)
            # the potential of a game that is over is 0, so that shaping leaves the best policy as it is
            reward += torch.where(over, 0.0, _DISCOUNT * game.potential(seen))
            memory.store(before, reward, over, seen[games[:, None], best])
            for _ in range(_UPDATES):
                _learn(net, target, optimizer, memory, stream)
            chosen, rows, seen, best = chosen[~over], rows[~over], seen[~over], best[~over]
            if not len(rows):
                break
        if turn % _PAUSE == _PAUSE - 1 or turn == settings.rounds - 1:
            grade = _grade(exams, target)
            if grade < best_grade:
                best_net, best_grade = copy.deepcopy(target), grade
    return best_net


def _grade(exams: list[Game], net: torch.nn.Module) -> float:
    """Total power that the network needs in all games of the exams, that of one more push than allowed where it loses.

    The power is that after making the vectors smaller: what the attack is judged by.
    """
    total = 0.0
    for exam in exams:
        pushes = exam.pushes
        chosen, rows = play(exam, net, _EXAM_STARTS)
        power = power_total(settle(pushes.words, pushes.vectors(chosen, rows), rows, _BISECTIONS))
        total += float(power.nan_to_num(posinf=(exam.moves + 1) * pushes.amplitude**2).sum())
    return total


def _look(
    game: Game, net: torch.nn.Module, chosen: torch.Tensor, rows: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """What is seen (w, n, FEATURES), and the moves (w, up to 32) valued most, the best first."""
    seen = game.observe(chosen, rows)
    with torch.no_grad():
        return seen, values(net, seen).topk(min(_AHEAD, seen.shape[1]), dim=1).indices


def _explore(seen: torch.Tensor, best: torch.Tensor, curiosity: float, stream: torch.Generator) -> torch.Tensor:
    """The `best` bit (w,), or with probability `curiosity` one of the most promising."""
    # at the first move no bit gains anything: the noise lets every bit be drawn
    gain = seen[..., GAIN] + 1e-6 * torch.rand(seen.shape[:2], generator=stream)
    promising = masked(gain, seen).topk(min(_PROMISING, seen.shape[1]), dim=1).indices
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
        # the best of many uncertain values is too high, unless another network picked it
        picked = values(net, memory.after[at]).argmax(dim=1, keepdim=True)
        ahead = values(target, memory.after[at]).gather(1, picked).squeeze(1)
        wanted = memory.reward[at] + torch.where(memory.over[at], 0.0, _DISCOUNT * ahead)
    loss = torch.nn.functional.smooth_l1_loss(net(memory.before[at]).squeeze(-1), wanted)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    with torch.no_grad():
        for slow, fast in zip(target.parameters(), net.parameters(), strict=True):
            slow.lerp_(fast, _FOLLOW)
