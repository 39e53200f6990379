"""The whole way in a small project: data, systems, clean, attacks, gallery, tables; and that the parts agree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from semrobust.config import params
from semrobust.config.params import Params
from semrobust.data.splits import load_split
from semrobust.errors import ResultError
from semrobust.measure.attack import VECTORS, aim
from semrobust.systems.distortion import mean_squared_error, mse_from_psnr_db, psnr_db
from semrobust.tables import bounds
from tests.attacks.samples import REPOSITORY
from tests.conftest import HU2022
from tests.made import Run

NET, CHAIN, NEVER = "deepjscc", "jpeg_ldpc_qpsk", "jpeg_ldpc_16qam_full"
SNR_DB = [4.0, 10.0]
SHORT = {"start_psr_db": -10.0, "stop_psr_db": 10.0, "step_db": 4.0, "bisections": 3}
OVERLAY: dict[str, Any] = {
    "run": "whole",
    "data": {"source": "photos10", "train_images": 512, "validation_images": 20, "test_images": 14},
    "link": {"snr_db": SNR_DB},
    "systems": {
        NET: {"width": 4, "training": {"epochs": 4, "batch": 32, "learning_rate": 5e-3}},
        "deepjscc_noiseless": None,
        "deepjscc_surrogate": None,
        "trained": None,
        **dict.fromkeys(("hevc_ldpc_qpsk", "hevc_ldpc_16qam", "jpeg_ldpc_16qam", "ladder", "ablation", *HU2022)),
        CHAIN: {"attacks": None, "study": None},
        NEVER: {"code": None, "modulation": "qpsk", "attacks": None},
    },
    "attacks": {
        "random": SHORT,
        "all_bits": SHORT,
        "least_reliable_bits": {"margins": [1.0], "grid": 5, "bisections": 3},
        "pga": {"step": 0.5, "max_steps": 60},
        "vulnerable_set": {"sets": 50, "candidates": 2, "bisections": 3, "rounds": 1, "trials": 2},
        "minimum_norm": {"starts": 2, "iterations": 20},
        **dict.fromkeys(("pga_refined", "carlini_wagner", "near_codeword", "bp_gradient", "greedy_bits", "dqn_bits")),
        **dict.fromkeys(("pulse_jamming", "universal", "transfer_pga", "transfer_minimum_norm")),
    },
    "structure": {
        "max_cycle": 6,
        "trapping_size": 6,
        "trapping_unsatisfied": 2,
        "growth_width": 100,
        "stopping_size": 4,
        "search_branches": 1000,
        "codeword_trials": 5,
        "max_sets": 20,
    },
    "evaluation": {"attack_images": 8, "batch": 5, "bootstrap_samples": 100, "gallery_psr_db": [-10.0, 0.0]},
    "recognition": {"images": 14},
    "criteria": {"images": 8},
    "compute": {"train_threads": 1},
}


TABLES = ("clean", "attack_power", "power_ratio", "bounds")


def whole() -> Params:
    raw = params.merge(params.read_yaml(REPOSITORY / "params.yaml"), OVERLAY)
    raw["systems"][NEVER]["code"] = raw["defaults"]["systems"]["chain"][
        "code"
    ]  # quicker to construct than an NR code for 16-QAM
    return params.validate(raw)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Everything made; the project's root is the working directory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("project"))
        made = Run(whole())
        made.make(
            "clean", "fading", "gallery", "table/clean", "table/attack_power", "table/power_ratio", "table/bounds"
        )
        yield made


def test_every_image_and_snr_has_one_row(run: Run) -> None:
    for system in run.params.systems:
        table = run.rows(f"clean/{system}")
        assert table[["snr_db", "image"]].apply(tuple, axis=1).tolist() == [(s, i) for s in SNR_DB for i in range(14)]
    for pair in run.params.pairs():
        table = run.rows(f"attack/{'.'.join(pair)}")
        assert table[["snr_db", "image"]].apply(tuple, axis=1).tolist() == [(s, i) for s in SNR_DB for i in range(8)]


def test_saved_perturbations_have_the_powers_and_effects_that_the_table_claims(run: Run) -> None:
    images = torch.from_numpy(load_split(run.dataset(), "test").images[:8].copy()).float() / 255.0
    limit = run.params.evaluation.success_psnr_db
    for system, attack in run.params.pairs():
        if system == NEVER:
            continue
        table, vectors = (
            run.rows(f"attack/{system}.{attack}"),
            load_file(run.path(f"attack/{system}.{attack}", VECTORS)),
        )
        assert sorted(vectors) == sorted(f"snr_db={snr_db:g}" for snr_db in SNR_DB)
        ready = run.system(system)
        for snr_db in SNR_DB:
            rows, found = table[table["snr_db"] == snr_db], vectors[f"snr_db={snr_db:g}"]
            assert found.shape == (8, 768)
            np.testing.assert_allclose(rows["power_total"], found.double().square().sum(1), rtol=1e-12)
            target = aim(ready, images, ready.encode(images), 0, snr_db, mse_from_psnr_db(limit), run.params.seed)
            again = psnr_db(
                mean_squared_error(ready.decode(target.received + found, 10 ** (-snr_db / 10)).images, images)
            )
            np.testing.assert_allclose(rows["psnr_db"], again, atol=1e-3)
            np.testing.assert_array_equal(rows["success"], rows["psnr_db"] <= limit + 1e-6)
        assert table["success"].any()
        assert (table["power_total"] > 0).any()


def test_clean_psnr_is_the_same_in_both_evaluations(run: Run) -> None:
    """Batches differ between the two (14 images in fives against 8), the noise of an image does not."""
    for system, attack in run.params.pairs():
        if system != NEVER:
            reference = run.rows(f"clean/{system}").query("image < 8")
            table = run.rows(f"attack/{system}.{attack}")
            np.testing.assert_allclose(table["clean_psnr_db"], reference["psnr_db"], atol=1e-3)


def test_system_that_cannot_send_is_not_attacked(run: Run) -> None:
    pairs = [pair for pair in run.params.pairs() if pair[0] == NEVER]
    assert len(pairs) == 4
    for pair in pairs:
        table = run.rows(f"attack/{'.'.join(pair)}")
        assert table["infeasible"].all()
        assert (table["power_total"] == 0).all()
        assert (table["steps"] == 0).all()
        assert not any(vector.any() for vector in load_file(run.path(f"attack/{'.'.join(pair)}", VECTORS)).values())


def test_evaluation_again_gives_the_same_bytes(run: Run) -> None:
    for address in (f"clean/{NET}", f"attack/{NET}.pga", "table/clean"):
        before = run.path(address).read_bytes()
        run.again(address)
        assert run.path(address).read_bytes() == before, address


def test_tables_hold_the_means_over_all_images(run: Run) -> None:
    table = run.rows("table/attack_power")
    assert len(table) == 2 * (len(run.params.pairs()) + len(run.params.attacked()))  # best_of adds one per system
    for system, attack in run.params.pairs():
        samples = run.rows(f"attack/{system}.{attack}")
        for snr_db in SNR_DB:
            row = table.query("system == @system and attack == @attack and snr_db == @snr_db").iloc[0]
            expected = samples.loc[samples["snr_db"] == snr_db, "power_total"].mean()
            if system == NEVER:
                assert np.isnan(row["power_total_mean"])
            else:
                assert row["power_total_mean"] == pytest.approx(expected, rel=1e-5)
    ratios = run.rows("table/power_ratio")
    assert set(ratios["system"]) == {f"{NET}/{CHAIN}", f"{NET}/{NEVER}"}
    quality = run.rows("table/clean")
    assert quality.groupby("system")["status"].first().to_dict() == {NET: "ok", CHAIN: "ok", NEVER: "infeasible"}
    assert (quality.loc[quality["system"] == CHAIN, "dataset"] == "photos10").all()


def test_gallery_shows_the_clean_decode_first_and_the_strongest_attack(run: Run) -> None:
    with np.load(run.path("gallery/gallery")) as stored:
        content = dict(stored)
    assert content["images"].shape == (2, 2, 3, 32, 32, 3)
    assert content["systems"].tolist() == [NET, CHAIN]  # what never fits has nothing to show
    test = load_split(run.dataset(), "test").images[:2]
    np.testing.assert_array_equal(content["originals"], test.transpose(0, 2, 3, 1))
    for index, system in enumerate((NET, CHAIN)):
        reference = run.rows(f"clean/{system}").query("snr_db == 10 and image < 2")
        np.testing.assert_allclose(content["psnr_db"][index, :, 0], reference["psnr_db"], atol=1e-3)
        # an attack scaled to 0 dB cannot leave the image better than it was
        assert (content["psnr_db"][index, :, -1] < content["psnr_db"][index, :, 0]).all()
        powers = {}
        for name, attack in run.params.pairs():
            if name == system:
                shown = run.rows(f"attack/{system}.{attack}").query("snr_db == 10 and image < 2")
                powers[attack] = shown["power_total"].where(shown["success"], np.inf).mean()
        assert content["attacks"][index] == min(powers, key=lambda attack: powers[attack])
    shown = content["images"].astype(float)
    pixels = ((shown - content["originals"][None, :, None]) ** 2).mean(axis=(3, 4, 5)) / 255**2
    # pixels are rounded to whole levels, mid-grey from 127.5 to 128, which moves the error a little
    np.testing.assert_allclose(-10 * np.log10(pixels), content["psnr_db"], atol=0.1)


def test_theory_speaks_of_every_attacked_image(run: Run) -> None:
    for system in run.params.attacked():
        table = run.rows(f"theory/{system}")
        assert table[["snr_db", "image"]].apply(tuple, axis=1).tolist() == [(s, i) for s in SNR_DB for i in range(8)]
        gradient = system == NET
        assert table["spectral"].notna().all() == table["certified"].notna().all() == gradient
        if gradient:
            assert table["converged"].mean() > 0.5
            assert (table["spectral"] <= table["certified"]).all()
            # one direction is at most all of them: ||J||_2 <= ||J||_F, of which 16 probes see a noisy estimate
            assert (table["spectral"].mean() ** 2) < table["frobenius_squared"].mean()
            reference = run.rows(f"clean/{system}").query("image < 8")
            clean_psnr = -10 * np.log10(table["clean_mse"])
            np.testing.assert_allclose(clean_psnr, reference["psnr_db"], atol=1e-3)


def test_slope_of_the_way_belongs_to_the_cheapest_attack(run: Run) -> None:
    """Its diagnostic never exceeds the power of that attack: else it is another attack's way, or another image's."""
    table = run.rows("table/bounds")
    attacks = run.rows("table/attack_power")
    for snr_db in SNR_DB:
        of_net = table[(table["system"] == NET) & (table["snr_db"] == snr_db)].set_index("quantity")
        power, images = of_net["power_total_mean"], of_net["n_images"]
        assert 0 < power["certified"] < power["path"] <= power["measured"]
        assert of_net["n_beaten"]["path"] == of_net["n_beaten"]["certified"] == 0
        assert images["path"] == images["measured"]
        row = attacks[(attacks["system"] == NET) & (attacks["snr_db"] == snr_db) & (attacks["attack"] == "best_of")]
        if images["measured"] == 8:
            assert power["measured"] == pytest.approx(row["power_total_mean"].item())


def test_an_attack_that_beats_a_bound_fails_the_table(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "least_power", lambda *given: 1e3 * np.ones(len(given[1])))
    with pytest.raises(ResultError, match=r"deepjscc at 4 dB: \d of \d images below 'certified'"):
        run.again("table/bounds")
    assert not run.path("table/bounds").exists()
