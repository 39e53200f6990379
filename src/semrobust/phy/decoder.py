"""Belief-propagation decoding of LDPC codes: channel LLRs in, message bits and the decoder's own verdict out.

The kernels are `phy.belief` (decoding) and `phy.adjoint` (derivatives of the same iterations). They take NumPy arrays
of all nodes; `Decoder` takes torch tensors of the transmitted bits, checks them, and spreads words over threads.
They are imported in its methods, as their compiler takes seconds to load.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Any, Generic, overload

import numpy as np
import numpy.typing as npt
import torch
from typing_extensions import TypeVar

from semrobust.phy.ldpc import Array, LdpcCode
from semrobust.phy.parity import ParityCheck

RULES = ("min-sum", "sum-product")
"""Check-node rules, in the order of the kernels' numbers."""

SCHEDULES = ("layered", "flooding")
"""When bits hear what checks answer, in the order of the kernels' numbers: check after check, or after all checks."""

FACTOR = 0.8
"""Normalization of min-sum; `semrobust bench ldpc` shows the block error rate over factors."""

_LEAST, _MOST = 64, 512  # words per task of a thread: enough to keep the lanes full, few enough to balance the threads

Floats = npt.NDArray[np.float32]

A = TypeVar("A", default=torch.Tensor)
"""torch.Tensor, or NumPy's arrays: as the LLRs came."""


@dataclass(frozen=True, eq=False)
class Decoded(Generic[A]):
    """Result of a batch: of torch where the LLRs were torch, of NumPy where they were NumPy.

    `bits` uint8 (batch, k): message bits. `codeword_ok` bool (batch,): the decoder's verdict that all checks hold, not
    the truth (an undetected error has it too). `iterations` int64 (batch,). `llr` float32 (batch, nodes): posterior
    log p(0)/p(1) of every node, the transmitted bits at `LdpcCode.channel_nodes`.
    """

    bits: A
    codeword_ok: A
    iterations: A
    llr: A

    def take(self, words: A) -> Decoded[A]:
        """These words alone, by their numbers or a mask."""
        return Decoded(*(getattr(self, field.name)[words] for field in fields(self)))


