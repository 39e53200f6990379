"""Criteria of ruin, trainings from several seeds, and attackers who know less, from small real systems to tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from semrobust.attacks.base import untouched
from semrobust.config.criteria import CriterionSettings
from semrobust.config.params import Params, merge, validate
from semrobust.errors import ParamsError, UsageError
from semrobust.measure import criteria
from semrobust.tables import attacker_knowledge as knowledge
from semrobust.tables.statistics import Bootstrap, SeedBootstrap
from tests.attacks.samples import attack, small_deepjscc
from tests.conftest import SMALL, raw_params
from tests.made import Run

WAYS = {"10db", "10db_seed_2", "smooth"}
RAY = {"start_psr_db": -20.0, "stop_psr_db": 20.0, "step_db": 4.0, "bisections": 2}
LEARNS = {"epochs": 4, "batch": 32, "learning_rate": 5e-3}  # enough that the channel alone does not ruin all images
OVERLAY: dict[str, Any] = {
    "run": "criteria",
    "data": {"train_images": 512},
    "systems": {
        "deepjscc_noiseless": None,
        "jpeg_ldpc_qpsk": None,
        "jpeg_ldpc_16qam": None,
        "deepjscc": {"width": 4, "training": {**LEARNS, "epochs": 3}},  # another training than those below
        "deepjscc_surrogate": {"width": 4, "attacks": ["pga_refined"], "training": LEARNS},
        "trained": {"width": 4, "training": LEARNS},
    },
    "attacks": {
        "transfer_pga": RAY,
        "pga_refined": {"max_steps": 60},
        "pulse_jamming": RAY,
        "random": RAY,
        "universal": RAY,
        **dict.fromkeys(
            ("carlini_wagner", "pga", "near_codeword", "bp_gradient", "greedy_bits", "dqn_bits", "vulnerable_set")
        ),
    },
    "criteria": {"images": 4, "snr_db": [5.0, 10.0]},
}


def small_raw() -> dict[str, Any]:
    raw = raw_params()
    small = merge(SMALL, OVERLAY)
    small["systems"] = {**small["systems"], "deepjscc_surrogate": OVERLAY["systems"]["deepjscc_surrogate"]}
    of = merge(raw, small)
    of["systems"]["trained"] = merge(raw["systems"]["trained"], OVERLAY["systems"]["trained"])
    of["systems"]["trained"]["grid"] = {
        "way": {name: way if name in WAYS else None for name, way in raw["systems"]["trained"]["grid"]["way"].items()}
    }
    of["systems"]["deepjscc_surrogate"] = merge(
        raw["systems"]["deepjscc_surrogate"], OVERLAY["systems"]["deepjscc_surrogate"]
    )
    return of


def small() -> Params:
    return validate(small_raw())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Everything that the tables need; the project's root is the working directory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("project"))
        made = Run(small())
        made.make("table/criteria", "table/criteria_ratio", "table/attacker_knowledge")
        yield made


@pytest.fixture
def finished(run: Run) -> Params:
    return run.params


# thresholds


def criterion(**rule: float) -> CriterionSettings:
    return CriterionSettings(label="x", **rule)


def test_relative_thresholds_start_from_each_image_s_own_distortion() -> None:
    clean = torch.tensor([1e-3, 4e-2])
    torch.testing.assert_close(criteria.threshold(criterion(below_clean_db=10.0), clean), 10 * clean)
    raised = criteria.threshold(criterion(rise_levels=25.5), clean)
    torch.testing.assert_close(raised.sqrt() - clean.sqrt(), torch.full((2,), 0.1))


@pytest.mark.parametrize("rules", [{}, {"psnr_db": 15.0, "rise_levels": 10.0}])
def test_a_criterion_is_one_rule(rules: dict[str, float]) -> None:
    raw = raw_params()
    raw["criteria"]["ruined"]["psnr_15"] = {"label": "x", **rules}
    with pytest.raises(ParamsError, match=r"criteria.ruined.psnr_15: .*needs exactly one of psnr_db"):
        validate(raw)


def test_attacks_of_the_section_are_checked_like_all_others() -> None:
    raw = raw_params()
    raw["criteria"]["attacks"]["minimum_norm"]["starts"] = 0
    raw["criteria"]["images"], raw["data"]["test_images"] = 100000, 5
    with pytest.raises(ParamsError, match=r"criteria.attacks.minimum_norm.starts: 0"):
        validate(raw)
    raw["criteria"]["attacks"]["minimum_norm"]["starts"] = 1
    with pytest.raises(ParamsError, match=r"criteria.images: 100000, must not exceed data.test_images = 5"):
        validate(raw)


def own_target(thresholds: torch.Tensor) -> criteria.OwnTarget:
    from tests.attacks.samples import aimed, normal, pictures

    count = len(thresholds)
    plain = aimed(small_deepjscc(), pictures(count, 800), 0.3 * normal(count, 128), 0.05)
    return criteria.OwnTarget(**{**vars(plain), "threshold": thresholds})


def test_each_image_is_attacked_up_to_its_own_threshold() -> None:
    """An image under its own threshold gets what it gets in a batch where all have that threshold."""
    thresholds = torch.tensor([0.03, 0.05, 0.08])
    method = attack("minimum_norm", starts=1, iterations=30)
    found = method.run(own_target(thresholds))
    assert found.success.all()
    for row, value in enumerate(thresholds):
        alone = method.run(own_target(torch.full((3,), float(value))))
        torch.testing.assert_close(found.power_total[row], alone.power_total[row], rtol=2e-2, atol=0.0)
    assert (untouched(own_target(torch.tensor([0.0, 1.0, 0.0]))).success == torch.tensor([True, False, True])).all()


def test_an_attack_that_would_mix_up_thresholds_is_refused() -> None:
    with pytest.raises(UsageError, match="use minimum_norm"):
        attack("random", step_db=10.0).run(own_target(torch.tensor([0.03, 0.05, 0.08])))


# samples


def test_all_systems_criteria_and_images_are_there(run: Run, finished: Params) -> None:
    relative = {name for name, rule in finished.criteria.ruined.items() if rule.psnr_db is None}
    assert {"trained_10db", "trained_smooth", "hevc_ldpc_qpsk"} < set(finished.by_criteria())
    assert "deepjscc_surrogate" not in finished.by_criteria()
    for system in finished.by_criteria():
        samples = run.rows(f"criteria/{system}")
        chain = system == "hevc_ldpc_qpsk"
        assert set(samples["criterion"]) == set(finished.criteria.ruined) - (relative if chain else set())
        assert set(samples["attack"]) == {"bp_gradient" if chain else "minimum_norm"}
        assert (samples.groupby(["criterion", "snr_db"])["image"].apply(list).map(len) == 4).all()
        assert ("frobenius_squared" in samples) == (not chain)
        success = samples[samples["success"]]
        for name, rule in finished.criteria.ruined.items():
            reached = success.loc[success["criterion"] == name, ["psnr_db", "clean_psnr_db"]]
            if rule.psnr_db is not None:
                assert (reached["psnr_db"] <= rule.psnr_db + 1e-3).all()
            elif rule.below_clean_db is not None:
                assert (reached["psnr_db"] <= reached["clean_psnr_db"] - rule.below_clean_db + 1e-3).all()


def test_transfer_uses_the_directions_made_on_the_surrogate(run: Run) -> None:
    from safetensors.torch import load_file

    made = load_file(run.path("attack/deepjscc_surrogate.pga_refined", ".safetensors"))
    tried = load_file(run.path("attack/deepjscc.transfer_pga", ".safetensors"))
    moved = 0
    for place, vectors in tried.items():
        used = vectors.norm(dim=1) > 0
        cosine = torch.nn.functional.cosine_similarity(vectors[used], made[place][used])
        assert (cosine > 0.999).all()
        moved += int(used.sum())
    assert moved


# tables


def test_trainings_that_differ_by_their_seed_stand_together(finished: Params) -> None:
    groups = finished.trainings()
    assert groups["trained_10db+"] == ["trained_10db", "trained_10db_seed_2"]
    assert set(groups) == {*finished.by_criteria(), "trained_10db+"}


def test_a_stricter_criterion_never_costs_less(run: Run) -> None:
    rows = run.rows("table/criteria").pivot_table(
        index=["system", "snr_db"], columns="criterion", values="power_total_mean"
    )
    assert (rows["psnr_20"] <= rows["psnr_18"] * 1.02).all()
    assert (rows["psnr_18"] <= rows["psnr_15"] * 1.02).all()


def test_the_mean_over_seeds_is_that_of_its_trainings(run: Run) -> None:
    rows = run.rows("table/criteria").set_index(["system", "criterion", "snr_db"])["power_total_mean"]
    both = (rows["trained_10db"] + rows["trained_10db_seed_2"]) / 2
    pd.testing.assert_series_equal(rows["trained_10db+"], both, check_names=False, rtol=1e-4)
    assert set(run.rows("table/criteria").query("system == 'trained_10db+'")["n_seeds"]) == {2}


def test_ratios_are_those_of_mean_powers_over_ruinable_images(run: Run, finished: Params) -> None:
    rows = run.rows("table/criteria_ratio")
    absolute = {name for name, rule in finished.criteria.ruined.items() if rule.psnr_db is not None}
    assert set(rows["criterion"]) == absolute
    row = rows[
        (rows["semantic_system"] == "trained_smooth") & (rows["criterion"] == "psnr_20") & (rows["snr_db"] == 10)
    ]
    tops, bottom = (
        run.rows(f"criteria/{name}").query("criterion == 'psnr_20' and snr_db == 10")
        for name in ("trained_smooth", "hevc_ldpc_qpsk")
    )
    shared = (tops["ruinable"].to_numpy()) & ~bottom["infeasible"].to_numpy()
    expected = tops["power_total"].to_numpy()[shared].mean() / bottom["power_total"].to_numpy()[shared].mean()
    assert int(row["n_images"].iloc[0]) == shared.sum() > 0
    assert row["ratio"].iloc[0] == pytest.approx(expected, rel=1e-4)


def test_knowing_more_never_costs_power(run: Run) -> None:
    rows = run.rows("table/attacker_knowledge")
    assert list(rows["knowledge"].unique()) == list(knowledge.LEVELS)
    for side in ("semantic_power", "classical_power"):
        power = rows.pivot_table(index=["system", "snr_db"], columns="knowledge", values=side)
        for level in (knowledge.RECEIVER, knowledge.SENT):
            assert (power[level] <= power[knowledge.CHANNEL] * (1 + 1e-9)).all()
            assert (power[knowledge.ALL] <= power[level] * (1 + 1e-9)).all()
    both = rows.dropna(subset=["ratio"])
    np.testing.assert_allclose(both["ratio"], both["semantic_power"] / both["classical_power"], rtol=1e-4)


# bootstrap over trainings


def test_one_training_gives_the_bootstrap_over_images() -> None:
    values = np.random.default_rng(0).normal(size=(1, 30))
    np.testing.assert_array_equal(SeedBootstrap(1, 30, 200, 7).means(values), Bootstrap(30, 200, 7).means(values[0]))


def test_trainings_that_differ_widen_the_interval() -> None:
    values = np.random.default_rng(0).normal(size=(3, 200))
    apart = values + np.array([[-1.0], [0.0], [1.0]])
    alike, spread = (SeedBootstrap(3, 200, 1000, 7).means(of).std() for of in (values, apart))
    # three trainings at -1, 0, 1: the mean of three draws has the standard deviation sqrt(2/3)/sqrt(3)
    assert spread == pytest.approx(np.sqrt(2) / 3, rel=0.1)
    assert alike < spread / 4
