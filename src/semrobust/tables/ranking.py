"""The systems of a run in order, and what a submission adds to what the run knows. Read from tables; makes none."""

from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd

from semrobust.config.params import Params
from semrobust.config.registry import SYSTEMS
from semrobust.phy.power import psr_db
from semrobust.pipeline.numbers import interval, number
from semrobust.tables.attacks import BEST_OF, best
from semrobust.tables.table import Row

BY = {"power": "power_total_median", "clean": "psnr_db"}
"""What can be sorted by, and its column."""

STATISTIC = "least power: median ||s||² of the cheapest attack on each attacked image"
"""The population and the statistic of all powers here, those of claims and figures."""

_MEASURES = ("power_total_median", "power_total_median_low", "power_total_median_high", "success_rate")


def ranking(params: Params, clean: pd.DataFrame, power: pd.DataFrame, snr_db: float, by: str = "power") -> pd.DataFrame:
    """One row per attacked system at an SNR, the hardest to break or the clearest first; from two result tables.

    Columns: `system`, `side`, `study` (empty for main systems), `real_uses`, `psnr_db` with its interval, over all test
    images; `power_total_median` with its interval, ∞ if over half of the images withstand all attacks, and as `psr_db`;
    `success_rate`, over all attacked images; `strongest`, the single attack of least median on the images
    that all were tried on. Systems that can send no image stand last.
    """
    quality = clean[clean["snr_db"] == snr_db].set_index("system")
    rows: list[Row] = []
    for system, attacks in power[power["snr_db"] == snr_db].groupby("system", sort=False):
        (of_all,) = attacks[attacks["attack"] == BEST_OF].fillna({"strongest": ""}).to_dict("records")
        given, uses, power_total = params.systems.get(str(system)), params.link.real_uses, of_all[BY["power"]]
        rows.append({
            "system": system,
            "side": "" if given is None else SYSTEMS[given.kind].side,
            "study": "" if given is None else given.study or "",
            "real_uses": uses,
            **{column: quality[column].get(system, math.nan) for column in ("psnr_db", "psnr_db_low", "psnr_db_high")},
            **{column: of_all[column] for column in _MEASURES},
            "psr_db": math.nan if math.isnan(power_total) else psr_db(power_total, uses),
            "strongest": of_all["strongest"],
        })  # fmt: skip
    return pd.DataFrame(rows).sort_values(BY[by], ascending=False, na_position="last", ignore_index=True)


def shown(ranked: pd.DataFrame, label: Callable[[str, str], str] = lambda _, name: name) -> list[list[str]]:
    """Heads and rows as text; `label(column, name)` says what systems and attacks are called."""
    heads = ["system", "side", "study", "clean PSNR (dB)", "least power", "PSR (dB)", "strongest attack", "broken"]
    rows = []
    for row in ranked.to_dict("records"):
        power = interval(*(row[f"{BY['power']}{end}"] for end in ("", "_low", "_high")))
        rows.append([
            label("system", row["system"]),
            row["side"] or "–",
            row["study"] or "–",
            interval(row["psnr_db"], row["psnr_db_low"], row["psnr_db_high"]),
            power,
            number(row["psr_db"]),
            label("attack", row["strongest"]) if row["strongest"] else "–",
            "–" if math.isnan(row["success_rate"]) else f"{number(100 * row['success_rate'])}%",
        ])  # fmt: skip
    if "verified" in ranked:
        heads, rows = [*heads, "verified"], [[*row, said] for row, said in zip(rows, ranked["verified"], strict=True)]
    return [heads, *rows]


def improvement(found: pd.DataFrame, known: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per SNR: how the least powers that a run knows compare with what was found on the same images.

    `known_power_total_mean`: of the run, over these images; `better`: images that are broken with less power, or for
    the first time; `new_power_total_mean`: with these counted.
    """
    rows: list[Row] = []
    for snr_db, sent in found.groupby("snr_db"):
        same = sent["image"]
        before, after = (
            best({name: table[(table["snr_db"] == snr_db) & table["image"].isin(same)] for name, table in of.items()})
            for of in (known, {**known, "": sent})
        )
        less = after["success"] & (~before["success"] | (after["power_total"] < before["power_total"]))
        rows.append({
            "snr_db": snr_db,
            "known_power_total_mean": before["power_total"].mean(),
            "better": int(less.sum()),
            "new_power_total_mean": after["power_total"].mean(),
        })  # fmt: skip
    return pd.DataFrame(rows)
