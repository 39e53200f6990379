"""What all claims share: how an interval decides, and what a run that lacks a system says."""

from __future__ import annotations

from collections.abc import Callable
from math import nan

import pandas as pd
import pytest

from semrobust.claims.claim import Finding, above, below, share
from semrobust.pipeline.verdicts import DIRECTION, FAILS, HOLDS, INCONCLUSIVE, UNTESTED  # fmt: skip
from tests.claims.judging import NAMES, Tables, verdict


@pytest.mark.parametrize(
    ("low", "high", "large", "small"),
    [
        (1.1, 3.0, HOLDS, FAILS), (0.5, 3.0, DIRECTION, INCONCLUSIVE), (0.5, 0.8, DIRECTION, DIRECTION),
        # no difference is inside, whatever the sign of the value
        (-0.1, 3.0, INCONCLUSIVE, INCONCLUSIVE), (0.0, 0.5, INCONCLUSIVE, DIRECTION),
        # nothing of it speaks for the claim
        (-2.0, -0.1, FAILS, HOLDS), (0.0, 0.0, FAILS, HOLDS), (nan, nan, INCONCLUSIVE, INCONCLUSIVE),
    ],
)  # fmt: skip
def test_the_whole_interval_decides(low: float, high: float, large: str, small: str) -> None:
    for value in (low, (low + high) / 2, high):
        assert above("x", value, (low, high), limit=1.0, least=0.0) == Finding(large, "x", value, low, high)
        assert below("x", value, (low, high), limit=0.0, most=1.0).verdict == small


@pytest.mark.parametrize(
    ("points", "expected"),
    [("+++", HOLDS), ("++-", DIRECTION), ("++?", DIRECTION), ("+-?", INCONCLUSIVE), ("+--", FAILS), ("+-", FAILS)],
)
def test_points_that_are_undecided_count_for_nobody(points: str, expected: str) -> None:
    ends = pd.DataFrame([{"+": (1.1, 2.0), "-": (0.1, 0.9), "?": (0.9, 1.1)}[point] for point in points])
    found = share("x", ends[0], ends[1], 1.0)
    assert found is not None
    assert found.verdict == expected
    assert len(points) * found.low == pytest.approx(points.count("+"))
    assert len(points) * found.high == pytest.approx(len(points) - points.count("-"))
    assert share("x", ends[0][:0], ends[1][:0], 1.0) is None


@pytest.mark.parametrize("change", [lambda table: table.iloc[:0], lambda table: table[table["system"] == "nobody"]])
def test_what_the_run_lacks_is_not_testable(samples: Tables, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    nothing = {name: change(table) for name, table in samples.items()}
    assert {verdict(name, nothing).verdict for name in NAMES} == {UNTESTED}
