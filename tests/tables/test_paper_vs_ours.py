"""The table of the papers' claims: every one of them, once, with its number in its interval."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from semrobust.claims.claim import CLAIMS, report
from semrobust.config.params import Params
from semrobust.pipeline.verdicts import HOLDS, UNTESTED
from semrobust.tables.paper_vs_ours import JUDGED, settings
from tests.conftest import OTHER_NETWORKS
from tests.figures.samples import PARAMS, TABLES
from tests.tables import fake


def test_table_names_every_claim_once_and_its_report_says_them(tmp_path: Path) -> None:
    fake.write(tmp_path, {f"table/{name}": TABLES[name]() for name in JUDGED})
    table = fake.made(PARAMS, "paper_vs_ours", tmp_path)
    assert set(table["claim"]) == {claim.name for claim in CLAIMS}
    assert table["claim"].is_unique
    assert len(CLAIMS) > 20
    assert [*dict.fromkeys(table["paper"])] == ["zhang2026", "hu2022"]
    assert (table["paper"] == "hu2022").is_monotonic_increasing, "paper by paper"
    both = table["value_low"].notna()
    slack = 1e-9 + 1e-5 * table["value"].abs()
    assert (table["value_low"] <= table["value"] + slack)[both].all()
    assert (table["value"] <= table["value_high"] + slack)[both].all()
    assert np.isfinite(table["n_images"].dropna()).all()
    said = report(table)
    assert all(claim.text in said and claim.rule in said for claim in CLAIMS)
    assert "(paper: 14–16×)" in said
    holds = (table["verdict"][table["paper"] == "hu2022"] == HOLDS).sum()
    assert f"hu2022, under our reading of its systems and attacks: {holds} holds" in said


def test_a_run_that_lacks_what_one_paper_is_about_tests_none_of_its_claims(tmp_path: Path) -> None:
    tables = {f"table/{name}": TABLES[name]() for name in JUDGED}
    of_classes = ("accuracy_difference", "attack_sanity", "overhead")
    fake.write(tmp_path, tables | {f"table/{name}": TABLES[name]().iloc[:0] for name in of_classes})
    table = fake.made(PARAMS, "paper_vs_ours", tmp_path)
    of_hu2022 = table["paper"] == "hu2022"
    assert set(table["verdict"][of_hu2022]) == {UNTESTED}
    assert set(table["verdict"][~of_hu2022]) != {UNTESTED}


def test_claims_are_about_the_papers_network_alone(params: Params) -> None:
    """Another network trained with noise stands for it nowhere, whatever its place among the systems."""
    given = settings(params)
    trained = {name for name, system in given["attacked"] if system["training"]}
    assert trained == {"deepjscc", "deepjscc_noiseless"}
    assert {*OTHER_NETWORKS} < {name for name, _ in given["attacked"]} - trained
    compared = {name for _, members, training in given["trainings"] if training for name in members}
    assert compared.isdisjoint(OTHER_NETWORKS)
    assert "trained_smooth" in compared
