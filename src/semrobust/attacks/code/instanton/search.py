"""Search for instantons, once per code and decoder: failing patterns of least energy on the word without noise.

1. Starts: random pushes on few and many bits, and sets grown greedily on the graph, each next bit the one that leaves
   fewest checks odd, so that trapping sets and near codewords are among them. All go down to the decoder's boundary
   (`descent`) through each depth of unrolled iterations; the depth that ends lowest is kept.
2. Hops (basin hopping): patterns are thinned out, blended with each other or given further bits, and go down again.
3. Pruning: what the decoder fails without is dropped, and the rest goes down once more by small steps.

Starts and the first half of the hops ask a quick decoder, of few iterations of min-sum, which sum-product comes to
where LLRs are large. The decoder itself then takes over what they found.

A pattern that points almost where a better one does is dropped.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from semrobust.attacks.code.instanton.descent import Descent, descend
from semrobust.attacks.code.instanton.patterns import Patterns
from semrobust.attacks.code.words import QUICK_ITERATIONS, Words, norms, zero_words
from semrobust.config.searches import InstantonSettings
from semrobust.errors import ArtifactError
from semrobust.phy.decoder import SCHEDULES, Decoder
from semrobust.phy.ldpc import LdpcCode
from semrobust.phy.power import noise_variance
from semrobust.pipeline import seeds

_ALIKE = 0.9  # cosine from which two patterns are one
_SPREAD = (0.03, 0.1, 0.3)  # shares of the bits that random starts push
_GROWN = (4, 40)  # sizes of grown starts
_FIRST, _LATER, _LAST = ((0.6, 0.05), (0.1, 0.005)), ((0.4, 0.02), (0.05, 0.003)), ((0.05, 0.005), (0.01, 0.001))
_OVER = ((0.05, 0.005), (0.05, 0.003))  # as the last one, but for patterns that are not yet at this boundary
_PRUNED = (0.05, 0.03, 0.02, 0.01, 0.005)  # shares of the energy, in the least pushes, that are tried to drop

Reals = npt.NDArray[np.float64]


def quiet(decoder: Decoder, variance: float) -> Words:
    """The all-zero word over BPSK without noise, at a receiver that believes in noise of this variance."""
    return zero_words(decoder, torch.ones(1, decoder.code.n), variance, seed=0)  # nothing is drawn from it


def rescheduled(decoder: Decoder) -> Decoder:
    """The same decoder with the other schedule."""
    other = next(schedule for schedule in SCHEDULES if schedule != decoder.schedule)
    return Decoder(decoder.code, decoder.rule, decoder.iterations, decoder.factor, other)


def search(decoder: Decoder, settings: InstantonSettings, seed: int) -> Patterns:
    """At most `settings.kept` patterns, all drawn from streams of `seed`."""
    real, stream = quiet(decoder, noise_variance(settings.snr_db)), seeds.generator(seed, "instantons")
    word, found = replace(real, decoder=_quick(decoder)), {}
    for depth in settings.depths:
        begun = _starts(decoder.code, settings.starts, stream)
        found[depth] = _down(word, begun, Descent(settings.steps, depth, *_FIRST), stream)
    pool = _some(_best(torch.cat([*found.values()]), settings.kept), settings)
    depth = min(found, key=lambda depth: _quarter(found[depth]))
    later, over, final = (Descent(settings.steps, depth, *ends) for ends in (_LATER, _OVER, _LAST))
    for turn in range(settings.hops):
        if turn == settings.hops // 2:
            word, pool = real, _some(_down(real, pool, over, stream), settings)
        hopped = _hop(pool, settings.width, stream)
        pool = _best(torch.cat([pool, _down(word, hopped, later, stream)]), settings.kept)
    for _ in range(settings.final):
        top = _prune(word, pool[: settings.width])
        pool = _best(torch.cat([pool, top, _down(word, top, final, stream)]), settings.kept)
    return _described(word, pool, depth, settings.snr_db)


def _some(pool: torch.Tensor, settings: InstantonSettings) -> torch.Tensor:
    """The pool; raises ArtifactError if nothing is in it."""
    if not len(pool):
        raise ArtifactError(f"{settings.steps} steps reach no pattern that this code fails on: raise instantons.steps")
    return pool


def _quick(decoder: Decoder) -> Decoder:
    """A decoder that fails on almost what `decoder` fails on, at a fifth of the time."""
    factor = 1.0 if decoder.rule == "sum-product" else decoder.factor
    return Decoder(decoder.code, "min-sum", min(QUICK_ITERATIONS, decoder.iterations), factor, decoder.schedule)


def _down(word: Words, pushes: torch.Tensor, descent: Descent, stream: np.random.Generator) -> torch.Tensor:
    """Failing pushes that the descent reaches, by rising norm; the boundary is what vectors are on, so -push."""
    found = -descend(word, -pushes, torch.zeros(len(pushes), dtype=torch.int64), descent, stream)
    found = found[found.isfinite().all(dim=1)]
    return found[norms(found).argsort(stable=True)]


def _quarter(pushes: torch.Tensor) -> float:
    """Mean norm of the best quarter of pushes by rising norm, infinite if there is none."""
    return float(norms(pushes)[: max(1, len(pushes) // 4)].mean()) if len(pushes) else np.inf


def _starts(code: LdpcCode, count: int, stream: np.random.Generator) -> torch.Tensor:
    """Pushes (count, n) of norm 10, half of them random, half on grown sets."""
    share = stream.choice(_SPREAD, (count, 1))
    pushes = np.abs(stream.standard_normal((count, code.n))) * (stream.random((count, code.n)) < share)
    for row in range(0, count, 2):
        pushes[row] = _grown(code, int(stream.integers(*_GROWN)), stream)
    pushes[:, 0] += 1e-6  # where nothing was drawn
    return torch.from_numpy((10.0 * pushes / np.linalg.norm(pushes, axis=1, keepdims=True)).astype(np.float32))


def _grown(code: LdpcCode, size: int, stream: np.random.Generator) -> Reals:
    """A connected set of `size` nodes as its transmitted bits (n,), 0 and 1, one at least."""
    nodes = code.parity_check.T.tocsr()
    degree = np.diff(nodes.indptr)
    chosen, odd = np.zeros(code.nodes), np.zeros(nodes.shape[1])
    node = int(stream.choice(code.channel_nodes))
    for _ in range(min(size, code.nodes)):
        chosen[node] = 1.0
        touched = nodes.indices[nodes.indptr[node] : nodes.indptr[node + 1]]
        odd[touched] = 1.0 - odd[touched]
        fewer = 2.0 * (nodes @ odd) - degree + stream.random(code.nodes)  # of equal nodes any
        node = int(np.where(chosen > 0, -np.inf, fewer).argmax())
    return np.asarray(chosen[code.channel_nodes])


def _hop(pool: torch.Tensor, count: int, stream: np.random.Generator) -> torch.Tensor:
    """Changed patterns (count, n): thinned out, blended with another one, or pushed on more bits; the best oftenest."""
    kind = torch.from_numpy(stream.integers(3, size=(count, 1)))
    chosen, other = stream.integers(len(pool), size=(2, 2, count)).min(axis=0)
    one, two = pool[chosen], pool[other]
    uniform = torch.from_numpy(stream.random((2, count, pool.shape[1]), dtype=np.float32))
    normal = torch.from_numpy(stream.standard_normal((2, count, pool.shape[1]), dtype=np.float32))
    dropped = torch.from_numpy(stream.choice((0.1, 0.3, 0.5), (count, 1)).astype(np.float32))
    thinned = one * (uniform[0] > dropped) * (1.0 + 0.2 * normal[0])
    more = thinned + 0.07 * norms(one)[:, None] * normal[1].abs() * (uniform[1] < 0.05)
    hopped = torch.where(kind == 0, thinned, torch.where(kind == 1, one + two, more))
    return hopped * (norms(one) / norms(hopped).clamp_min(1e-12))[:, None]


def _prune(word: Words, pushes: torch.Tensor) -> torch.Tensor:
    """Failing pushes, freed of the smallest entries without which they still fail."""
    pushes = pushes.clone()
    rows = torch.zeros(len(pushes), dtype=torch.int64)
    for share in _PRUNED:
        energy, order = pushes.square().sort(dim=1)
        small = energy.cumsum(dim=1) <= share * energy.sum(dim=1, keepdim=True)
        without = pushes.masked_fill(torch.zeros_like(small).scatter(1, order, small), 0.0)
        failed = word.fails(-without, rows)
        pushes[failed] = without[failed]
    return pushes


def _best(pushes: torch.Tensor, kept: int) -> torch.Tensor:
    """The `kept` shortest pushes, without those that are like a shorter one, by rising norm."""
    pushes = pushes[norms(pushes).argsort(stable=True)]
    unit = pushes / norms(pushes)[:, None]
    alike = unit @ unit.T > _ALIKE
    free, taken = torch.ones(len(pushes), dtype=torch.bool), []
    for row in range(len(pushes)):
        if free[row]:
            taken.append(row)
            free &= ~alike[row]
    return pushes[taken[:kept]]


def _described(word: Words, pushes: torch.Tensor, depth: int, snr_db: float) -> Patterns:
    """What the decoder, and two others, make of each pattern."""
    decoder, rows = word.decoder, torch.zeros(len(pushes), dtype=torch.int64)
    decoded = decoder.decode(word.llr(-pushes, rows))
    code = decoder.code
    longer = Decoder(code, decoder.rule, 4 * decoder.iterations, decoder.factor, decoder.schedule)
    judges = (longer, rescheduled(decoder))
    lasting = [replace(word, decoder=judge).fails(-pushes, rows).numpy() for judge in judges]
    return Patterns(
        pushes=pushes.numpy(),
        wrong=(decoded.llr[:, torch.from_numpy(code.channel_nodes)] <= 0).numpy(),
        settled=decoded.codeword_ok.numpy(),
        lasting=np.stack(lasting, axis=1),
        depth=np.array([depth]),
        snr_db=np.array([snr_db], dtype=np.float32),
    )
