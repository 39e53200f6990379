"""Per-image results of classifying systems, as their tables read them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from semrobust.pipeline.work import Work
from semrobust.tables.table import Row, samples


def classified(work: Work) -> Iterator[tuple[str, pd.DataFrame]]:
    """Every system with its rows, in the order of the params."""
    for system, found in work.inputs("accuracy").items():
        yield system, samples(found)


def accuracy(right: npt.NDArray[np.bool_]) -> Row:
    """The share of images classified correctly, with its Wilson score interval.

    That interval stays honest near 0, where resampling an all-wrong sample would give one of no width.
    """
    from scipy.stats import binomtest  # takes longer to import than the rest of the job, and a plan imports all tables

    count = int(right.sum())
    bounds = binomtest(count, len(right)).proportion_ci(0.95, "wilson")
    ends = {"accuracy_low": bounds.low, "accuracy_high": bounds.high}
    return {"accuracy": count / len(right), **ends, "interval": "Wilson score over images, 95%"}
