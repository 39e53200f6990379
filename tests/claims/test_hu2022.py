"""Verdicts on hu2022: each follows from the tables by its rule, and turns when they do."""

from __future__ import annotations

import pandas as pd
import pytest

from semrobust.claims.claim import DIRECTION, FAILS, HOLDS
from semrobust.config.roles import recognition_roles
from tests.claims.judging import Tables, accuracy, shifted, verdict
from tests.figures.samples import PARAMS


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
