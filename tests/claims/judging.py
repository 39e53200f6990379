"""What tests of claims share: tables that no run made, changes to them, and the finding of one claim."""

from __future__ import annotations

import pandas as pd

from semrobust.claims.claim import CLAIMS, Finding
from semrobust.tables import paper_vs_ours
from tests.figures import recognition_samples
from tests.figures.samples import PARAMS

Tables = dict[str, pd.DataFrame]
NAMES = {claim.name: claim for claim in CLAIMS}
GIVEN = paper_vs_ours.settings(PARAMS)


def verdict(name: str, tables: Tables) -> Finding:
    return paper_vs_ours._finding(NAMES[name], tables, GIVEN)


def shifted(table: pd.DataFrame, rows: pd.Series[bool], by: float, *columns: str) -> pd.DataFrame:
    """The table with `by` added to these columns of these rows."""
    table = table.copy()
    table.loc[rows, list(columns)] += by
    return table


def accuracy(to: dict[str, float], attack: str = "iterated", width: float = 0.02) -> Tables:
    """Differences of these accuracies of systems under one kind of noise, whatever channel, SNR and level."""
    table = recognition_samples.accuracy(PARAMS)
    for system, value in to.items():
        table.loc[(table["system"] == system) & (table["attack"] == attack), "accuracy"] = value
    return {"accuracy_difference": recognition_samples.accuracy_difference(PARAMS, table, width)}


def ratio(tables: Tables, to: float) -> Tables:
    """The same ratio everywhere, with a 5% interval."""
    return tables | {"power_ratio": tables["power_ratio"].assign(ratio=to, ratio_low=0.95 * to, ratio_high=1.05 * to)}
