"""Durations of made-up runs whose answer is known."""

from __future__ import annotations

import pytest

from semrobust.core.costs import Cost
from semrobust.core.dag import Node
from semrobust.core.estimate import Estimate, estimate

A, B, C, D = [("train", name) for name in "abcd"]


def cost(node: Node, seconds: float, threads: int = 1, preset: str = "run") -> Cost:
    return Cost(*node, preset=preset, seconds=seconds, threads=threads, output_bytes=0, source="metadata")


def of(after: dict[Node, list[Node]], *costs: Cost, cores: int, factors: tuple[float, float] = (1, 1)) -> Estimate:
    found = estimate(after, costs, "run", cores, factors)
    assert found is not None
    return found


def test_one_core_does_all_the_work() -> None:
    found = of({A: [], B: [A], C: []}, cost(A, 10), cost(B, 20), cost(C, 30), cores=1)
    assert found.low == found.high == found.work == 60


def test_independent_jobs_share_the_cores_and_a_chain_does_not() -> None:
    jobs = [cost(node, 10) for node in (A, B, C, D)]
    apart = of({A: [], B: [], C: [], D: []}, *jobs, cores=4)
    assert (apart.low, apart.high) == (10, 17.5)  # 40/4 + 3/4 · 10: Graham's bound for any order
    chained = of({A: [], B: [A], C: [B], D: [C]}, *jobs, cores=4)
    assert chained.low == 40
    assert chained.chain == (A, B, C, D)


def test_the_longest_chain_is_the_slowest_one_not_the_one_with_most_jobs() -> None:
    found = of({A: [], B: [A], C: [B], D: []}, cost(A, 1), cost(B, 1), cost(C, 1), cost(D, 50), cores=8)
    assert found.chain == (D,)
    assert found.low == 50


@pytest.mark.parametrize(("cores", "low"), [(1, 20), (2, 10), (4, 10)])
def test_a_job_of_two_threads_takes_two_cores(cores: int, low: float) -> None:
    assert of({A: []}, cost(A, 10, threads=2), cores=cores).low == low


def test_speed_scales_and_its_range_widens_the_estimate() -> None:
    found = of({A: []}, cost(A, 100), cores=1, factors=(0.5, 2.0))
    assert (found.low, found.high) == (50, 200)


def test_what_was_not_timed_counts_as_the_median_of_its_rule_and_is_said() -> None:
    after: dict[Node, list[Node]] = {A: [], B: [], C: [], D: [], ("table", "t"): [A]}
    found = of(after, cost(A, 1), cost(B, 3), cost(C, 100), cost(D, 7, preset="other"), cores=1)
    assert found.work == 1 + 3 + 100 + 3
    assert (found.jobs, found.measured, found.unknown) == (5, 3, ("table",))


def test_a_run_of_which_nothing_is_known_has_no_estimate() -> None:
    assert estimate({A: []}, [cost(A, 1, preset="other")], "run", 1, (1, 1)) is None
