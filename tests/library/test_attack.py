"""Attacks and clean measurements by the library: their numbers, their settings, and what they say."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
import torch
from torch import nn

from semrobust import (
    AttackOutcome,
    CleanOutcome,
    Transceiver,
    attack,
    chain,
    evaluate,
    fitting_attacks,
    load,
    load_images,
)
from semrobust.attacks.base import attack_of
from semrobust.errors import UsageError
from semrobust.tables import attack_power, clean
from semrobust.tables.statistics import Bootstrap
from tests.library.samples import USES, copying, mine, pixels
from tests.made import CHAIN, NET, NEVER, SNR_DB, Run

COUNT = 8
SEED = 20260324


@pytest.mark.parametrize(
    ("system", "method"), [(NET, "pga_refined"), (NET, "random"), (CHAIN, "vulnerable_set"), (NEVER, "random")]
)
def test_an_attack_gives_the_rows_of_the_run_s_table(run: Run, system: str, method: str) -> None:
    """Also in other batches, and with the structure of the code searched anew."""
    expected = run.frame(f"attack/{system}.{method}")
    loaded = load(system, params=run.params, folder=run.folder)
    given = run.params.section("attacks", method)
    outcome = attack(
        loaded,
        load_images(COUNT, params=run.params, folder=run.folder),
        SNR_DB,
        method,
        batch=3,
        structure=run.params.section("structure"),
        **{key: value for key, value in given.items() if key not in ("kind", "label")},
    )
    pd.testing.assert_frame_equal(outcome.rows, expected, rtol=1e-4, atol=1e-4)
    assert outcome.seed == run.params.seed == SEED


@pytest.mark.parametrize("system", [NET, CHAIN, NEVER])
def test_an_evaluation_gives_the_rows_of_the_run_s_table(run: Run, system: str) -> None:
    loaded = load(system, params=run.params, folder=run.folder)
    quality = evaluate(loaded, load_images(params=run.params, folder=run.folder), SNR_DB, batch=5)
    pd.testing.assert_frame_equal(quality.rows, run.frame(f"clean/{system}"), rtol=1e-5, atol=1e-5)


def outcome(snr_db: Any = 10, method: str = "minimum_norm", images: int = 4, **settings: Any) -> AttackOutcome:
    settings = {"starts": 2, "iterations": 40, "success_psnr_db": 17.0} | settings
    if method != "minimum_norm":
        del settings["starts"], settings["iterations"]
    return attack(copying(), torch.full((images, 3, 32, 32), 0.5) + 0.01 * pixels(images), snr_db, method, **settings)


def test_numbers_of_images_belong_together() -> None:
    one, several = outcome(), outcome([10, 0.0])
    assert (one.snr_db, several.snr_db, one.n_images) == (10.0, (10.0, 0.0), 4)
    for name in ("success", "power_total", "power_per_use", "psr_db", "psnr_db", "clean_psnr_db", "vanished"):
        values = getattr(one, name)
        assert values.shape == (4,)
        torch.testing.assert_close(getattr(several, name)[0], values)
    torch.testing.assert_close(several.vectors[0], one.vectors)
    torch.testing.assert_close(one.vectors.double().square().sum(1), one.power_total)
    torch.testing.assert_close(one.power_per_use, one.power_total / USES)
    torch.testing.assert_close(10 ** (one.psr_db / 10), one.power_per_use)
    assert one.success.dtype == torch.bool
    assert (one.psnr_db[one.success] <= 17 + 1e-4).all()
    assert (one.clean_psnr_db > one.psnr_db).all()
    frame = several.to_frame()
    assert len(frame) == 8
    assert list(frame["psr_db"][frame["snr_db"] == 10]) == pytest.approx(one.psr_db.tolist())
    frame.loc[:, "success"] = False
    assert several.success.any(), "a frame is a copy"


def test_a_summary_is_the_row_of_the_tables() -> None:
    found, quality = outcome([0, 10]), evaluate(copying(), pixels(), [0, 10])
    row = found.summary().iloc[1]
    group = found.rows[found.rows["snr_db"] == 10]
    expected = attack_power.summary(group, USES, lambda images: Bootstrap(images, 1000, SEED))
    assert {name: row[name] for name in expected} == pytest.approx(expected, nan_ok=True)
    assert row["power_total_low"] <= row["power_total_mean"] <= row["power_total_high"]
    expected = clean.summary(quality.rows[quality.rows["snr_db"] == 10], lambda images: Bootstrap(images, 1000, SEED))
    assert {name: quality.summary().iloc[1][name] for name in expected} == pytest.approx(expected, nan_ok=True)
    assert isinstance(quality, CleanOutcome)
    assert (quality.psnr_db[1] > quality.psnr_db[0]).all()


def test_what_is_printed_says_what_a_number_would_hide() -> None:
    text = repr(outcome())
    assert text.startswith("minimum_norm on copying: 4 images, N = 192 real channel uses, broken at PSNR <= 17 dB\n")
    assert "100% broken, mean ||s||² = " in text
    weak = repr(outcome(method="random", start_psr_db=-20.0, stop_psr_db=-10.0))
    assert "0% within the powers tried: up to ||s||² = 19.2 (-10.0 dB against the signal)" in weak
    flat = mine(
        decoder=nn.Sequential(nn.Unflatten(1, (3, 8, 8)), nn.Hardtanh(49, 50), nn.Upsample(scale_factor=4), Half())
    )
    blind = attack(flat, pixels(), 10, "pga", max_steps=2)
    assert blind.vanished.tolist() == [1.0] * 4
    assert "the gradient vanished for 100%: there the attack is blind" in repr(blind)
    alone = repr(outcome(success_psnr_db=50.0))
    assert "100% are broken by the channel's noise alone, and count with power 0" in alone
    never = chain("jpeg", stream="full", real_uses=768)
    assert "no image fits the bit budget" in repr(attack(never, pixels(2), 10, "random"))
    assert "no image fits the bit budget" in repr(evaluate(never, pixels(2), 10))


class Half(nn.Module):
    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values / 100


def test_an_attack_may_be_named_by_its_kind_or_given_whole() -> None:
    by_name, by_kind = outcome(method="random"), outcome(method="random_direction")
    whole = attack_of(
        {"kind": "random_direction", "start_psr_db": -20.0, "stop_psr_db": 20.0, "step_db": 2.0, "bisections": 5}
    )
    given = attack(copying(), torch.full((4, 3, 32, 32), 0.5) + 0.01 * pixels(), 10, whole, success_psnr_db=17.0)
    assert torch.equal(by_name.vectors, by_kind.vectors)
    assert torch.equal(by_name.vectors, given.vectors)
    with pytest.raises(UsageError, match="step_db: an attack that is given whole has its settings already"):
        attack(copying(), pixels(), 10, whole, step_db=1.0)


@pytest.mark.parametrize(
    ("method", "settings", "message"),
    [
        ("pga", {"stepp": 1.0}, r"'pga' has no setting 'stepp' \(did you mean 'step'\?\). It has: step = 0.1, epsilon"),
        ("pga", {"step": -1.0, "max_steps": 1.5}, r"(?s)wrong settings of attack 'pga':.*step: -1.0.*max_steps: 1.5"),
        ("pgaa", {}, r"unknown attack 'pgaa' \(did you mean 'pga'\?\); known: random, "),
        ("vulnerable_set", {}, "needs 'soft_bits', which mine does not offer. Attacks that fit: random, pulse_"),
        ("transfer_pga", {}, "tries vectors that were made elsewhere"),
        ("pga", {"batch": 0}, "batch: 0, must be a whole number of at least 1"),
        ("pga", {"success_psnr_db": 0}, "success_psnr_db: 0, must be a number above 0"),
        ("pga", {"success_psnr_db": "15"}, "success_psnr_db: '15', must be a number"),
        ("pga", {"success_psnr_db": True}, "success_psnr_db: True, must be a number"),
        (None, {}, "attack: None, must be a name, not a NoneType"),
        ("pga", {"seed": -1}, "seed: -1, must be a whole number of at least 0"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be(method: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        attack(mine(), pixels(2), 10, method, **settings)


def test_how_far_a_graph_is_searched_is_checked_like_a_setting() -> None:
    with pytest.raises(UsageError, match=r"structure has no setting 'trapping_siz' \(did you mean 'trapping_size'\?\)"):
        attack(chain("jpeg"), pixels(2), 10, "vulnerable_set", structure={"trapping_siz": 6})
    for wrong in ({"structure": {"trapping_siz": 6}}, {"instantons": {"start": 1}}, {"structure": 5}):  # nor used here
        with pytest.raises(UsageError, match=r"structure|instantons"):
            attack(mine(), pixels(2), 10, "random", **wrong)


@pytest.mark.parametrize("snr_db", [[], [10, 10], float("nan"), 200, None, "ten", ["ten"], "10", ["10"], True, [True]])
def test_snrs_that_cannot_be(snr_db: Any) -> None:
    with pytest.raises(UsageError, match="snr_db"):
        evaluate(mine(), pixels(2), snr_db)


def test_the_attacks_that_fit_are_those_that_run() -> None:
    for system in (mine(), chain("jpeg")):
        fit = fitting_attacks(system)
        assert {"random", "pulse_jamming"} <= fit.keys()
        assert ("pga" in fit) == isinstance(system, Transceiver) != ("vulnerable_set" in fit)
        assert "transfer_pga" not in fit
        for name in ("random", "pga" if "pga" in fit else "least_reliable_bits"):
            attack(system, pixels(1), 10, name, **fit[name])
        assert "images" not in fit["universal" if "pga" in fit else "random"], "attack has an argument of this name"
    ask: Any = fitting_attacks
    with pytest.raises(UsageError, match="a str is no transceiver"):
        ask("hevc")


def test_images_that_are_not_sent_are_not_broken_by_noise() -> None:
    tight = chain("jpeg", code="1/2", modulation="qpsk", real_uses=128)
    said = str(attack(tight, pixels(2), 10, "random", step_db=10.0))
    assert "100% do not fit the bit budget" in said
    assert "noise alone" not in said


@pytest.mark.gpu
def test_tensors_of_a_gpu_go_in_and_come_out() -> None:
    transceiver, images = mine(), pixels()
    here = attack(transceiver, images, 10, starts=1, iterations=10)
    for end in (transceiver.encoder, transceiver.decoder):
        assert isinstance(end, nn.Module)
        end.cuda()
    there = attack(transceiver, images.cuda(), 10, starts=1, iterations=10)
    assert there.vectors.is_cuda
    torch.testing.assert_close(there.power_total, here.power_total, rtol=0.02, atol=0.1)
    torch.testing.assert_close(
        evaluate(transceiver, images.cuda(), 10).psnr_db, evaluate(mine(), images, 10).psnr_db, rtol=0, atol=0.01
    )
