"""What claims of zhang2026 rest on: which systems, at which points, and the one statistic of least powers."""

from __future__ import annotations

import pandas as pd

from semrobust.claims.claim import Interval, Tables
from semrobust.config.settings import Plain
from semrobust.tables.attacks import BEST_OF
from semrobust.tables.clean import working

MEDIAN = "power_total_median"
"""Of all attacked images, one that withstood every attack counting as ∞; A171 says why."""

POINTS = "at the SNRs at which both lose at most evaluation.most_lost of the images without an attack"


def noisy(given: Plain) -> str | None:
    """The first attacked semantic system that was trained with channel noise."""
    return _semantic(given, with_noise=True)


def noiseless(given: Plain) -> str | None:
    return _semantic(given, with_noise=False)


def _semantic(given: Plain, with_noise: bool) -> str | None:
    for name, system in given["attacked"]:
        training = system["training"]
        semantic = system["side"] == "semantic" and "train_snr_db" in training
        if semantic and (training["train_snr_db"] is not None) == with_noise:
            return str(name)
    return None


def trained(given: Plain, noise: bool = False, several: bool = False, penalty: bool = False) -> str | None:
    """The group of trainings tried under criteria that was trained so."""
    for group, systems, training in given["trainings"]:
        if (len(systems) > 1) != several or "train_snr_db" not in training:
            continue
        if (training["train_snr_db"] is not None) == noise and ("penalty_snr_db" in training) == penalty:
            return str(group)
    return None


def of_kind(given: Plain, kind: str) -> list[str]:
    """Names of the attacks of one kind."""
    return [name for name, of in given["attacks"] if of == kind]


def at_work(rows: pd.DataFrame, tables: Tables, given: Plain, *columns: str) -> pd.DataFrame:
    """Rows at whose SNR the systems named in all `columns` work; of a group of trainings all of them must."""
    works = working(tables["clean"], given["most_lost"])
    members = {str(group): systems for group, systems, _ in given["trainings"]}

    def work(snr_db: float, *groups: str) -> bool:
        return all((name, snr_db) in works for group in groups for name in members.get(group, [group]))

    return rows[[work(*point) for point in zip(rows["snr_db"], *(rows[column] for column in columns), strict=True)]]


def ratios(
    tables: Tables, given: Plain, semantic: str | None, attacks: tuple[list[str], list[str]] = ([BEST_OF], [BEST_OF])
) -> pd.DataFrame:
    """Points (baseline, SNR) of `semantic` under one of these attacks on each side, where both work."""
    table = tables["power_ratio"]
    rows = table[(table["semantic_system"] == semantic) & (table["population"] == "all") & (table["status"] == "ok")]
    rows = rows[(rows["statistic"] == "median") & rows["ratio"].notna()]
    rows = rows[rows["semantic_attack"].isin(attacks[0]) & rows["classical_attack"].isin(attacks[1])]
    return at_work(rows, tables, given, "semantic_system", "classical_system")


def times(top: pd.Series[float], bottom: pd.Series[float], column: str) -> tuple[float, Interval]:
    """One value over another; the interval is from the ends of theirs, so it is a wide one."""
    ends = (top[f"{column}_low"] / bottom[f"{column}_high"], top[f"{column}_high"] / bottom[f"{column}_low"])
    return float(top[column] / bottom[column]), ends


def last_of_both(
    rows: pd.DataFrame, one: str | None, other: str | None
) -> tuple[pd.Series[float], pd.Series[float]] | None:
    """The rows of two systems at the highest SNR that both have; None without one."""
    pair = [rows[rows["system"] == name].set_index("snr_db", drop=False) for name in (one, other)]
    shared = pair[0].index.intersection(pair[1].index)
    return None if shared.empty else (pair[0].loc[shared.max()], pair[1].loc[shared.max()])
