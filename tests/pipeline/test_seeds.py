"""Named random streams: reproducible, independent of batching and of the order of calls."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semrobust.pipeline import seeds


@settings(max_examples=30, deadline=None)
@given(start=st.integers(0, 600), length=st.integers(0, 300), width=st.integers(1, 5))
def test_rows_do_not_depend_on_the_range_asked_for(start: int, length: int, width: int) -> None:
    every = seeds.gaussian_rows(7, "noise", start=0, stop=900, width=width)
    some = seeds.gaussian_rows(7, "noise", start=start, stop=start + length, width=width)
    assert some.dtype == np.float32
    assert np.array_equal(some, every[start : start + length])


def test_streams_differ_by_root_name_and_width() -> None:
    base = seeds.gaussian_rows(7, "noise", 1.0, start=0, stop=4, width=64)
    for root, name, width in ((8, ("noise", 1.0), 64), (7, ("noise", 2.0), 64), (7, ("noise", 1.0), 65)):
        other = seeds.gaussian_rows(root, *name, start=0, stop=4, width=width)
        assert abs(np.corrcoef(base.ravel(), other[:, :64].ravel())[0, 1]) < 0.3


def test_a_name_is_more_than_its_concatenation() -> None:
    assert seeds.integer(0, "ab", "c") != seeds.integer(0, "a", "bc")


def test_rows_are_standard_normal() -> None:
    rows = seeds.gaussian_rows(3, "noise", start=0, stop=512, width=1000)
    assert abs(rows.mean()) < 0.005
    assert abs(rows.var() - 1) < 0.01
    assert abs(np.corrcoef(rows[0], rows[256])[0, 1]) < 0.15  # first rows of two blocks


def test_order_of_draws_does_not_matter() -> None:
    first = seeds.generator(1, "a").random()
    seeds.generator(1, "b").random()
    assert seeds.generator(1, "a").random() == first


@pytest.mark.parametrize(("start", "stop"), [(-1, 3), (4, 3)])
def test_impossible_ranges_are_refused(start: int, stop: int) -> None:
    with pytest.raises(ValueError, match="not a range"):
        seeds.gaussian_rows(0, "noise", start=start, stop=stop, width=2)
