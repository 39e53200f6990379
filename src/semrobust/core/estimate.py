"""How long a run takes, from what its jobs took elsewhere (`core.costs`) and how fast this machine is beside that one.

Work is counted in core-seconds: a job of t threads that took s seconds is t·s of them. With W all work and C the
longest chain of jobs that wait for each other, p cores need at least max(W/p, C), and a scheduler that leaves no core
idle on purpose needs at most W/p + (1 - 1/p)·C (Graham 1969; for jobs of one thread, which most are).
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from semrobust.core.costs import Cost
from semrobust.core.dag import Node


@dataclass(frozen=True)
class Estimate:
    """Wall time of a whole run on some cores; all times in seconds.

    Attributes:
        low, high: between these, if this machine is between `slow` and `fast` times as fast as the other one.
        work: core-seconds on the other machine.
        chain: the jobs of the longest chain, first to last.
        jobs, measured: how many there are, and of how many a time is known; the others count as the median job of
            their rule.
        unknown: rules of which no job was ever timed in this run; they count as nothing.
    """

    low: float
    high: float
    work: float
    chain: tuple[Node, ...]
    jobs: int
    measured: int
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class _Job:
    seconds: float
    threads: int


def estimate(
    after: Mapping[Node, Sequence[Node]], costs: Iterable[Cost], run: str, cores: int, factors: tuple[float, float]
) -> Estimate | None:
    """Estimate a run of the jobs `after` (`core.dag.nodes`) on `cores` cores; None if none of its jobs was ever timed.

    `factors` are the least and the largest speed of this machine ÷ that of the one where `costs` were measured.
    """
    known = {(cost.rule, cost.name): cost for cost in costs if cost.preset == run}
    if not known.keys() & after.keys():
        return None
    of_rule: dict[str, list[Cost]] = {}
    for cost in known.values():
        of_rule.setdefault(cost.rule, []).append(cost)
    jobs = {node: _job(node, known, of_rule) for node in after}
    work = sum(job.seconds * job.threads for job in jobs.values())
    ends, before = _ends(after, jobs, cores)
    last = max(ends, key=ends.__getitem__)
    length, chain = ends[last], [last]
    while (previous := before[chain[-1]]) is not None:
        chain.append(previous)
    slow, fast = factors
    return Estimate(
        low=max(work / cores, length) / fast,
        high=(work / cores + (1 - 1 / cores) * length) / slow,
        work=work,
        chain=tuple(reversed(chain)),
        jobs=len(jobs),
        measured=len(known.keys() & after.keys()),
        unknown=tuple(sorted({rule for rule, _ in after} - of_rule.keys())),
    )


def _job(node: Node, known: Mapping[Node, Cost], of_rule: Mapping[str, list[Cost]]) -> _Job:
    if node in known:
        return _Job(known[node].seconds, known[node].threads)
    alike = of_rule.get(node[0])
    if not alike:
        return _Job(0.0, 1)
    return _Job(statistics.median(cost.seconds for cost in alike), round(statistics.median(c.threads for c in alike)))


def _ends(
    after: Mapping[Node, Sequence[Node]], jobs: Mapping[Node, _Job], cores: int
) -> tuple[dict[Node, float], dict[Node, Node | None]]:
    """When each job ends if no core is ever missing, and the one that it waited for longest.

    A job with more threads than there are cores takes that much longer.
    """
    ends: dict[Node, float] = {}
    before: dict[Node, Node | None] = {}
    for node, needs in after.items():
        before[node] = max(needs, key=lambda need: ends[need], default=None)
        start = 0.0 if (last := before[node]) is None else ends[last]
        ends[node] = start + jobs[node].seconds * max(1.0, jobs[node].threads / cores)
    return ends, before
