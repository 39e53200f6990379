"""Durations of made-up runs whose answer is known."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import pytest

from semrobust.pipeline.dag import Node
from semrobust.pipeline.schedule import together

A, B, C, D = [("train", name) for name in "abcd"]


@dataclass(frozen=True)
class Job:
    seconds: float
    threads: int = 1


def test_one_core_does_all_the_work() -> None:
    found = together({A: [], B: [A], C: []}, {A: Job(10), B: Job(20), C: Job(30)}, cores=1)
    assert found.low == found.high == found.work == 60


def test_independent_jobs_share_the_cores_and_a_chain_does_not() -> None:
    jobs = dict.fromkeys((A, B, C, D), Job(10))
    apart = together({A: [], B: [], C: [], D: []}, jobs, cores=4)
    assert (apart.low, apart.high) == (10, 17.5)  # 40/4 + 3/4 · 10
    chained = together({A: [], B: [A], C: [B], D: [C]}, jobs, cores=4)
    assert chained.low == 40
    assert chained.chain == (A, B, C, D)


def test_the_longest_chain_is_the_slowest_one_not_the_one_with_most_jobs() -> None:
    found = together({A: [], B: [A], C: [B], D: []}, {A: Job(1), B: Job(1), C: Job(1), D: Job(50)}, cores=8)
    assert found.chain == (D,)
    assert found.low == 50


@pytest.mark.parametrize(("cores", "low"), [(1, 20), (2, 10), (4, 10)])
def test_a_job_of_two_threads_takes_two_cores(cores: int, low: float) -> None:
    assert together({A: []}, {A: Job(10, threads=2)}, cores).low == low


def test_no_order_of_the_jobs_leaves_the_bounds() -> None:
    """A scheduler that starts what is ready, with the jobs ranked in every order."""
    after: dict[Node, list[Node]] = {A: [], B: [], C: [], D: [A]}
    jobs = {A: Job(3), B: Job(2), C: Job(2), D: Job(9)}
    bounds = together(after, jobs, cores=2)
    for order in permutations(after):
        assert bounds.low <= _greedy(after, jobs, order, cores=2) <= bounds.high


def _greedy(after: dict[Node, list[Node]], jobs: dict[Node, Job], order: tuple[Node, ...], cores: int) -> float:
    """Wall time when the first ready job of the order starts as soon as a core is free."""
    now, running, done, waiting = 0.0, dict[Node, float](), set[Node](), list(order)
    while waiting or running:
        for node in [node for node in waiting if done.issuperset(after[node])][: cores - len(running)]:
            running[node] = now + jobs[node].seconds
            waiting.remove(node)
        now = min(running.values())
        for node in [node for node, end in running.items() if end == now]:
            done.add(node)
            del running[node]
    return now
