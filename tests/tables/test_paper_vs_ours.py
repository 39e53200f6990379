"""Verdicts on the papers' claims: each follows from the tables by its rule, and turns when they do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from semrobust.claims.claim import CLAIMS, DIRECTION, FAILS, HOLDS, UNTESTED, Finding, judged
from semrobust.cli import main
from semrobust.config.roles import recognition_roles
from semrobust.pipeline import outputs
from semrobust.pipeline.layout import Layout
from semrobust.tables import paper_vs_ours
from tests.figures.samples import PARAMS, TABLES, write_table

Tables = dict[str, pd.DataFrame]
NAMES = {claim.name: claim for claim in CLAIMS}


@pytest.fixture(scope="module")
def samples() -> Tables:
    return {name: TABLES[name]() for name in outputs.JUDGED}


def verdict(name: str, tables: Tables) -> Finding:
    return paper_vs_ours._finding(NAMES[name].check, tables, PARAMS)


def shifted(table: pd.DataFrame, rows: pd.Series[bool], by: float, *columns: str) -> pd.DataFrame:
    """The table with `by` added to these columns of these rows."""
    table = table.copy()
    table.loc[rows, list(columns)] += by
    return table


def accuracy(tables: Tables, system: str, by: float, attack: str = "iterated") -> Tables:
    """Another accuracy of one system under one kind of noise."""
    table = tables["accuracy"]
    rows = (table["system"] == system) & (table["attack"] == attack)
    return tables | {"accuracy": shifted(table, rows, by, "accuracy", "accuracy_low", "accuracy_high")}


def ratio(tables: Tables, to: float) -> Tables:
    """The same ratio everywhere, with a 5% interval."""
    return tables | {"power_ratio": tables["power_ratio"].assign(ratio=to, ratio_low=0.95 * to, ratio_high=1.05 * to)}


@pytest.mark.parametrize(("low", "value", "expected"), [(0.1, 0.2, HOLDS), (-0.1, 0.1, DIRECTION), (-0.3, -0.1, FAILS)])
def test_interval_decides_then_the_sign(low: float, value: float, expected: str) -> None:
    assert judged(value, low, 1.0, "x").verdict == expected


def test_every_role_of_both_papers_is_found() -> None:
    assert recognition_roles(PARAMS.section("systems")) == {
        "mae": "mae_vq", "mae_no_at": "mae_no_at", "jpeg": "jpeg_vit_full", "vit": "vit", "mae_coded": "mae_vq_coded",
        "chain": "hevc_vit", "no_weight_perturbation": "mae_no_awp", "no_mask": "mae_no_mask",
        "no_codebook": "mae_no_codebook",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("hu2022_fig4_vit", "vit"), ("hu2022_at", "mae_no_at"), ("hu2022_awp", "mae_no_awp"),
        ("hu2022_mask", "mae_no_mask"), ("hu2022_codebook", "mae_no_codebook"), ("hu2022_fig5_vit", "vit"),
        ("hu2022_fig5_no_at", "mae_no_at"),
    ],
)  # fmt: skip
def test_accuracy_of_the_other_decides_what_mae_is_compared_with(samples: Tables, name: str, other: str) -> None:
    apart, close, behind = (verdict(name, accuracy(samples, other, by)) for by in (-0.6, 0.0, 0.6))
    assert apart.verdict == HOLDS
    assert behind.verdict == FAILS
    assert apart.value == pytest.approx(close.value + 0.6)
    assert behind.low < behind.value < behind.high < 0


def test_schemes_are_compared_over_all_snrs(samples: Tables) -> None:
    ahead = accuracy(samples, "jpeg_vit_full", -0.7)
    assert verdict("hu2022_fig6_conventional", ahead).value == 1
    behind = accuracy(samples, "jpeg_vit_full", 0.7)
    assert verdict("hu2022_fig4_conventional", behind).verdict == FAILS
    assert verdict("hu2022_fig6_conventional", behind).verdict == FAILS


def test_similar_over_channels_is_the_largest_spread(samples: Tables) -> None:
    table = samples["accuracy"]
    awgn = table[(table["channel"] == "awgn")].set_index(["system", "snr_db", "attack", "source", "semantic_noise_eps"])
    same = table[~table["channel"].isin(["rayleigh", "rician"])]
    copies = [awgn.reset_index().assign(channel=name) for name in ("rayleigh", "rician")]
    found = verdict("hu2022_fig6_similar", samples | {"accuracy": pd.concat([same, *copies])})
    assert (found.verdict, found.value) == (HOLDS, 0.0)
    rows = (table["system"] == "mae_vq") & (table["channel"] == "rician")
    apart = shifted(table, rows, 0.5, "accuracy", "accuracy_low", "accuracy_high")
    assert verdict("hu2022_fig6_similar", samples | {"accuracy": apart}).verdict == FAILS


def test_a_violated_check_of_the_noise_counts_against_fig_5(samples: Tables) -> None:
    table = samples["attack_sanity"].copy()
    table.loc[(table["system"] == "vit") & (table["check"] == "monotone"), "verdict"] = "violated"
    found = verdict("hu2022_fig5_falls", samples | {"attack_sanity": table})
    assert found.verdict == DIRECTION
    assert 0.5 < found.value < 1


@pytest.mark.parametrize(("to", "expected"), [(15.0, HOLDS), (3.0, DIRECTION), (100.0, DIRECTION), (0.5, FAILS)])
def test_headline_is_judged_by_the_interval_of_the_ratio(samples: Tables, to: float, expected: str) -> None:
    found = verdict("zhang2026_headline", ratio(samples, to))
    assert found.verdict == expected
    assert found.value == to
    assert verdict("zhang2026_more_robust", ratio(samples, to)).verdict == (HOLDS if to > 1 else FAILS)


def test_headline_leaves_out_snrs_at_which_the_chain_fails_by_itself(samples: Tables) -> None:
    table, clean = ratio(samples, 3.0)["power_ratio"], samples["clean"]
    lost = clean[(clean["block_error_rate"] > 0.01)][["system", "snr_db"]].apply(tuple, axis=1).tolist()
    fails = table[["classical_system", "snr_db"]].apply(tuple, axis=1).isin(lost)
    assert 0 < fails.sum() < len(table)
    found = verdict("zhang2026_headline", samples | {"power_ratio": shifted(table, fails, 1000.0, "ratio")})
    assert found.value == 3.0


@pytest.mark.parametrize(("factor", "expected"), [(1.0, HOLDS), (2.0, FAILS)])
def test_an_attack_is_minimal_if_none_is_cheaper(samples: Tables, factor: float, expected: str) -> None:
    table = samples["attack_power"].copy()
    table.loc[table["attack"].isin(["pga", "pga_refined"]), "ruinable_power_mean"] *= factor
    assert verdict("zhang2026_pga_minimal", samples | {"attack_power": table}).verdict == expected


def test_noise_in_training_is_judged_by_power_and_by_slopes(samples: Tables) -> None:
    assert verdict("zhang2026_noisy_training", samples).verdict == HOLDS
    swapped = {"deepjscc": "deepjscc_noiseless", "deepjscc_noiseless": "deepjscc"}
    other = samples | {name: table.replace({"system": swapped}) for name, table in samples.items()}
    assert verdict("zhang2026_noisy_training", other).verdict == FAILS
    assert verdict("zhang2026_smooth", samples).verdict == HOLDS
    assert verdict("zhang2026_smooth", other).verdict == FAILS


def test_bound_is_tight_or_only_there(samples: Tables) -> None:
    assert verdict("zhang2026_bound", samples).verdict == DIRECTION
    tight = samples | {"bounds": samples["bounds"].assign(tightness_median=3.0)}
    assert verdict("zhang2026_bound", tight).verdict == HOLDS
    assert verdict("zhang2026_ideal_bound", samples).verdict == FAILS


@pytest.mark.parametrize("change", [lambda table: table.iloc[:0], lambda table: table[table["system"] == "nobody"]])
def test_what_the_run_lacks_is_not_testable(samples: Tables, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    nothing = {name: change(table) for name, table in samples.items()}
    assert {verdict(name, nothing).verdict for name in NAMES} == {UNTESTED}


def test_table_names_every_claim_once_and_compare_prints_it(
    samples: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("{}")
    for name, table in samples.items():
        write_table(name, table)
    paper_vs_ours.run(PARAMS, outputs.COMPARISON, ["test"])
    table = pd.read_csv(Layout(PARAMS.run).table(outputs.COMPARISON))
    assert table["claim"].tolist() == list(NAMES)
    assert len(set(NAMES)) == len(CLAIMS) > 20
    assert set(table["paper"]) == {"hu2022", "zhang2026"}
    both = table["value_low"].notna()
    slack = 1e-9 + 1e-5 * table["value"].abs()
    assert (table["value_low"] <= table["value"] + slack)[both].all()
    assert (table["value"] <= table["value_high"] + slack)[both].all()
    said = paper_vs_ours.report(paper_vs_ours.read(PARAMS))
    assert all(claim.text in said and claim.rule in said for claim in CLAIMS)
    assert "(paper: 14–16×)" in said
    done = CliRunner().invoke(main, ["compare", "--help"])
    assert done.exit_code == 0
    assert np.isfinite(table["n_images"].dropna()).all()
