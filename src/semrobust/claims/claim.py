"""A claim of a paper, and what a run's tables say of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from semrobust.config.settings import Plain
from semrobust.pipeline import numbers
from semrobust.pipeline.verdicts import DIRECTION, FAILS, HOLDS, INCONCLUSIVE, VERDICTS

Tables = Mapping[str, pd.DataFrame]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Finding:
    """Our side of a claim: `value` with its interval, what it is (`measure`), and the verdict by the claim's rule."""

    verdict: str
    measure: str
    value: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")


@dataclass(frozen=True)
class Claim:
    """What a paper says (`text`, its own number in `stated` if our copy has one), where, and how we judge it.

    `rule` says in words when it holds, when only its direction does, and when not; where neither is certain under the
    intervals, it is inconclusive. `tables` are read by `check`, with the settings of the table `paper_vs_ours` beside
    them; it returns None where the run lacks a system that the claim is about.
    """

    name: str
    paper: str
    place: str
    text: str
    rule: str
    tables: tuple[str, ...]
    check: Callable[[Tables, Plain], Finding | None]
    stated: str = ""


CLAIMS: list[Claim] = []
PAPERS = ("zhang2026", "hu2022")
"""In the order in which pages and tables go through them."""


def claim(name: str, place: str, text: str, rule: str, *tables: str, stated: str = "") -> Callable[[Any], Any]:
    """Return the decorator that adds a check to `CLAIMS`; the paper is the beginning of the name."""

    def add(check: Callable[[Tables, Plain], Finding | None]) -> Callable[[Tables, Plain], Finding | None]:
        CLAIMS.append(Claim(name, name.partition("_")[0], place, text, rule, tables, check, stated))
        return check

    return add


def verdict(holds: bool, direction: bool, fails: bool) -> str:
    """What a rule says by what is certain under the intervals, the first that is; nothing is: inconclusive."""
    return HOLDS if holds else DIRECTION if direction else FAILS if fails else INCONCLUSIVE


def above(
    measure: str, value: float, interval: Interval | None, *, limit: float, least: float | None = None
) -> Finding:
    """A value that the paper says is large: its whole interval lies above `limit`, for its direction above `least`.

    `least` is the value without a difference, `limit` itself if it is not given. An interval that includes it decides
    nothing; one without any of it above fails. Without an interval the value decides.
    """
    least = limit if least is None else least
    low, high = interval or (value, value)
    return Finding(verdict(low > limit, low > least, high <= least), measure, value, *(interval or ()))


def below(measure: str, value: float, interval: Interval | None, *, limit: float, most: float | None = None) -> Finding:
    """A value that the paper says is small: its whole interval is at most `limit`, for its direction at most `most`."""
    most = limit if most is None else most
    low, high = interval or (value, value)
    return Finding(verdict(high <= limit, high <= most, low > most), measure, value, *(interval or ()))


def share(measure: str, low: pd.Series[float], high: pd.Series[float], least: float) -> Finding | None:
    """The share of points that lie above `least`, by the ends of their intervals: all, over half, at most half.

    Its own interval goes from the points that certainly lie above to those that may. None without any point.
    """
    if low.empty:
        return None
    certain, possible = float((low > least).mean()), float((high > least).mean())
    said = verdict(certain == 1, certain > 0.5, possible <= 0.5)
    return Finding(said, measure, certain, certain, possible)


def report(table: pd.DataFrame) -> str:
    """The table as text for a terminal: how many claims of each paper have which verdict, and a paragraph per claim."""
    lines = []
    for paper, claims in table.groupby("paper", sort=False):
        counts = claims["verdict"].value_counts()
        said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if verdict in counts)
        lines.append(f"{paper}, under our reading of its systems and attacks: {said}")
    lines.append("")
    for row in table.fillna({"stated": "", "measure": ""}).to_dict("records"):
        value = numbers.interval(row["value"], row["value_low"], row["value_high"]) if pd.notna(row["value"]) else ""
        stated = f" (paper: {row['stated']})" if row["stated"] else ""
        lines += [
            f"{str(row['verdict']).upper()}: {row['text']} [{row['paper']}, {row['place']}]{stated}",
            f"    {value} {row['measure']}".rstrip(),
            f"    rule: {row['rule']}",
        ]
    return "\n".join(lines)
