"""A claim of a paper, and what a run's tables say of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from semrobust.config.settings import Plain

HOLDS, DIRECTION, FAILS, UNTESTED = "holds", "holds in direction", "does not hold", "not testable here"
VERDICTS = (HOLDS, DIRECTION, FAILS, UNTESTED)

Tables = Mapping[str, pd.DataFrame]


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

    `rule` says in words when it holds and when only its direction does; `tables` are read by `check`, with the settings
    of the table `paper_vs_ours` beside them; it returns None where the run lacks a system that the claim is about.
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


def claim(name: str, place: str, text: str, rule: str, *tables: str, stated: str = "") -> Callable[[Any], Any]:
    """Return the decorator that adds a check to `CLAIMS`; the paper is the beginning of the name."""

    def add(check: Callable[[Tables, Plain], Finding | None]) -> Callable[[Tables, Plain], Finding | None]:
        CLAIMS.append(Claim(name, name.partition("_")[0], place, text, rule, tables, check, stated))
        return check

    return add


def judged(value: float, low: float, high: float, measure: str) -> Finding:
    """A difference or log ratio that the paper says is positive: its interval decides, then its sign."""
    return Finding(HOLDS if low > 0 else DIRECTION if value > 0 else FAILS, measure, value, low, high)


def report(table: pd.DataFrame) -> str:
    """The table as text for a terminal: one paragraph per claim."""
    lines = []
    for row in table.fillna({"stated": ""}).to_dict("records"):
        value = "" if pd.isna(row["value"]) else f"{row['value']:.3g}"
        if not pd.isna(row["value_low"]):
            value += f" [{row['value_low']:.3g}, {row['value_high']:.3g}]"
        stated = f" (paper: {row['stated']})" if row["stated"] else ""
        lines += [
            f"{str(row['verdict']).upper()}: {row['text']} [{row['paper']}, {row['place']}]{stated}",
            f"    {value} {row['measure']}".rstrip(),
            f"    rule: {row['rule']}",
        ]
    return "\n".join(lines)
