"""Instantons in fixed settings: what they need on all-zero words of three codes, and on Tanner's code without noise.

Per code: one search, then the attack `instantons` of the params on `WORDS` all-zero QPSK words per SNR, 50 layered
sum-product iterations. Tanner's code is decoded by flooding, as where its instantons were published (Chilappagari et
al., arXiv 1108.5547, and the works named there): there counts the least energy on the word without noise.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, NamedTuple, cast

import numpy as np
import torch

from semrobust.attacks.base import Attack, Target
from semrobust.attacks.code.instanton.patterns import Patterns, summary
from semrobust.attacks.code.instanton.search import quiet, rescheduled, search
from semrobust.attacks.search import attacked
from semrobust.config.params import Params
from semrobust.config.registry import ATTACKS
from semrobust.measure.bench_attacks import ZeroWords, target
from semrobust.phy.decoder import Decoder
from semrobust.phy.ldpc import LdpcCode, nr_code, regular_code
from semrobust.phy.power import noise_variance
from semrobust.phy.tanner import tanner_code
from semrobust.pipeline import seeds

WORDS = 32
_DIGITS = 4
_TRIED = 64  # patterns of which the least steady one is taken
_LENGTHS = np.linspace(0.98, 1.3, 161)  # relative to where it was found
_AROUND = 10  # lengths, 2%


class Case(NamedTuple):
    """A code with its decoder, what is allowed per SNR of noisy words, and of the word without noise."""

    code: Callable[[], LdpcCode]
    decoder: dict[str, Any]
    bars: dict[float, float]
    least: float | None = None
    snr_db: float | None = None


_LAYERED = {"rule": "sum-product", "iterations": 50}
CASES = {
    "regular_4_6": Case(lambda: regular_code(768, 4, 6, 0), _LAYERED, {20.0: 49.0, 12.0: 45.0, 8.0: 40.0}),
    "regular_3_6": Case(
        lambda: regular_code(768, 3, 6, 0), _LAYERED, {20.0: 13.4, 10.0: 10.1, 6.0: 6.7, 4.0: 4.4, 2.0: 0.90}
    ),
    "nr_1_2": Case(lambda: nr_code(384, 768), _LAYERED, {20.0: 15.8}),
    "tanner_min_sum": Case(
        tanner_code, {"rule": "min-sum", "iterations": 4, "factor": 1.0, "schedule": "flooding"}, {}, 10.20
    ),
    "tanner_sum_product": Case(
        tanner_code, {"rule": "sum-product", "iterations": 50, "schedule": "flooding"}, {}, 11.6, 2.0
    ),
}


def measure(
    params: Params, names: Iterable[str] = CASES, done: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Per case the patterns, the mean ||s||² per SNR and the share of words that fail, each beside its bar."""
    torch.set_num_threads(params.compute.job_threads)
    (attack, *_) = (entry for entry in params.attacks.values() if ATTACKS[entry.kind].knows_instantons)
    method = cast("type[Attack]", ATTACKS[attack.kind])(attack)
    found: dict[str, Any] = {}
    for name in names:
        case = CASES[name]
        decoder, started = Decoder(case.code(), **case.decoder), time.process_time()
        given = params.instantons
        if case.snr_db is not None:
            given = given.model_copy(update={"snr_db": case.snr_db})
        patterns = search(decoder, given, seeds.integer(params.seed, "bench", "instantons", name))
        seconds = time.process_time() - started
        energy = float(patterns.energies[0])
        done(f"{name}: least {energy:.3f} without noise, {seconds:.0f} s of search")
        found[name] = {
            "decoder": {"schedule": decoder.schedule, **case.decoder},
            "settings": given.model_dump(),
            "search_cpu_seconds": round(seconds, 1),
            "least": energy,
            **({} if case.least is None else {"bar": case.least, "met": energy <= case.least}),
            **summary(patterns),
            "steady": _steady(decoder, patterns),
            "words": {},
        }
        for snr_db, bar in case.bars.items():
            aimed = target(ZeroWords(decoder.code, decoder), None, snr_db, params.seed, WORDS)
            row = _needed(method, replace(aimed, patterns=patterns), bar)
            found[name]["words"][f"{snr_db:g}"] = row
            done(f"{name} at {snr_db:g} dB: {row['power_total_mean']:.2f}, bar {bar:g}, {row['success']:.0%} fail")
    return found


def _needed(method: Attack, aimed: Target, bar: float) -> dict[str, Any]:
    """What the attack needs on noisy words of one SNR."""
    started = time.process_time()
    (result,) = attacked(method, [aimed])
    mean, success = float(result.power_total.mean()), float(result.success.float().mean())
    return {
        "power_total_mean": mean,
        "success": success,
        "bar": bar,
        "met": mean <= bar and success == 1.0,
        "cpu_seconds": round(time.process_time() - started, 1),
    }


def _steady(decoder: Decoder, patterns: Patterns) -> dict[str, Any]:
    """The least pattern that fails however it is rounded: in few digits, and up to 2% shorter or longer; {} if none.

    The least ones of all may fail at single lengths only, among others that are decoded.
    """
    word = quiet(decoder, noise_variance(float(patterns.snr_db[0])))
    found: list[tuple[float, torch.Tensor]] = []
    for pushes in patterns.pushes[:_TRIED]:
        tried = torch.from_numpy(np.round(_LENGTHS[:, None] * pushes, _DIGITS))
        failed = word.fails(-tried, torch.zeros(len(tried), dtype=torch.int64)).numpy()
        steady = np.lib.stride_tricks.sliding_window_view(failed, 2 * _AROUND + 1).all(axis=1)
        if steady.any():
            push = tried[int(steady.argmax()) + _AROUND]
            found.append((float(push.double().square().sum()), push))
    if not found:
        return {}
    energy, push = min(found, key=lambda pair: pair[0])
    elsewhere = replace(word, decoder=rescheduled(decoder))
    bits = push.nonzero().squeeze(1)
    return {
        "bits": bits.tolist(),
        "pushes": [round(value, _DIGITS) for value in push[bits].double().tolist()],
        "energy": energy,
        "fails_with_the_other_schedule": bool(elsewhere.fails(-push[None], torch.zeros(1, dtype=torch.int64))),
    }
