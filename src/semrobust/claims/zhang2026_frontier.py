"""Who is harder to break at equal numbers of channel uses, and at equal clean quality: from the frontier of a run."""

from __future__ import annotations

import math

import pandas as pd

from semrobust.claims.claim import Finding, Tables, above, claim
from semrobust.claims.points import MEDIAN, times
from semrobust.config.settings import Plain

SIDES = ("semantic", "classical")
_RULE = (
    "least power (medians) of the semantic system that is hardest to break ÷ that of such a baseline, {of}smallest "
    "over the frontier's SNRs at which systems of both sides work; holds: its interval, from the ends of both, above 1"
)


@claim(
    "zhang2026_equal_uses",
    "Frontier",
    "At equal numbers of channel uses the semantic side is the harder one to break, whatever the quality",
    _RULE.format(of=""),
    "frontier",
)
def at_equal_uses(tables: Tables, given: Plain) -> Finding | None:
    return _hardest(tables["frontier"], equal_quality=False)


@claim(
    "zhang2026_equal_quality",
    "Frontier",
    "At equal clean quality, too, the semantic side is the harder one to break",
    _RULE.format(of="among systems of at least the highest clean PSNR that both sides reach, "),
    "frontier",
)
def at_equal_quality(tables: Tables, given: Plain) -> Finding | None:
    return _hardest(tables["frontier"], equal_quality=True)


def _hardest(table: pd.DataFrame, equal_quality: bool) -> Finding | None:
    found = []
    for snr_db, rows in table[table["works"]].groupby("snr_db"):
        sides = [rows[rows["side"] == side] for side in SIDES]
        if any(side.empty for side in sides):
            continue
        least = min(side["psnr_db"].max() for side in sides) if equal_quality else -math.inf
        top, bottom = (side[side["psnr_db"] >= least].sort_values(MEDIAN).iloc[-1] for side in sides)
        quality = f", PSNR ≥ {least:.1f} dB" if equal_quality else ""
        value, ends = times(top, bottom, MEDIAN)
        found.append((value, ends, f"{top['system']} ÷ {bottom['system']}, at {snr_db:g} dB{quality}"))
    if not found:
        return None
    value, ends, measure = min(found)
    return above(measure, value, ends, limit=1.0)