class Decoder:
    """Decoder of one code by belief propagation with at most `iterations` passes, stopping at a zero syndrome.

    `code` is an `LdpcCode`, or its H in any form of `phy.parity`. A word's result depends on that word alone: not on
    its batch, nor on the number of threads (torch's). Words whose hard decisions are already a codeword take 0
    iterations: that codeword is the maximum-likelihood one. A word with a bit of LLR exactly 0 is not decided yet; if
    it stays so, that bit is read as 1 and `codeword_ok` is False. LLRs beyond ±1e6 are clipped there. `rule` is one of
    `RULES`; `factor` scales the answers of min-sum; `schedule` is one of `SCHEDULES`.

    >>> import numpy as np
    >>> import semrobust
    >>> decoder = semrobust.Decoder([[1, 1, 0, 1, 0], [0, 1, 1, 0, 1]], rule="sum-product", iterations=20)
    >>> decoded = decoder.decode(np.array([[2.0, -3.0, 4.0, -0.5, 1.0]]))  # the last bit is wrong
    >>> decoded.bits, decoded.codeword_ok
    (array([[0, 1, 0]], dtype=uint8), array([ True]))

    Raises ValueError for settings or LLRs out of range and for a code with a check of no node.
    """

    def __init__(
        self,
        code: LdpcCode | ParityCheck,
        rule: str = "sum-product",
        iterations: int = 50,
        factor: float = FACTOR,
        schedule: str = "layered",
    ) -> None:
        if not isinstance(code, LdpcCode):
            code = LdpcCode.from_parity_check(code)
        if iterations < 1:
            raise ValueError(f"iterations = {iterations} must be at least 1")
        if rule not in RULES:
            raise ValueError(f"unknown check node rule {rule!r}: choose one of {', '.join(RULES)}")
        if schedule not in SCHEDULES:
            raise ValueError(f"unknown schedule {schedule!r}: choose one of {', '.join(SCHEDULES)}")
        if not 0 < factor <= 1:
            raise ValueError(f"factor = {factor} must be in (0, 1]")
        graph = code.parity_check
        empty = np.flatnonzero(np.diff(graph.indptr) == 0)
        if empty.size:
            raise ValueError(f"rows {empty[:5].tolist()} of the parity-check matrix are empty: remove them")
        self.code = code
        self.rule = rule
        self.iterations = iterations
        self.factor = factor
        self.schedule = schedule
        self._graph = graph.indptr.astype(np.int32), graph.indices.astype(np.int32)

    @overload
    def decode(self, llr: torch.Tensor) -> Decoded: ...

    @overload
    def decode(self, llr: Array) -> Decoded[Array]: ...

    def decode(self, llr: torch.Tensor | Array) -> Decoded | Decoded[Array]:
        """Decode channel LLRs log p(0)/p(1), float (batch, n), into a `Decoded` of their kind, on their device.

        Positive means bit 0. Sionna's LLRs are log p(1)/p(0): negate those.
        """
        from semrobust.phy import belief

        nodes, (schedule, rule, factor) = self._nodes(llr), self._method
        words = len(nodes)
        posterior = np.empty_like(nodes)
        iterations, passed = np.empty(words, np.int32), np.empty(words, np.bool_)

        def part(rows: slice) -> None:
            belief.decode(
                *self._graph, nodes[rows], schedule, rule, factor, self.iterations,
                posterior[rows], iterations[rows], passed[rows],
            )  # fmt: skip

        _spread(part, words)
        bits = posterior[:, self.code.information_nodes] <= 0
        found = (bits.view(np.uint8), passed, iterations.astype(np.int64), posterior)
        if isinstance(llr, np.ndarray):
            return Decoded(*found)
        return Decoded(*(torch.from_numpy(array).to(llr.device) for array in found))

    def gradient(self, llr: torch.Tensor, weights: torch.Tensor, iterations: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Posteriors (batch, nodes) after exactly `iterations` passes and d(Σ weights·posterior)/d(llr) (batch, n).

        `weights` float (batch, nodes). The derivative is that of the iterations as `decode` runs them. Where a word's
        grows beyond 2^32 it is scaled down by a power of two: finite at any depth, with the right direction.
        """
        from semrobust.phy import adjoint

        nodes, (schedule, rule, factor) = self._nodes(llr), self._method
        if iterations < 0:
            raise ValueError(f"iterations = {iterations} must not be negative")
        if weights.shape != nodes.shape:
            raise ValueError(f"weights of shape {tuple(weights.shape)}: expected {nodes.shape}")
        scale = np.ascontiguousarray(weights.detach().cpu().numpy(), dtype=np.float32)
        posterior, slope = np.empty_like(nodes), np.empty_like(nodes)

        def part(rows: slice) -> None:
            adjoint.gradient(
                *self._graph, nodes[rows], scale[rows], schedule, rule, factor, iterations,
                posterior[rows], slope[rows],
            )  # fmt: skip

        _spread(part, len(nodes))
        of_bits = torch.from_numpy(slope[:, self.code.channel_nodes])
        return torch.from_numpy(posterior).to(llr.device), of_bits.to(llr.device)

    @property
    def _method(self) -> tuple[int, int, np.float32]:
        return SCHEDULES.index(self.schedule), RULES.index(self.rule), np.float32(self.factor)

    def _nodes(self, llr: torch.Tensor | Array) -> Floats:
        """LLRs of all nodes (batch, nodes); what is not transmitted is unknown: 0."""
        from semrobust.phy.belief import CERTAIN

        if llr.ndim != 2 or llr.shape[1] != self.code.n:
            raise ValueError(f"LLRs of shape {tuple(llr.shape)}: expected (batch, {self.code.n})")
        values = llr if isinstance(llr, np.ndarray) else llr.detach().cpu().numpy()
        if not np.isfinite(values).all():
            raise ValueError("LLRs are not finite: an infinite or NaN value cannot be decoded")
        nodes = np.zeros((len(values), self.code.nodes), np.float32)
        nodes[:, self.code.channel_nodes] = np.clip(values, -CERTAIN, CERTAIN)
        return nodes


def _spread(part: Any, words: int) -> None:
    """Call part(rows) for all words; the kernels release Python's lock, so threads do."""
    threads = torch.get_num_threads()
    size = max(_LEAST, min(-(-words // threads), _MOST))
    chunks = [slice(first, min(first + size, words)) for first in range(0, words, size)]
    if threads == 1 or len(chunks) <= 1:
        for chunk in chunks:
            part(chunk)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(part, chunks))
