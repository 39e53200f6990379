"""The same work done in several ways, timed in turns: what else the machine does meanwhile hits all alike."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from typing import Any

Step = Callable[[], object]
Prepare = Callable[[], Step]
"""Gets a process ready for one way, and returns what is timed there. It can be pickled."""

_WARM_UP = 5
_ready: dict[str, Step] = {}


def race(ways: Mapping[str, Prepare], rounds: int, steps: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """By way: `seconds` of a step, the median over `rounds` of `steps` each; `first_step`, with what it takes to begin;
    and `ratio`, how many times as fast as the first way, the median of the rounds' ratios, with `ratio_range`.

    Each way has a process of its own, so that none inherits what another one loaded, compiled or left in memory.
    """
    spawn = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        pools = {name: stack.enter_context(ProcessPoolExecutor(1, mp_context=spawn)) for name in ways}
        begun = {name: pools[name].submit(_begin, prepare).result() for name, prepare in ways.items()}
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(rounds):
            for name, pool in pools.items():
                taken[name].append(pool.submit(_time, steps).result())
            tell(f"round {turn + 1}: " + ", ".join(f"{name} {1e3 * each[-1]:.1f} ms" for name, each in taken.items()))
    slowest = taken[next(iter(ways))]
    found = {}
    for name, each in taken.items():
        ratios = [first / own for first, own in zip(slowest, each, strict=True)]
        found[name] = {
            "seconds": statistics.median(each),
            "first_step": begun[name],
            "ratio": statistics.median(ratios),
            "ratio_range": [min(ratios), max(ratios)],
        }
    return found


def _begin(prepare: Prepare) -> float:
    started = time.perf_counter()
    step = _ready["step"] = prepare()
    step()
    seconds = time.perf_counter() - started
    for _ in range(_WARM_UP):
        step()
    return seconds


def _time(steps: int) -> float:
    started = time.perf_counter()
    for _ in range(steps):
        _ready["step"]()
    return (time.perf_counter() - started) / steps
