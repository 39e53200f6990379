"""What all claims share: how an interval decides, and what a run that lacks a system says."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from semrobust.claims.claim import DIRECTION, FAILS, HOLDS, UNTESTED, judged
from tests.claims.judging import NAMES, Tables, verdict


@pytest.mark.parametrize(("low", "value", "expected"), [(0.1, 0.2, HOLDS), (-0.1, 0.1, DIRECTION), (-0.3, -0.1, FAILS)])
def test_interval_decides_then_the_sign(low: float, value: float, expected: str) -> None:
    assert judged(value, low, 1.0, "x").verdict == expected


@pytest.mark.parametrize("change", [lambda table: table.iloc[:0], lambda table: table[table["system"] == "nobody"]])
def test_what_the_run_lacks_is_not_testable(samples: Tables, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    nothing = {name: change(table) for name, table in samples.items()}
    assert {verdict(name, nothing).verdict for name in NAMES} == {UNTESTED}
