"""What differs between the same table of two runs: rows that one of them lacks, and intervals that do not meet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from semrobust.pipeline.numbers import interval
from semrobust.tables.table import table

_NO_KEY = ("run", "dataset", "seed", "n_images", "status", "interval")
_NUMBERS_IN_KEYS = ("snr_db", "semantic_noise_eps", "success_psnr_db")


@dataclass(frozen=True)
class Difference:
    """Two runs' versions of a table.

    Attributes:
        value: the column that is compared; None where the table has none with an interval.
        both, first, second: number of rows in both, in the first alone, in the second alone.
        apart: a line for every row whose intervals do not meet, those furthest apart first.
    """

    value: str | None
    both: int
    first: int
    second: int
    apart: list[str]


def difference(name: str, first: pd.DataFrame, second: pd.DataFrame) -> Difference:
    """Compare the table `name` of two runs, row by row of the same key (system, attack, SNR and the like).

    Rows of a table without intervals have no key that tells them from results: a row is in both where all of it is.
    """
    value = table(name).brackets
    shared = [column for column in first.columns if column in second.columns and column not in _NO_KEY]
    keys = shared if value is None else _keys(first, second, shared[: shared.index(value)])
    both = first.merge(second, on=keys, how="outer", suffixes=("", "_second"), indicator="where")
    counts = both["where"].value_counts()
    telling = [key for key in keys if both[key].nunique() > 1]
    apart = [] if value is None else _apart(both[both["where"] == "both"], telling, table(name).interval)
    return Difference(value, int(counts["both"]), int(counts["left_only"]), int(counts["right_only"]), apart)


def _keys(first: pd.DataFrame, second: pd.DataFrame, columns: list[str]) -> list[str]:
    """Those of the columns before the value that say what it is of: text, and some numbers."""
    text = {column for frame in (first, second) for column in frame.select_dtypes(exclude="number")}
    return [column for column in columns if column in text or column in _NUMBERS_IN_KEYS]


def _apart(rows: pd.DataFrame, keys: list[str], columns: tuple[str, str, str]) -> list[str]:
    value, low, high = columns
    gap = np.maximum(rows[low] - rows[f"{high}_second"], rows[f"{low}_second"] - rows[high])
    gap = (gap / rows[[value, f"{value}_second"]].abs().max(axis=1))[gap > 0].sort_values(ascending=False)
    lines = []
    for _, row in rows.loc[gap.index].iterrows():
        named = ", ".join(_shown(column, row[column]) for column in keys if pd.notna(row[column]))
        before = interval(*(row[column] for column in columns))
        after = interval(*(row[f"{column}_second"] for column in columns))
        lines.append(f"{named}: {before} -> {after}")
    return lines


def _shown(column: str, value: Any) -> str:
    return f"{column} {value:g}" if column in _NUMBERS_IN_KEYS else str(value)
