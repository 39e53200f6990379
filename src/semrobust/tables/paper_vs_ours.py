"""Every claim and number of the two papers that our copy has, and what this run says."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from semrobust.claims import (  # noqa: F401  they fill CLAIMS
    hu2022,
    zhang2026,
    zhang2026_csi,
    zhang2026_frontier,
    zhang2026_why,
)
from semrobust.claims.claim import CLAIMS, PAPERS, Claim, Finding, Tables
from semrobust.config.params import Params
from semrobust.config.registry import SYSTEMS
from semrobust.config.roles import PAPER_KINDS, recognition_roles
from semrobust.config.settings import Plain
from semrobust.pipeline import select
from semrobust.pipeline.verdicts import UNTESTED
from semrobust.pipeline.work import Work
from semrobust.tables.table import COMMON, Table

_MISSING = "this run lacks a system, an SNR or a table that the claim is about"
_WAYS = ("train_snr_db", "penalty_snr_db")
JUDGED = tuple(dict.fromkeys(name for claim in CLAIMS for name in claim.tables))
"""The tables that claims read."""


def settings(params: Params) -> Plain:
    """Which system stands for which scheme, and under which conditions: whatever claims read beside the tables."""
    systems, given = params.section("systems"), params.recognition
    roles, trainings = recognition_roles(systems), params.alike(params.of_task("class"))

    def training(name: str) -> Plain:
        if systems[name]["kind"] not in PAPER_KINDS:
            return {}
        return {key: value for key, value in (systems[name].get("training") or {}).items() if key in _WAYS}

    return {
        "roles": roles,
        "compared": {role: name for name, of in trainings.items() for role, system in roles.items() if system in of},
        "attacked": [
            [
                name,
                {
                    "side": SYSTEMS[systems[name]["kind"]].side,
                    "training": training(name) if params.systems[name].study is None else {},
                },
            ]
            for name in params.compared()
        ],
        "attacks": [[name, attack.kind] for name, attack in params.attacks.items()],
        "trainings": [[group, of, training(of[0])] for group, of in params.trainings().items()],
        "broken": [
            [name, select.without(rule, "label")] for name, rule in params.section("criteria", "broken").items()
        ],
        "success_psnr_db": params.evaluation.success_psnr_db,
        "most_lost": params.evaluation.most_lost,
        "channels": [[name, select.channel(params, name)] for name in params.channels],
        "default_noise": given.default_noise,
        "default_level": given.default_level,
        "channel": given.channel,
        "at_snr_db": given.at_snr_db,
        "levels": given.noise[given.default_noise].epsilon_levels,
        "csi": {
            "source": params.csi.source,
            "criterion": next(iter(params.csi.broken)),
            "noisy": [
                name
                for name in params.compared("csi")
                if ((systems[name].get("training") or {}).get("train_snr_db")) is not None
            ],
        },
    }


def make(work: Work) -> pd.DataFrame:
    """Rows (claim). A claim about systems that the run lacks is not testable in it."""
    tables = {name: pd.read_csv(found.path()) for name, found in work.inputs("table").items()}
    return judged(tables, work.settings)


def published(params: Params, folder: Path) -> pd.DataFrame:
    """The rows that today's rules give for the tables in `folder`, whoever made them; `params` name the schemes.

    Tables that an earlier release did not have may lack.
    """
    tables = {name: pd.read_csv(path) for name in JUDGED if (path := folder / f"{name}.csv").exists()}
    about = {"run": params.run, "dataset": params.data.source, "seed": params.seed}
    return judged(tables, about | settings(params))


def judged(tables: Tables, given: Plain) -> pd.DataFrame:
    """Every claim with its finding, paper by paper."""
    rows = []
    for claim in sorted(CLAIMS, key=lambda one: PAPERS.index(one.paper)):
        found = _finding(claim, tables, given)
        there = [tables[name] for name in claim.tables if name in tables]
        images = max((int(table["n_images"].max()) for table in there if len(table)), default=0)
        rows.append(
            {
                "run": given["run"], "dataset": given["dataset"], "system": "all", "channel": "see rule",
                "snr_db": None, "seed": given["seed"], "n_images": images or None,
                "paper": claim.paper, "claim": claim.name, "place": claim.place, "text": claim.text,
                "stated": claim.stated, "measure": found.measure, "value": found.value, "value_low": found.low,
                "value_high": found.high, "verdict": found.verdict, "rule": claim.rule,
                "files": " ".join(f"data/{given['run']}/results/{name}.csv" for name in claim.tables),
            }
        )  # fmt: skip
    return pd.DataFrame(rows, columns=[*COMMON, *TABLE.columns])


def _finding(claim: Claim, tables: Tables, given: Plain) -> Finding:
    try:
        found = claim.check(tables, given)
    except (KeyError, IndexError):  # a role or a row that is not there
        found = None
    return Finding(UNTESTED, _MISSING) if found is None else found


TABLE = Table(
    columns=(
        "paper", "claim", "place", "text", "stated", "measure", "value", "value_low", "value_high", "verdict", "rule",
        "files",
    ),
    needs=lambda _: [("table", name) for name in JUDGED],
    settings=settings,
    make=make,
    caption="""
The papers' claims and what this run says

One row per claim: what is claimed and where, the paper's number if our copy has it, ours with its 95% interval where
the tables have one, the verdict and the rule that gives it, on {{ dataset }}.
""",
)  # fmt: skip
