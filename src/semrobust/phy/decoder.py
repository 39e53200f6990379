"""Belief-propagation decoding of LDPC codes: channel LLRs in, message bits and the decoder's own verdict out.

The engine is Sionna's flooding decoder on the code's Tanner graph. Nothing outside `Decoder._start` and
`Decoder._advance` knows that, so another engine can take its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from semrobust.core.lazy import LazyModule
from semrobust.phy.ldpc import LdpcCode

if TYPE_CHECKING:
    import torch
    from scipy import sparse
    from sionna.phy.fec import ldpc as sionna_ldpc
else:
    torch = LazyModule("torch")
    sparse = LazyModule("scipy.sparse")
    sionna_ldpc = LazyModule("sionna.phy.fec.ldpc")

CHECK_NODES = ("boxplus-phi", "boxplus", "minsum", "offset-minsum")
"""Check-node rules: the first two are sum-product (phi is the stable form), the others approximate it."""

LLR_MAX = 20.0
"""Clipping of LLRs and messages; float32 cannot tell a larger certainty in the phi domain anyway."""

_BATCH = 64  # words decoded side by side: bounds memory; larger batches are slower once they leave the cache


@dataclass(frozen=True, eq=False)
class Decoded:
    """Result of a batch: `bits` uint8 (batch, k), `codeword_ok` bool (batch,), `iterations` int64 (batch,).

    `codeword_ok` is the decoder's verdict (all checks hold), not the truth: an undetected error has it too.
    """

    bits: torch.Tensor
    codeword_ok: torch.Tensor
    iterations: torch.Tensor


class Decoder:
    """Decoder of one code with at most `iterations` flooding iterations, stopping at a zero syndrome.

    A word's result depends on that word alone, not on its batch. Words whose hard decisions are already a
    codeword take 0 iterations: that codeword is the maximum-likelihood one. A bit whose final LLR is exactly
    0 is decided 1, so an erased word does not pass for the all-zero codeword of a zero-codeword experiment.
    `check_node` is one of `CHECK_NODES`; LLRs are clipped to ±`llr_max`.
    """

    def __init__(
        self,
        code: LdpcCode,
        iterations: int = 50,
        check_node: str = "boxplus-phi",
        llr_max: float = LLR_MAX,
    ) -> None:
        if iterations < 1:
            raise ValueError(f"iterations = {iterations} must be at least 1")
        if check_node not in CHECK_NODES:
            raise ValueError(f"unknown check node rule {check_node!r}: choose one of {', '.join(CHECK_NODES)}")
        if not llr_max > 0:
            raise ValueError(f"llr_max = {llr_max} must be positive")
        self.code = code
        self.iterations = iterations
        self.check_node = check_node
        self.llr_max = float(llr_max)
        self._on_device: dict[str, tuple[Any, torch.Tensor, torch.Tensor]] = {}

    def decode(self, llr: torch.Tensor) -> Decoded:
        """Decode channel LLRs log p(0)/p(1), float (batch, n), into a `Decoded` on the same device."""
        if llr.ndim != 2 or llr.shape[1] != self.code.n:
            raise ValueError(f"LLRs of shape {tuple(llr.shape)}: expected (batch, {self.code.n})")
        with torch.no_grad():
            llr = llr.detach().float()
            if not bool(torch.isfinite(llr).all()):
                raise ValueError("LLRs are not finite: an infinite or NaN value cannot be decoded")
            parts = [self._decode_batch(part) for part in torch.split(llr, _BATCH)]
            return Decoded(*(torch.cat(column) for column in zip(*parts, strict=True)))

    def _decode_batch(self, llr: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        engine, neighbours, message = self._start(llr.device)
        batch = llr.shape[0]
        # nodes that are not transmitted are unknown: LLR 0
        node_llr = llr.new_zeros(batch, self.code.nodes)
        node_llr[:, torch.from_numpy(self.code.channel_nodes).to(llr.device)] = llr
        words = node_llr <= 0
        passed = self._valid(words, neighbours)
        done = torch.zeros(batch, dtype=torch.int64, device=llr.device)
        active = torch.nonzero(~passed).squeeze(1)
        node_llr, state = node_llr[active], None
        for iteration in range(1, self.iterations + 1):
            if not active.numel():
                break
            # one iteration at a time: looking at the syndrome costs a tenth of an iteration and saves many
            decided, state = self._advance(engine, node_llr, state, 1)
            valid = self._valid(decided, neighbours)
            words[active], passed[active], done[active] = decided, valid, iteration
            if bool(valid.any()):
                going = ~valid
                active, node_llr, state = active[going], node_llr[going], state[going]
        return words[:, message].to(torch.uint8), passed, done

    def _start(self, device: torch.device) -> tuple[Any, torch.Tensor, torch.Tensor]:
        """Engine, nodes of each check padded with the index `nodes`, and message nodes, kept per device."""
        key = str(device)
        if key not in self._on_device:
            graph = self.code.parity_check
            engine = sionna_ldpc.LDPCBPDecoder(
                sparse.csr_matrix(graph),
                cn_update=self.check_node,
                hard_out=False,
                num_iter=self.iterations,
                llr_max=self.llr_max,
                return_state=True,
                precision="single",
                device="cuda:0" if key == "cuda" else key,
            )
            degree = np.diff(graph.indptr)
            table = np.full((graph.shape[0], int(degree.max())), self.code.nodes, dtype=np.int64)
            table[np.arange(table.shape[1]) < degree[:, None]] = graph.indices
            message = torch.from_numpy(self.code.information_nodes).to(device)
            self._on_device[key] = engine, torch.from_numpy(table).to(device), message
        return self._on_device[key]

    @staticmethod
    def _advance(
        engine: Any, node_llr: torch.Tensor, state: torch.Tensor | None, steps: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Run `steps` more iterations from the messages `state`: decided node bits (bool), new messages."""
        # Sionna takes and gives logits log p(1)/p(0), the negative of ours; its state is opaque to us
        logits, state = engine(-node_llr, num_iter=steps, msg_v2c=state)
        return logits >= 0, state

    @staticmethod
    def _valid(words: torch.Tensor, neighbours: torch.Tensor) -> torch.Tensor:
        """True for each word (batch, nodes) with a zero syndrome."""
        padded = torch.nn.functional.pad(words.to(torch.uint8), (0, 1))
        return ~(padded[:, neighbours].sum(-1, dtype=torch.uint8) % 2 == 1).any(1)
