"""Speed and error rate of our decoder beside those of pyldpc and Sionna, on the same noisy words.

Each round decodes with the three in turn, so that what else the machine does hits all alike; figures are medians over
rounds, ratios medians of the rounds' ratios. Everyone has all cores and its best batch size; Sionna may leave cores
idle, since on a busy machine torch's threads lose more by waiting for each other than they win. At most `ITERATIONS`
iterations: ours and pyldpc stop at a codeword (pyldpc when all words of its batch are), Sionna has no early stop.
"""

from __future__ import annotations

import os
import platform
import time
import warnings
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyldpc
import torch
from scipy import sparse, stats
from sionna.phy.fec.ldpc import LDPCBPDecoder

from semrobust.phy.channel import awgn
from semrobust.phy.decoder import RULES, Decoder
from semrobust.phy.ldpc import LdpcCode, nr_code, regular_code
from semrobust.phy.power import noise_variance

LENGTH, COLUMN_WEIGHT, ROW_WEIGHT = 768, 3, 6
SNR_DB = 1.95
"""Where about 4% of the words fail under Sionna's sum-product."""
ITERATIONS = 50
FACTORS = tuple(round(0.6 + 0.05 * step, 2) for step in range(9))

_ROUNDS, _WORDS = 5, 1000
_SECONDS = {"sionna": 12.0, "pyldpc": 3.0}  # per round; a machine that others use as well must not take hours
_FACTOR_WORDS = 10_000

Bits = torch.Tensor
Say = Callable[[torch.Tensor], Bits]
"""A decoder: LLRs (words, n) to decided coded bits (words, n)."""


def machine() -> dict[str, Any]:
    """Processor, number of cores this process may use, and the load that others put on it."""
    cpu = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        cpu = names[0] if names else cpu
    return {"cpu": cpu or platform.machine(), "cores": cores(), "load": round(os.getloadavg()[0], 2)}


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def sent_and_received(code: LdpcCode, words: int, snr_db: float, seed: int = 0) -> tuple[Bits, torch.Tensor]:
    """Random codewords (words, n) and their LLRs after ±1 signalling over AWGN."""
    generator = torch.Generator().manual_seed(seed)
    sent = code.encode(torch.randint(0, 2, (words, code.k), generator=generator, dtype=torch.uint8))
    received = awgn(1 - 2 * sent.float(), snr_db, torch.randn(words, code.n, generator=generator))
    return sent, 2 * received / noise_variance(snr_db)


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _batched(say: Say, threads: int, size: int, limit: float) -> Say:
    """Decodes batch by batch, as many words as begin within `limit` seconds."""

    def some(llr: torch.Tensor) -> Bits:
        torch.set_num_threads(threads)
        started, parts = time.perf_counter(), []
        for part in torch.split(llr, size):
            parts.append(say(part))
            if time.perf_counter() - started > limit:
                break
        return torch.cat(parts)

    return some


def _best(say: Say, llr: torch.Tensor, threads: set[int], sizes: tuple[int, ...]) -> tuple[int, int]:
    """Number of torch's threads and batch size of most words per second."""
    say(llr[: sizes[0]])

    def cost(way: tuple[int, int]) -> float:
        torch.set_num_threads(way[0])
        return seconds(lambda: say(llr[: way[1]])) / way[1]

    return min(product(sorted(threads), sizes), key=cost)


def _ours(code: LdpcCode, rule: str = "sum-product") -> Say:
    decoder = Decoder(code, rule, ITERATIONS)
    return lambda llr: (decoder.decode(llr).llr[:, code.channel_nodes] <= 0).to(torch.uint8)


def _sionna(code: LdpcCode) -> Say:
    engine = LDPCBPDecoder(
        sparse.csr_matrix(code.parity_check), cn_update="boxplus-phi", num_iter=ITERATIONS, hard_out=True, device="cpu"
    )
    return lambda llr: engine(-llr).to(torch.uint8)  # its LLRs have the other sign


def _pyldpc(code: LdpcCode, snr_db: float) -> Say:
    """pyldpc takes what was received and the SNR, of which it makes the noise variance 10^(-snr/10) per use, as we."""
    dense = code.parity_check.toarray().astype(np.int64)

    def say(llr: torch.Tensor) -> Bits:
        received = (llr.double() * noise_variance(snr_db) / 2).numpy()
        with warnings.catch_warnings(action="ignore"):  # it warns of each batch that does not converge
            words = pyldpc.decode(dense, received.T.copy(), snr_db, ITERATIONS)
        return torch.from_numpy(words.reshape(code.n, -1).T.astype(np.uint8))

    return say


def _rate(name: str, failed: torch.Tensor) -> dict[str, Any]:
    """Block error rate with its exact 95% interval."""
    result = stats.binomtest(int(failed.sum()), len(failed))
    interval = result.proportion_ci(0.95, "exact")
    low, high = (round(float(end), 5) for end in (interval.low, interval.high))
    return {f"fer_{name}": float(result.statistic), f"fer_{name}_interval": [low, high]}


def compare() -> dict[str, Any]:
    """Words per second of ours (`ours`, `ours_min_sum`), `pyldpc` and `sionna`, ratios, block error rates.

    Takes 1 to 2 minutes. Block error rates (`fer_...`) count words with any wrong coded bit; pyldpc decodes few words.
    """
    state = machine()
    before = torch.get_num_threads()
    try:
        return _measure(state)
    finally:
        torch.set_num_threads(before)


