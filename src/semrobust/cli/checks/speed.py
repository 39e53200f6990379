"""How fast this machine does the kinds of work that jobs are made of, and how long a run would take on it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from semrobust.cli.checks.finding import Finding, Setting
from semrobust.core import dag
from semrobust.core.estimate import Estimate, estimate
from semrobust.core.params import Params

REFERENCE = Path("benchmarks/machine.json")
"""The machine on which `benchmarks/jobs.csv` was measured: what it is, and its `rates`."""

_ROUND_S = 0.08


def rates(rounds: int = 5) -> dict[str, float]:
    """Steps per second of one core of each kind of work: a network's gradient, arithmetic on arrays, plain Python.

    Processor time is counted, not wall time, and of `rounds` rounds the best: what else the machine does should not
    count, though it still does a little, since cores share caches.
    """
    import numpy as np
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    layer = torch.nn.Conv2d(16, 16, 3, padding=1)
    images = torch.full((8, 16, 16, 16), 0.5)
    messages = np.linspace(-4, 4, 50_000, dtype=np.float32)

    def network() -> None:
        layer(images).square().mean().backward()

    def arrays() -> None:
        np.log1p(np.exp(-np.abs(np.tanh(messages)))).sum()

    def plain() -> None:
        json.loads(json.dumps({str(number): number * number for number in range(2000)}))

    try:
        return {"network": _rate(network, rounds), "arrays": _rate(arrays, rounds), "python": _rate(plain, rounds)}
    finally:
        torch.set_num_threads(before)


def _rate(work: Callable[[], None], rounds: int) -> float:
    work()
    best = 0.0
    for _ in range(rounds):
        done, started = 0, time.process_time()
        while (spent := time.process_time() - started) < _ROUND_S:
            work()
            done += 1
        best = max(best, done / spent)
    return best


def duration(setting: Setting) -> Iterator[Finding]:
    """The time that a whole run takes here, from nothing."""
    params = setting.params
    if not isinstance(params, Params):
        return
    try:
        reference = json.loads(REFERENCE.read_text(encoding="utf-8"))
        there = {kind: float(rate) for kind, rate in reference["rates"].items()}
    except (OSError, ValueError, KeyError) as error:
        yield Finding(
            "warning", "duration", f"not known: {REFERENCE} cannot be read ({error})", "run in the project's root"
        )
        return
    if not setting.costs:
        yield Finding(
            "ok", "duration", f"not known: no job of the run '{params.run}' was ever timed (benchmarks/jobs.csv)"
        )
        return
    here = rates()
    speeds = {kind: here[kind] / rate for kind, rate in there.items()}
    factors = min(speeds.values()), max(speeds.values())
    found = estimate(dag.nodes(params), setting.costs, params.run, setting.cores, factors)
    if found is not None:
        yield _said(found, speeds, setting.cores, params.run)


def _said(found: Estimate, speeds: dict[str, float], cores: int, run: str) -> Finding:
    timed = f"{found.measured} of its {found.jobs} jobs were timed (benchmarks/jobs.csv)"
    if 2 * found.measured < found.jobs:
        return Finding("ok", "duration", f"not known of the run '{run}': only {timed}")
    slow, fast = min(speeds.values()), max(speeds.values())
    if found.unknown:
        text = (
            f"a whole '{run}' takes more than {clock(found.low)} on {cores} cores: no job of {', '.join(found.unknown)}"
        )
        text += " was ever timed"
    else:
        text = f"a whole '{run}' takes {clock(found.low)} to {clock(found.high)} on {cores} cores, without a GPU"
    basis = (
        f"{timed}, the others count as the median of their rule: {clock(found.work)} of one core's work on "
        f"the machine of benchmarks/machine.json; a core here is {slow:.2f} to {fast:.2f} times as fast"
    )
    details = {
        "seconds_low": round(found.low),
        "seconds_high": round(found.high),
        "core_seconds_of_reference": round(found.work),
        "jobs": found.jobs,
        "jobs_timed": found.measured,
        "rules_never_timed": list(found.unknown),
        "longest_chain": [" ".join(node) for node in found.chain],
        "speeds": {kind: round(speed, 3) for kind, speed in speeds.items()},
    }
    load = os.getloadavg()[0]
    if load > cores / 2:
        basis += f"; others are at work here (load {load:.1f}), which makes it slower still"
    return Finding("ok", "duration", text, basis, details)


def clock(seconds: float) -> str:
    """A duration in the unit that fits it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
