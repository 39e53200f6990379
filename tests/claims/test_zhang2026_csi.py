"""Claims about the feedback of channel states: by points at which the chain works, and with care on a substitute."""

from __future__ import annotations

import pytest

from semrobust.pipeline.verdicts import DIRECTION, FAILS, INCONCLUSIVE, UNTESTED
from tests.claims.judging import Tables, verdict
from tests.figures import csi_samples
from tests.figures.samples import PARAMS


@pytest.mark.parametrize(("ratio", "expected"), [(5.0, DIRECTION), (0.5, FAILS), (1.0, INCONCLUSIVE)])
def test_robustness_is_judged_by_ratios_under_the_first_criterion(samples: Tables, ratio: float, expected: str) -> None:
    found = verdict("zhang2026_csi", samples | {"csi_power_ratio": csi_samples.csi_power_ratio(PARAMS, ratio)})
    assert found.verdict == expected  # on a substitute for COST 2100 nothing holds as it is


def test_the_verdict_names_what_another_criterion_would_say(samples: Tables) -> None:
    table = csi_samples.csi_power_ratio(PARAMS, 5.0)
    table.loc[table["criterion"] == "rise_3", ["ratio", "ratio_low", "ratio_high"]] = 0.1
    found = verdict("zhang2026_csi", samples | {"csi_power_ratio": table})
    points = found.measure.split()[2]
    assert found.value == 1.0
    assert found.measure == f"share of {points} points; under rise_3 0 of {points}", "others have no ratio"


def test_points_at_which_the_chain_fails_by_itself_do_not_count(samples: Tables) -> None:
    table = csi_samples.csi_power_ratio(PARAMS, 5.0)
    table.loc[table["snr_db"] <= 4, ["ratio", "ratio_low", "ratio_high"]] = 0.1  # the samples fail there
    assert verdict("zhang2026_csi", samples | {"csi_power_ratio": table}).value == 1.0
    table.loc[table["snr_db"] > 16, ["ratio", "ratio_low", "ratio_high"]] = 0.1
    assert verdict("zhang2026_csi", samples | {"csi_power_ratio": table}).value < 1.0


@pytest.mark.parametrize(("by", "expected"), [(0.0, FAILS), (-30.0, DIRECTION)])
def test_quality_is_that_of_the_channel_itself(samples: Tables, by: float, expected: str) -> None:
    table = samples["csi_clean"].copy()
    table[["nmse_db", "nmse_db_low", "nmse_db_high"]] += by
    found = verdict("zhang2026_csi_clean", samples | {"csi_clean": table})
    assert found.verdict == expected
    assert found.value == pytest.approx(-14.0 + by)
    assert "shifted: −38 dB" in found.measure


def test_a_run_without_channel_states_says_so(samples: Tables) -> None:
    empty = {name: samples[name].iloc[:0] for name in ("csi_clean", "csi_power_ratio")}
    for claim in ("zhang2026_csi", "zhang2026_csi_clean"):
        found = verdict(claim, samples | empty)
        assert found is None or found.verdict == UNTESTED