def _measure(state: dict[str, Any]) -> dict[str, Any]:
    code = regular_code(LENGTH, COLUMN_WEIGHT, ROW_WEIGHT, seed=0)
    sent, llr = sent_and_received(code, _ROUNDS * _WORDS, SNR_DB)
    ours, min_sum = _ours(code), _ours(code, "min-sum")
    sionna, pyldpc_ = _sionna(code), _pyldpc(code, SNR_DB)
    threads, batch = _best(sionna, llr, {1, state["cores"]}, (32, 64, 128, 256))
    _, batch_pyldpc = _best(pyldpc_, llr, {1}, (1, 4, 16))
    sionna = _batched(sionna, threads, batch, _SECONDS["sionna"])
    pyldpc_ = _batched(pyldpc_, 1, batch_pyldpc, _SECONDS["pyldpc"])
    speed: dict[str, list[float]] = {name: [] for name in ("ours", "ours_min_sum", "sionna", "pyldpc")}
    wrong: dict[str, list[torch.Tensor]] = {name: [] for name in speed}

    def run(name: str, say: Say, words: slice) -> None:
        torch.set_num_threads(state["cores"])
        started = time.perf_counter()
        said = say(llr[words])
        speed[name].append(len(said) / (time.perf_counter() - started))
        wrong[name].append((said != sent[words][: len(said)]).any(1))

    for say in (ours, min_sum):  # compiles
        say(llr[:64])
    for round_ in range(_ROUNDS):
        part = slice(round_ * _WORDS, (round_ + 1) * _WORDS)
        run("ours", ours, slice(None))
        run("sionna", sionna, part)
        run("ours_min_sum", min_sum, slice(None))
        run("pyldpc", pyldpc_, part)

    def median(values: list[float]) -> float:
        return float(f"{np.median(values):.4g}")

    result: dict[str, Any] = {name: median(values) for name, values in speed.items()}
    for other in ("pyldpc", "sionna"):
        result[f"ratio_{other}"] = median([mine / its for mine, its in zip(speed["ours"], speed[other], strict=True)])
    result |= _rate("ours", wrong["ours"][0]) | _rate("ours_min_sum", wrong["ours_min_sum"][0])
    result |= _rate("sionna", torch.cat(wrong["sionna"])) | _rate("pyldpc", torch.cat(wrong["pyldpc"]))
    return result | {
        "words": _ROUNDS * _WORDS,
        "words_sionna": sum(map(len, wrong["sionna"])),
        "words_pyldpc": sum(map(len, wrong["pyldpc"])),
        "rounds": _ROUNDS,
        "snr_db": SNR_DB,
        "n": LENGTH,
        "iterations": ITERATIONS,
        "threads_sionna": threads,
        "batch_sionna": batch,
        "batch_pyldpc": batch_pyldpc,
        **state,
    }


def factors() -> dict[str, list[float]]:
    """Block error rate of min-sum over `FACTORS` by code, last that of sum-product; fixed noise.

    Regular and 5G NR, n = 768, rate 1/2, at SNRs where some percent of the words fail.
    """
    codes = {
        f"regular ({COLUMN_WEIGHT}, {ROW_WEIGHT})": (regular_code(LENGTH, COLUMN_WEIGHT, ROW_WEIGHT, seed=0), SNR_DB),
        "5G NR": (nr_code(LENGTH // 2, LENGTH), 1.5),
    }
    table = {}
    for name, (code, snr_db) in codes.items():
        sent, llr = sent_and_received(code, _FACTOR_WORDS, snr_db, seed=1)
        methods = [(RULES[0], factor) for factor in FACTORS] + [(RULES[1], 1.0)]
        decided = [Decoder(code, rule, ITERATIONS, factor).decode(llr).llr for rule, factor in methods]
        table[f"{name}, {snr_db} dB"] = [
            float(((posterior[:, code.channel_nodes] <= 0) != sent).any(1).float().mean()) for posterior in decided
        ]
    return table


def report(measured: dict[str, Any], table: dict[str, list[float]]) -> str:
    """What `compare` and `factors` found, as text."""
    lines = [f"regular (3, 6) code, n = {measured['n']}, {measured['snr_db']} dB, at most {ITERATIONS} iterations"]
    lines.append(f"{measured['cpu']}, {measured['cores']} cores, load before the start {measured['load']}")
    lines.append("threads × batch of the others are their fastest; ours takes all words at once, on all cores")
    for name, what in {
        "ours": "ours, sum-product",
        "ours_min_sum": "ours, min-sum",
        "sionna": f"Sionna, sum-product, {measured['threads_sionna']} × {measured['batch_sionna']}",
        "pyldpc": f"pyldpc, sum-product, 1 × {measured['batch_pyldpc']}",
    }.items():
        low, high = measured[f"fer_{name}_interval"]
        rate = f"FER {measured[f'fer_{name}']:.4f} [{low:.4f}, {high:.4f}]"
        lines.append(f"{what:<38}{measured[name]:>10.0f} words/s   {rate}")
    lines.append(f"ours, sum-product: {measured['ratio_pyldpc']:.0f} × pyldpc, {measured['ratio_sionna']:.0f} × Sionna")
    lines.append("")
    lines.append(f"{'FER of min-sum by factor':<28}" + "".join(f"{factor:>8}" for factor in FACTORS) + " sum-prod")
    lines += [f"{name:<28}" + "".join(f"{rate:>8.4f}" for rate in rates) for name, rates in table.items()]
    return "\n".join(lines)
