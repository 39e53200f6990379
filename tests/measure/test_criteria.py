"""Criteria of success: their thresholds, one threshold per image, and what is stored of small real systems."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
import torch

from semrobust.attacks.base import Attack, Target, untouched
from semrobust.config.criteria import CriterionSettings
from semrobust.config.params import validate
from semrobust.errors import ParamsError
from semrobust.measure.success import threshold
from tests.attacks.samples import aimed, attack, normal, pictures, small_deepjscc
from tests.conftest import raw_params
from tests.made import CHAIN, NEVER, SNR_DB, Run


def criterion(**rule: float) -> CriterionSettings:
    return CriterionSettings(label="x", **rule)


def test_relative_thresholds_start_from_each_image_s_own_distortion() -> None:
    clean = torch.tensor([1e-3, 4e-2])
    torch.testing.assert_close(threshold(criterion(below_clean_db=10.0), clean), 10 * clean)
    raised = threshold(criterion(rise_levels=25.5), clean)
    torch.testing.assert_close(raised.sqrt() - clean.sqrt(), torch.full((2,), 0.1))


@pytest.mark.parametrize("rules", [{}, {"psnr_db": 15.0, "rise_levels": 10.0}])
def test_a_criterion_is_one_rule(rules: dict[str, float]) -> None:
    raw = raw_params()
    raw["criteria"]["broken"]["psnr_15"] = {"label": "x", **rules}
    with pytest.raises(ParamsError, match=r"criteria.broken.psnr_15: .*needs exactly one of psnr_db"):
        validate(raw)


def test_attacks_of_the_section_are_checked_like_all_others() -> None:
    raw = raw_params()
    raw["criteria"]["attacks"]["minimum_norm"]["starts"] = 0
    with pytest.raises(ParamsError, match=r"criteria.attacks.minimum_norm.starts: 0"):
        validate(raw)
    raw["criteria"]["attacks"]["minimum_norm"]["starts"] = 1
    raw["criteria"]["images"], raw["data"]["test_images"] = 100000, 5
    with pytest.raises(ParamsError, match=r"criteria.images: 100000, must not exceed data.test_images = 5"):
        validate(raw)


def own_target(thresholds: torch.Tensor) -> Target:
    count = len(thresholds)
    plain = aimed(small_deepjscc(), pictures(count, 800), 0.3 * normal(count, 128), 0.05)
    return replace(plain, threshold=1.0, unit=thresholds)


@pytest.mark.parametrize("method", [attack("minimum_norm", starts=1, iterations=30), attack("random", step_db=1.0)])
def test_each_image_is_attacked_up_to_its_own_threshold(method: Attack) -> None:
    """An image under its own threshold gets what it gets in a batch where all have that threshold."""
    thresholds = torch.tensor([0.03, 0.05, 0.08])
    found = method.run(own_target(thresholds))
    assert found.success.all()
    for row, value in enumerate(thresholds):
        alone = method.run(own_target(torch.full((3,), float(value))))
        torch.testing.assert_close(found.power_total[row], alone.power_total[row], rtol=2e-2, atol=0.0)
    assert (untouched(own_target(torch.tensor([0.0, 1.0, 0.0]))).success == torch.tensor([True, False, True])).all()


def test_what_counts_as_broken_is_what_each_criterion_says(run: Run) -> None:
    broken = run.params.criteria.broken
    relative = {name for name, rule in broken.items() if rule.psnr_db is None}
    for system in run.params.by_criteria():
        samples = run.frame(f"criteria/{system}")
        chain = system in (CHAIN, NEVER)
        assert set(samples["criterion"]) == set(broken) - (relative if chain else set())
        assert set(samples["attack"]) == {"bp_gradient" if chain else "minimum_norm"}
        assert set(samples["snr_db"]) == set(SNR_DB)
        of = samples.groupby(["criterion", "snr_db"])["image"]
        assert (of.apply(sorted).map(lambda images: images == [0, 1, 2, 3])).all()
        assert ("frobenius_squared" in samples) == (not chain)
        success = samples[samples["success"]]
        for name, rule in broken.items():
            reached = success.loc[success["criterion"] == name, ["psnr_db", "clean_psnr_db"]]
            if rule.psnr_db is not None:
                assert (reached["psnr_db"] <= rule.psnr_db + 1e-3).all()
            elif rule.below_clean_db is not None:
                assert (reached["psnr_db"] <= reached["clean_psnr_db"] - rule.below_clean_db + 1e-3).all()


def test_an_image_meets_the_same_noise_under_every_criterion(run: Run) -> None:
    for system in set(run.params.by_criteria()) - {NEVER}:
        measured = run.frame(f"clean/{system}").set_index(["snr_db", "image"])["psnr_db"]
        for _, samples in run.frame(f"criteria/{system}").groupby("criterion"):
            found = samples.set_index(["snr_db", "image"])["clean_psnr_db"]
            pd.testing.assert_series_equal(found, measured.loc[found.index], check_names=False, atol=1e-3)


def test_a_stricter_criterion_never_costs_less(run: Run) -> None:
    for system in run.params.by_criteria():
        mean = run.frame(f"criteria/{system}").groupby(["snr_db", "criterion"])["power_total"].mean().unstack()
        for strict, lenient in (("psnr_15", "psnr_18"), ("psnr_18", "psnr_20")):
            assert (mean[lenient] <= mean[strict] * 1.02).all(), system
