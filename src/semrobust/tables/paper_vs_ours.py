"""The table `paper_vs_ours`: every claim and number of the two papers that our copy has, and what this run says."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from semrobust.claims import hu2022 as claims_hu2022  # noqa: F401  they fill CLAIMS
from semrobust.claims.claim import CLAIMS, UNTESTED, Finding, Tables
from semrobust.config.params import Params
from semrobust.pipeline import outputs
from semrobust.pipeline import record as provenance
from semrobust.pipeline.layout import Layout
from semrobust.pipeline.record import Making
from semrobust.tables.schema import COLUMNS, COMMON
from semrobust.tables.tables import write

_MISSING = "this run lacks a system or an SNR that the claim is about"


def paper_vs_ours(params: Params, making: Making) -> pd.DataFrame:
    """Rows (claim). A claim about systems that the run lacks is not testable in it."""
    layout = Layout(params.run)
    tables = {
        name: pd.read_csv(making.uses(layout.table(name), outputs.table(params, name))) for name in outputs.JUDGED
    }
    rows = []
    for claim in CLAIMS:
        found = _finding(claim.check, tables, params)
        images = max((int(tables[name]["n_images"].max()) for name in claim.tables), default=0)
        rows.append(
            {
                "run": params.run, "dataset": params.data.source, "system": "all", "channel": "see rule",
                "snr_db": None, "seed": params.seed, "n_images": images or None,
                "paper": claim.paper, "claim": claim.name, "place": claim.place, "text": claim.text,
                "stated": claim.stated, "measure": found.measure, "value": found.value, "value_low": found.low,
                "value_high": found.high, "verdict": found.verdict, "rule": claim.rule,
                "files": " ".join(str(layout.table(name)) for name in claim.tables),
            }
        )  # fmt: skip
    return pd.DataFrame(rows, columns=[*COMMON, *COLUMNS["paper_vs_ours"]])


def _finding(check: object, tables: Tables, params: Params) -> Finding:
    assert callable(check)
    try:
        found = check(tables, params)
    except (KeyError, IndexError):  # a role or a row that is not there
        found = None
    return found if isinstance(found, Finding) else Finding(UNTESTED, _MISSING)


def run(params: Params, table: str, command: list[str]) -> Path:
    """Make the table and write it."""
    return write(params, table, paper_vs_ours, command)


def read(params: Params) -> pd.DataFrame:
    """The finished table of a run; raises ArtifactError where it is missing, altered or made with other params."""
    path = Layout(params.run).table(outputs.COMPARISON)
    provenance.trust(path, outputs.table(params, outputs.COMPARISON))
    return pd.read_csv(path)


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
