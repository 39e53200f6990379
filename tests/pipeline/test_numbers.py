"""Numbers as people write them."""

from __future__ import annotations

import math

import pytest

from semrobust.pipeline.numbers import interval, number


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"), (-0.0, "0"), (1.0, "1"), (25.9123, "25.9"), (-0.041666, "−0.0417"), (999.6, "1,000"),
        (-1250.4, "−1,250"), (2485.68, "2,486"), (3e6, "3·10⁶"), (1.4e7, "1.4·10⁷"), (3.07609e-06, "3.08·10⁻⁶"),
        (-2.5e-7, "−2.5·10⁻⁷"), (0.0001, "0.0001"), (120.0, "120"), (math.inf, "∞"), (-math.inf, "−∞"), (math.nan, "–"),
    ],
)  # fmt: skip
def test_a_number(value: float, shown: str) -> None:
    assert number(value) == shown


def test_fewer_digits() -> None:
    assert [number(value, 1) for value in (1.26e7, 34.0, 0.26)] == ["1·10⁷", "34", "0.3"]


@pytest.mark.parametrize(
    ("value", "low", "high", "shown"),
    [
        (25.9123, 22.0, 30.7, "25.9 [22, 30.7]"),
        (-0.00733, -0.0525, 0.0379, "−0.00733 [−0.0525, 0.0379]"),
        (245587.0, 78638.0, math.inf, "245,587 [78,638, ∞]"),
        (0.0, -0.0, 0.2, "0 [0, 0.2]"),
        # an interval without width says nothing
        (0.0, -0.0, 0.0, "0"),
        (math.inf, math.inf, math.inf, "∞"),
        (3.0, math.nan, math.nan, "3"),
        (math.nan, math.nan, math.nan, "–"),
    ],
)
def test_an_interval(value: float, low: float, high: float, shown: str) -> None:
    assert interval(value, low, high) == shown
