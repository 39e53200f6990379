"""How the decoder's speed scales with batch, code length and cores, and how near it comes to the processor's limits."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import sparse

from semrobust.phy import roofline
from semrobust.phy.bench import COLUMN_WEIGHT, ITERATIONS, LENGTH, ROW_WEIGHT, cores, machine, seconds
from semrobust.phy.decoder import RULES, Decoder
from semrobust.phy.ldpc import LdpcCode, regular_code
from semrobust.phy.power import noise_variance

SNR_DB = 2.0
BATCHES = tuple(4**power for power in range(8))
LENGTHS = (96, 192, 384, 768, 1536, 3072, 6144)

_WORDS, _LEAST = 4096, 512
_REPEATS = 9
_PACKAGES = ("semrobust", "numba", "llvmlite", "numpy", "torch")


def _graph(n: int) -> LdpcCode:
    """A code to decode all-zero words on. Only the graph is right: a generator of thousands of bits takes a minute."""
    if n <= LENGTH:
        return regular_code(n, COLUMN_WEIGHT, ROW_WEIGHT, seed=0)
    import pyldpc

    parity_check = np.asarray(pyldpc.parity_check_matrix(n, COLUMN_WEIGHT, ROW_WEIGHT, 0), np.uint8)
    every = np.arange(n, dtype=np.int64)
    return LdpcCode("custom", 1, n, sparse.csr_array(parity_check), np.zeros((1, n), np.uint8), every, every[:1])


def _row(sweep: str, code: LdpcCode, rule: str, batch: int, threads: int) -> dict[str, Any]:
    """Speed of decoding batch after batch, from the least disturbed of some repeats (as the ceilings are)."""
    words = max(batch, _LEAST)
    generator = torch.Generator().manual_seed(0)
    variance = noise_variance(SNR_DB)
    llr = 2 * (1 + variance**0.5 * torch.randn(words, code.n, generator=generator)) / variance
    torch.set_num_threads(threads)
    decoder = Decoder(code, rule, ITERATIONS)
    iterations = float(decoder.decode(llr).iterations.sum())
    batches = torch.split(llr, batch)
    spent = min(seconds(lambda: [decoder.decode(part) for part in batches]) for _ in range(_REPEATS))
    return {
        "sweep": sweep,
        "rule": rule,
        "batch": batch,
        "n": code.n,
        "cores": threads,
        "iterations": iterations / words,
        "words_per_second": words / spent,
        "updates_per_second": iterations * code.parity_check.nnz / spent,
    }


def measure() -> tuple[pd.DataFrame, dict[str, Any]]:
    """Table of all timings, and machine, versions and shares of the processor's limits; takes two minutes.

    Columns: `sweep` (batch, n or cores: what varies), `rule`, `batch` (words per call), `n`, `cores`, `iterations`
    (mean per word), `words_per_second`, `updates_per_second` (edges · iterations).
    """
    state, all_cores, before = machine(), cores(), torch.get_num_threads()
    code = _graph(LENGTH)
    try:
        rows = [_row("batch", code, rule, batch, all_cores) for rule in RULES for batch in BATCHES]
        for n in LENGTHS:
            graph = _graph(n)
            rows += [_row("n", graph, rule, _WORDS * LENGTH // max(n, LENGTH), all_cores) for rule in RULES]
        rows += [_row("cores", code, rule, _WORDS, count) for rule in RULES for count in range(1, all_cores + 1)]
    finally:
        torch.set_num_threads(before)
    table = pd.DataFrame(rows)
    limits = {count: roofline.ceilings(count) for count in sorted({1, all_cores})}
    shares = {}
    for rule in RULES:
        demand = roofline.demand(rule, ROW_WEIGHT)
        at_most = table[(table["sweep"] == "cores") & (table["rule"] == rule)].set_index("cores")["updates_per_second"]
        shares[rule] = {"demand_per_edge_and_iteration": demand}
        for count, limit in limits.items():
            updates = float(at_most[count])
            shares[rule][f"cores_{count}"] = {
                "operations_per_second": updates * demand["operations"],
                "share_of_operations": updates * demand["operations"] / limit["operations"],
                "share_of_bytes_l2": updates * demand["bytes_state"] / limit["bytes_l2"],
                "share_of_bytes_l1": updates * demand["bytes_all"] / limit["bytes_l1"],
            }
    return table, {
        "machine": state | {"system": platform.system(), "python": platform.python_version()},
        "versions": {name: metadata.version(name) for name in _PACKAGES},
        "code": {"n": LENGTH, "weights": [COLUMN_WEIGHT, ROW_WEIGHT], "snr_db": SNR_DB, "iterations": ITERATIONS},
        "ceilings_per_second": {f"cores_{count}": limit for count, limit in limits.items()},
        "rules": shares,
    }
