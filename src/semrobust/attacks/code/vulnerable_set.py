"""The vulnerable set attack (zhang2026): push the few bits whose loss belief propagation cannot repair.

Our reading; the paper's own procedure is not known to us. Candidates are the trapping sets and codewords of the code's
structure. For a set T of a nodes, a push of all its bits against their reliability λ_i (LLR towards the truth) is felt
by the decoder through Σ_T λ_i: it fails once that sum falls to a level θ_T times the typical reliability, whatever the
noise. θ_T is measured once per code and receiver, on a word without noise; the sets that need least power there are
kept. For a received word the power that each set will need then follows from one matrix product:

    ||s|| ≈ (Σ_T λ_i - θ_T Λ) / (Σ_T g_i²)^½,    g_i = |dλ_i/dr|, Λ = mean reliability without noise,

the sets that promise least are tried on the decoder, and the amplitudes on the best one are fitted to the word.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from typing_extensions import TypeVar

from semrobust.attacks.code.refine import jitter
from semrobust.attacks.code.words import QUICK_ITERATIONS, WordAttack, Words, norms, smallest_scale, zero_words
from semrobust.config.registry import ATTACKS
from semrobust.config.settings import AttackSettings, Positive
from semrobust.phy import mapping
from semrobust.phy.decoder import Decoder
from semrobust.phy.power import noise_variance
from semrobust.phy.retry import OrderedStatistics

Members = Any
"""Sparse membership matrix (sets, n) of 0 and 1, scipy CSR."""

_QUIET_DB = 10.0  # SNR that sets the LLRs of the word without noise; θ hardly depends on it
_FARTHEST = 7.0  # norm of the strongest push tried there: a set that withstands it is of no use
_SPAN = 1024


class SetSettings(AttackSettings):
    """How many sets of the code are kept after the measurement without noise, how many of them are tried on the
    decoder per word, bisections of the power of each, and rounds and trials of the fit of the amplitudes."""

    sets: Positive
    candidates: Positive
    bisections: Positive
    rounds: Annotated[int, Field(ge=0)]
    trials: Positive


class VulnerableSetSettings(SetSettings):
    """Settings of the attack on trapping sets and codewords."""

    kind: Literal["vulnerable_set"]


class SetCandidates:
    """The sets of one code that need least power without noise: membership (K, n) and level θ (K,), float32."""

    def __init__(
        self,
        decoder: Decoder,
        members: Members,
        keep: int,
        bisections: int,
        retry: OrderedStatistics | None = None,
    ) -> None:
        size = np.asarray(members.sum(axis=1)).astype(np.float32)
        members, size = members[size > 0], size[size > 0]
        spans = range(0, members.shape[0], _SPAN)
        needed = np.concatenate([_quiet_norm(decoder, members[i : i + _SPAN], bisections, retry) for i in spans])
        best = np.lexsort((size, needed))[:keep]
        needed = np.minimum(needed, _FARTHEST)  # sets that withstand all are kept last, and promise no less than this
        self.members = members[best].astype(np.float32)
        self.level = size[best] - np.sqrt(size[best]) * needed[best]

    def predict(self, words: Words) -> torch.Tensor:
        """Norm (W, K) of the push on each set that should fail each word."""
        return promised(words, self.members, self.level)


def promised(words: Words, weights: Any, level: npt.NDArray[np.float32]) -> torch.Tensor:
    """Norm (W, K) of the push on bits by `weights` (K, n), sparse or dense, that should fail each word.

    A word fails once the weighted sum of its reliabilities falls to `level` (K,) times the typical one without noise.
    """
    reliability = (words.llr(torch.zeros_like(words.received), words.rows) * words.signs).numpy()
    clean = mapping.map_bits(words.bits, words.modulation)
    typical = mapping.llr(clean, words.noise_variance, words.modulation).abs().median(dim=1).values.numpy()
    steepness = words.slopes.square().numpy()
    total = (weights @ reliability.T).T - level * typical[:, None]
    return torch.from_numpy(total / np.sqrt((weights**2 @ steepness.T).T))


def _quiet_norm(
    decoder: Decoder, members: Members, bisections: int, retry: OrderedStatistics | None
) -> npt.NDArray[np.float32]:
    """Norm of the least uniform push on each set that fails an all-zero BPSK word without noise, infinite if none."""
    iterations = min(QUICK_ITERATIONS, decoder.iterations)
    quick = Decoder(decoder.code, decoder.rule, iterations, decoder.factor, decoder.schedule)
    quiet = zero_words(quick, torch.ones(1, decoder.code.n), noise_variance(_QUIET_DB), 0, retry)  # nothing is drawn
    push = -torch.from_numpy(members.toarray().astype(np.float32))
    push /= norms(push)[:, None]
    rows = torch.zeros(len(push), dtype=torch.int64)
    found = smallest_scale(quiet, push, rows, torch.full((len(push),), _FARTHEST), bisections)
    return np.asarray(found.numpy(), dtype=np.float32)


_Measured = dict[tuple[str, int, int, bool], tuple[Any, SetCandidates | None]]
_MEASURED: WeakKeyDictionary[Decoder, _Measured] = WeakKeyDictionary()


K = TypeVar("K", bound=SetSettings, default=Any)


class SetAttack(WordAttack[K]):
    """Push the set that promises to need least power, with amplitudes fitted to the word."""

    knows_structure = True

    def members(self, words: Words) -> Members:
        """Sets of transmitted bits (K, n), 0 and 1."""
        raise NotImplementedError

    def candidates(self, words: Words) -> SetCandidates | None:
        """The measured sets of the words' code, None if it has none; measured once per receiver and structure."""
        settings = self.settings
        measured = _MEASURED.setdefault(words.decoder, {})
        key = type(self).__name__, settings.sets, settings.bisections, words.retry is not None
        if key not in measured or measured[key][0] is not words.structure:
            members, known = self.members(words), None
            if members.sum():
                known = SetCandidates(words.decoder, members, settings.sets, settings.bisections, words.retry)
            measured[key] = words.structure, known
        return measured[key][1]

    def search(self, words: Words) -> torch.Tensor:
        settings = self.settings
        sets = self.candidates(words)
        if sets is None:  # a well-made code may have none that the search of its structure could find
            return torch.full_like(words.received, torch.inf)
        predicted = sets.predict(words)
        tried = min(settings.candidates, predicted.shape[1])
        expected, chosen = predicted.topk(tried, largest=False)
        rows = words.rows.repeat_interleave(tried)
        weights = torch.from_numpy(sets.members[chosen.flatten().numpy()].toarray())
        push = -words.pull(weights, rows)
        push = push / norms(push).clamp_min(1e-12)[:, None]
        # the prediction errs by some tenths; what survives well above it is not worth more trials
        high = 1.6 * expected.flatten().clamp_min(0.0) + 0.5
        scale = smallest_scale(words, push, rows, high, settings.bisections).reshape(-1, tried)
        best = scale.argmin(dim=1)
        norm = scale[words.rows, best]
        vectors = norm[:, None] * push.reshape(len(words), tried, -1)[words.rows, best]
        failing = norm.isfinite().nonzero().squeeze(1)
        vectors[~norm.isfinite()] = torch.inf
        vectors[failing] = jitter(words, vectors[failing], failing, settings.rounds, settings.trials)
        return vectors


@ATTACKS.register("vulnerable_set")
class VulnerableSet(SetAttack[VulnerableSetSettings]):
    """Trapping sets, stopping sets and codewords alike."""

    Settings = VulnerableSetSettings

    def members(self, words: Words) -> Members:
        assert words.structure is not None
        code = words.decoder.code
        return words.structure.channel_bits(code).matrix(code.n)
