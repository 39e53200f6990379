"""Verdicts on zhang2026: each follows from the tables by its rule, and turns when they do."""

from __future__ import annotations

import pytest

from semrobust.claims.claim import DIRECTION, FAILS, HOLDS
from tests.claims.judging import Tables, ratio, shifted, verdict


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
