"""How long jobs take together that wait for each other, on some cores.

Work is counted in core-seconds: a job of t threads that takes s seconds is t·s of them. With W all work and C the
longest chain of jobs that wait for each other, p cores need at least max(W/p, C), and a scheduler that leaves no core
idle on purpose needs at most W/p + (1 - 1/p)·C (Graham 1969; for jobs of one thread, which most are).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from semrobust.pipeline.dag import Node


class Took(Protocol):
    """What one job takes."""

    @property
    def seconds(self) -> float: ...

    @property
    def threads(self) -> int: ...


@dataclass(frozen=True)
class Together:
    """Wall time of all jobs, in seconds.

    Attributes:
        low, high: between these, whatever the order.
        work: core-seconds.
        chain: the jobs of the longest chain, first to last.
    """

    low: float
    high: float
    work: float
    chain: tuple[Node, ...]


def together(after: Mapping[Node, Sequence[Node]], took: Mapping[Node, Took], cores: int) -> Together:
    """Bound the time of the jobs `after` (`core.dag.nodes`) on `cores` cores, if nothing else is done there."""
    work = sum(took[node].seconds * took[node].threads for node in after)
    ends, before = _ends(after, took, cores)
    chain = [max(ends, key=ends.__getitem__)]
    length = ends[chain[0]]
    while (previous := before[chain[-1]]) is not None:
        chain.append(previous)
    return Together(max(work / cores, length), work / cores + (1 - 1 / cores) * length, work, tuple(reversed(chain)))


def _ends(
    after: Mapping[Node, Sequence[Node]], took: Mapping[Node, Took], cores: int
) -> tuple[dict[Node, float], dict[Node, Node | None]]:
    """When each job ends if no core is ever missing, and the one that it waited for longest.

    A job with more threads than there are cores takes that much longer.
    """
    ends: dict[Node, float] = {}
    before: dict[Node, Node | None] = {}
    for node, needs in after.items():
        before[node] = max(needs, key=lambda need: ends[need], default=None)
        start = 0.0 if (last := before[node]) is None else ends[last]
        ends[node] = start + took[node].seconds * max(1.0, took[node].threads / cores)
    return ends, before
