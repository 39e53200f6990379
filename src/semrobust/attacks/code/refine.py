"""Making a vector that fails a word smaller: trial moves, kept only where the decoder still fails.

Both searches shorten the vector by a share that adapts to each word (more after a success, less after a failure) and
turn it at the same time: `jitter` at random among the uses that it already hits, `descend` along the derivative of
belief propagation. Every vector returned was decoded and seen to fail.
"""

from __future__ import annotations

import torch

from semrobust.attacks.code.words import Words, norms
from semrobust.pipeline import seeds

_FIRST_SHARE, _LONGER, _SHORTER = 0.03, 1.4, 0.6  # of the norm, per round
_SPREAD = 0.12  # standard deviation of a random change, relative to each entry
_TURNS = (0.03, 0.1, 0.3)  # lengths of a step along the derivative, relative to the norm
TEMPERATURE = 5.0
"""How far beyond the weakest posterior (in LLR) the soft objective looks."""


def jitter(words: Words, vectors: torch.Tensor, rows: torch.Tensor, rounds: int, trials: int) -> torch.Tensor:
    """Vectors (w, M) that fail the words `rows`, made smaller by random changes of their non-zero entries.

    The same changes are tried on every word, so no word's result depends on its batch.
    """
    vectors, share = vectors.clone(), torch.full((len(rows),), _FIRST_SHARE)
    stream = seeds.generator(words.seed, "attack", "jitter")
    for _ in range(rounds):
        changes = 1.0 + _SPREAD * torch.from_numpy(stream.standard_normal((trials, vectors.shape[1]), dtype="float32"))
        vectors, share = _shorten(words, vectors, rows, vectors[:, None] * changes, share)
    return vectors


def descend(
    words: Words, vectors: torch.Tensor, rows: torch.Tensor, rounds: int, depths: tuple[int, ...]
) -> torch.Tensor:
    """Vectors (w, M) that fail the words `rows`, made smaller along the derivative through `depths` iterations.

    Two objectives take turns at each depth: the posteriors of the bits that are wrong in the end, and those that are
    nearest to turning wrong after the unrolled iterations.
    """
    vectors, share = vectors.clone(), torch.full((len(rows),), _FIRST_SHARE)
    for _ in range(rounds):
        length = norms(vectors)[:, None]
        signs = node_signs(words, rows)
        wrong = (words.decoder.decode(words.llr(vectors, rows)).llr * signs <= 0).float()
        moved = []
        for depth in depths:
            for weights in (wrong, None):
                slope = through_decoder(words, vectors, rows, depth, weights)
                step = length * slope / norms(slope).clamp_min(1e-12)[:, None]
                moved += [vectors - turn * step for turn in _TURNS]
        vectors, share = _shorten(words, vectors, rows, torch.stack(moved, dim=1), share)
    return vectors


def _shorten(
    words: Words, vectors: torch.Tensor, rows: torch.Tensor, moved: torch.Tensor, share: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Take the first of the directions moved (w, trials, M) that still fails at the norm less `share`, if any."""
    count, trials, uses = moved.shape
    wanted = norms(vectors) * (1.0 - share)
    moved = moved * (wanted[:, None] / moved.norm(dim=2).clamp_min(1e-12))[:, :, None]
    failed = words.fails(moved.reshape(-1, uses), rows.repeat_interleave(trials)).reshape(count, trials)
    success = failed.any(dim=1)
    taken = moved[torch.arange(count), failed.float().argmax(dim=1)]
    share = torch.where(success, (share * _LONGER).clamp_max(0.5), share * _SHORTER)
    return torch.where(success[:, None], taken, vectors), share


def node_signs(words: Words, rows: torch.Tensor) -> torch.Tensor:
    """+1 for a node that is 0 in the word sent and -1 for 1, float32 (w, nodes); 0 where that is not transmitted."""
    code = words.decoder.code
    signs = torch.zeros(len(rows), code.nodes)
    signs[:, torch.from_numpy(code.information_nodes)] = 1.0 - 2.0 * words.message[rows].float()
    signs[:, torch.from_numpy(code.channel_nodes)] = words.signs[rows]
    return signs


def through_decoder(
    words: Words, vectors: torch.Tensor, rows: torch.Tensor, depth: int, wrong: torch.Tensor | None = None
) -> torch.Tensor:
    """Gradient (w, M) of the reliability that the attack wants low, through `depth` unrolled iterations.

    With `wrong` (w, nodes) of 0 and 1: the posteriors of those bits, each over its size. Else the soft minimum of all
    posteriors, -T log Σ exp(-posterior/T), so that the attack follows the bits nearest to turning wrong.
    """
    signs = node_signs(words, rows)
    where = vectors.detach().requires_grad_(True)
    llr = words.llr(where, rows)
    posterior, _ = words.decoder.gradient(llr, torch.zeros_like(signs), depth)
    margin = posterior * signs
    if wrong is None:
        weights = torch.softmax(torch.where(signs == 0, torch.inf, margin) / -TEMPERATURE, dim=1)
    else:
        weights = wrong / (margin.abs() + 1.0)
    _, slope = words.decoder.gradient(llr, weights * signs, depth)
    (gradient,) = torch.autograd.grad(llr, where, slope)
    return gradient
