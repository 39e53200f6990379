"""Per-image results of systems that name classes, as their tables read them."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from semrobust.pipeline.work import Work
from semrobust.tables.table import samples


def classified(work: Work) -> Iterator[tuple[str, pd.DataFrame]]:
    """Every system with its rows, in the order of the params."""
    for system, found in work.inputs("accuracy").items():
        yield system, samples(found)
