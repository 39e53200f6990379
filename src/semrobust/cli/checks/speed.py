"""How fast this machine does the kinds of work that jobs are made of, and how long a run would take on it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from semrobust.cli.checks.finding import Finding, Setting
from semrobust.config.params import Params
from semrobust.pipeline import costs, dag
from semrobust.pipeline.schedule import Together, together

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
        text = f"not known: {REFERENCE} cannot be read ({error})"
        yield Finding("warning", "duration", text, "run in the project's root")
        return
    took = setting.expected
    if not took:
        yield Finding("warning", "duration", f"not known: no {costs.TABLE} here", "run in the project's root")
        return
    timed = [job for job in took.values() if job.basis == "measured"]
    nodes = dag.nodes(params)
    found = together(nodes, took, setting.cores)
    here = rates()
    speeds = {kind: here[kind] / rate for kind, rate in there.items()}
    share = sum(job.seconds * job.threads for job in timed) / found.work
    basis = (
        f"{len(timed)} of its {len(nodes)} jobs were timed ({costs.TABLE}), {share:.0%} of the work; the others follow "
        f"from jobs like them. {clock(found.work)} of one core on the machine of {REFERENCE}; a core here is "
    )
    yield _said(
        found, speeds, setting.cores, f"a whole '{params.run}' takes {'about' if share > 0.5 else 'roughly'} ", basis
    )


def _said(found: Together, speeds: dict[str, float], cores: int, text: str, basis: str) -> Finding:
    slow, fast = min(speeds.values()), max(speeds.values())
    low, high, load = found.low / fast, found.high / slow, os.getloadavg()[0]
    span = dict.fromkeys((clock(low), clock(high)))
    text += f"{' to '.join(span)} on {cores} cores, without a GPU"
    basis += f"{slow:.2f} to {fast:.2f} times as fast"
    if load > cores / 2:
        basis += f"; others are at work here (load {load:.1f}), which makes it slower still"
    details = {
        "seconds_low": round(low),
        "seconds_high": round(high),
        "core_seconds_of_reference": round(found.work),
        "longest_chain": [" ".join(node) for node in found.chain],
        "speeds": {kind: round(speed, 3) for kind, speed in speeds.items()},
    }
    return Finding("ok", "duration", text, basis, details)


def clock(seconds: float) -> str:
    """A duration in the unit that fits it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
