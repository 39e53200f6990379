"""Measurements of systems that show images, on real files: they agree with each other and with the systems."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from scipy import stats

from semrobust.errors import ResultError
from semrobust.measure.aim import aim
from semrobust.measure.vectors import VECTORS
from semrobust.systems.distortion import mean_squared_error, mse_from_psnr_db, psnr_db
from semrobust.tables import bounds
from tests.made import CHAIN, IMAGES, NET, NEVER, SNR_DB, Run

ATTACKED = 8
LIMIT = 15.0


def powers(run: Run, system: str, attack: str) -> pd.DataFrame:
    return run.frame(f"attack/{system}.{attack}")


def numbered(table: pd.DataFrame) -> list[tuple[float, int]]:
    return [(float(snr_db), int(image)) for snr_db, image in zip(table["snr_db"], table["image"], strict=True)]


def test_every_image_and_snr_has_one_row(run: Run) -> None:
    for system in run.params.of_task("image"):
        assert numbered(run.frame(f"clean/{system}")) == [(snr, image) for snr in SNR_DB for image in range(IMAGES)]
    expected = [(snr, image) for snr in SNR_DB for image in range(ATTACKED)]
    for pair in run.params.pairs():
        table = powers(run, *pair)
        of_each = table.groupby("criterion") if "criterion" in table else [("", table)]
        assert all(numbered(rows) == expected for _, rows in of_each)
    for system in run.params.attacked():
        assert numbered(run.frame(f"theory/{system}")) == expected


def test_saved_perturbations_have_the_powers_and_effects_that_the_table_claims(run: Run) -> None:
    images = run.images(ATTACKED)
    assert run.params.evaluation.success_psnr_db == LIMIT
    for system, attack in run.params.pairs():
        if system == NEVER or run.params.task(system) != "image":
            continue
        table, vectors = powers(run, system, attack), load_file(run.path(f"attack/{system}.{attack}", VECTORS))
        assert sorted(vectors) == sorted(f"snr_db={snr_db:g}" for snr_db in SNR_DB)
        ready = run.system(system)
        for snr_db in SNR_DB:
            rows, found = table[table["snr_db"] == snr_db], vectors[f"snr_db={snr_db:g}"]
            assert found.shape == (ATTACKED, ready.real_uses)
            np.testing.assert_allclose(rows["power_total"], found.double().square().sum(1), rtol=1e-12)
            sent = ready.encode(images)
            target = aim(ready, images, sent, 0, snr_db, mse_from_psnr_db(LIMIT), run.params.seed)
            again = psnr_db(
                mean_squared_error(ready.decode(target.received + found, 10 ** (-snr_db / 10)).images, images)
            )
            np.testing.assert_allclose(rows["psnr_db"], again, atol=1e-3)
            np.testing.assert_array_equal(rows["success"], rows["psnr_db"] <= LIMIT + 1e-6)
        assert table["success"].any()
        assert (table["power_total"] > 0).any()


def test_clean_psnr_is_the_same_in_all_measurements(run: Run) -> None:
    """Batches differ between them (12 images in fives against 8), the noise of an image does not."""
    clean = {system: run.frame(f"clean/{system}").query(f"image < {ATTACKED}") for system in run.params.attacked()}
    for system, attack in run.params.pairs():
        if system in clean and system != NEVER:
            table = powers(run, system, attack)
            np.testing.assert_allclose(table["clean_psnr_db"], clean[system]["psnr_db"], atol=1e-3)
    theory = -10 * np.log10(run.frame(f"theory/{NET}")["clean_mse"])
    np.testing.assert_allclose(theory, clean[NET]["psnr_db"], atol=1e-3)


def test_the_first_draw_of_an_attack_is_the_recorded_one_and_others_start_elsewhere(run: Run) -> None:
    pairs = run.params.main_pairs()
    assert (NET, "minimum_norm") in pairs
    for pair in pairs:
        draws = run.frame(f"spread/{'.'.join(pair)}")
        first = draws[draws["draw"] == 0].drop(columns="draw").reset_index(drop=True)
        recorded = powers(run, *pair)
        recorded = recorded[recorded["snr_db"].isin(set(first["snr_db"]))].reset_index(drop=True)
        pd.testing.assert_frame_equal(first, recorded)
        assert set(draws["draw"]) == {0, 1}
        second = draws[draws["draw"] == 1].reset_index(drop=True)
        np.testing.assert_allclose(second["clean_psnr_db"], first["clean_psnr_db"])  # the noise is the same
        if pair == (NET, "minimum_norm"):
            assert (second["power_total"] != first["power_total"]).any()


def test_system_that_cannot_send_is_not_attacked(run: Run) -> None:
    pairs = [pair for pair in run.params.pairs() if pair[0] == NEVER]
    assert len(pairs) > 3
    for pair in pairs:
        table = powers(run, *pair)
        assert table["infeasible"].all()
        assert (table["power_total"] == 0).all()
        assert (table["steps"] == 0).all()
        assert not any(vector.any() for vector in load_file(run.path(f"attack/{'.'.join(pair)}", VECTORS)).values())


@pytest.mark.parametrize(
    "address", [f"clean/{CHAIN}", f"attack/{NET}.pga_refined", f"attack/{CHAIN}.vulnerable_set", "gallery/gallery"]
)
def test_measuring_again_gives_the_same_bytes(run: Run, address: str) -> None:
    before, after = run.again(address)
    assert after == before


def test_a_perturbation_made_on_a_surrogate_keeps_its_direction(run: Run) -> None:
    made = load_file(run.path("attack/deepjscc_surrogate.pga_refined", VECTORS))
    tried = load_file(run.path(f"attack/{NET}.transfer_pga", VECTORS))
    moved = 0
    for place, vectors in tried.items():
        used = vectors.norm(dim=1) > 0
        cosine = torch.nn.functional.cosine_similarity(vectors[used], made[place][used])
        assert (cosine > 0.999).all()
        moved += int(used.sum())
    assert moved


def test_gallery_shows_the_clean_decode_first_and_the_strongest_attack(run: Run) -> None:
    content = run.arrays("gallery/gallery")
    assert content["images"].shape == (2, 2, 3, 32, 32, 3)
    assert content["systems"].tolist() == [NET, CHAIN]  # what never fits has nothing to show
    np.testing.assert_array_equal(content["originals"], run.pixels(2)[0].numpy().transpose(0, 2, 3, 1))
    for index, system in enumerate((NET, CHAIN)):
        reference = run.frame(f"clean/{system}").query("snr_db == 10 and image < 2")
        np.testing.assert_allclose(content["psnr_db"][index, :, 0], reference["psnr_db"], atol=1e-3)
        # an attack scaled to 0 dB makes an image worse; one that the channel has broken is not attacked
        before, after = content["psnr_db"][index, :, 0], content["psnr_db"][index, :, -1]
        assert (np.where(before > LIMIT, after < before, after == before)).all()
        assert (before > LIMIT).any()
        cost = {}
        for name, attack in run.params.pairs():
            if name == system:
                shown = powers(run, system, attack).query("snr_db == 10 and image < 2")
                cost[attack] = shown["power_total"].where(shown["success"], np.inf).mean()
        assert content["attacks"][index] == min(cost, key=lambda attack: cost[attack])
    shown = content["images"].astype(float)
    pixels = ((shown - content["originals"][None, :, None]) ** 2).mean(axis=(3, 4, 5)) / 255**2
    # pixels are rounded to whole levels, mid-grey from 127.5 to 128, which moves the error a little
    np.testing.assert_allclose(-10 * np.log10(pixels), content["psnr_db"], atol=0.1)


def test_theory_of_a_network_is_about_its_slopes_and_of_a_chain_about_its_code(run: Run) -> None:
    net, chain, never = (run.frame(f"theory/{system}") for system in (NET, CHAIN, NEVER))
    slopes = ["spectral", "certified", "frobenius_squared"]
    assert net[slopes].notna().all().all()
    assert net[["codeword_power", "stopping_power"]].isna().all().all()
    assert net["converged"].mean() > 0.5
    assert (net["spectral"] <= net["certified"]).all()
    # one direction is at most all of them: ||J||_2 <= ||J||_F, of which 16 probes see a noisy estimate
    assert net["spectral"].mean() ** 2 < net["frobenius_squared"].mean()
    for table in (chain, never):
        assert table[slopes].isna().all().all()
    assert chain["codeword_power"].notna().any()
    assert (chain["codeword_power"].dropna() > 0).all()
    assert never["codeword_power"].isna().all()


def test_the_way_to_an_attack_is_no_steeper_than_the_certificate_and_explains_its_power(run: Run) -> None:
    """||s|| is at least the distance that the distortion must go over the steepest piece of the way to s."""
    theory = run.frame(f"theory/{NET}").set_index(["snr_db", "image"])
    attacks = [powers(run, *pair).set_index(["snr_db", "image"]) for pair in run.params.pairs() if pair[0] == NET]
    least = pd.concat([table["power_total"].where(table["success"], np.inf) for table in attacks], axis=1).min(axis=1)
    broken = np.isfinite(least) & (least > 0)  # by an attack, and not by the channel alone
    assert broken.sum() >= 5
    rows, power = theory[broken], least[broken]
    assert (rows["path"] <= rows["certified"] * (1 + 1e-6)).all()
    rise = np.sqrt(3 * 32 * 32) * (np.sqrt(mse_from_psnr_db(LIMIT)) - np.sqrt(rows["clean_mse"]))
    assert (rise > 0).all()
    assert ((rise / rows["path"]) ** 2 <= power * (1 + 1e-3)).all()
    table = run.frame("table/bounds").query("system == @NET").set_index("quantity")
    assert set(table.loc[["certified", "path"], "n_beaten"]) == {0}


def test_the_change_of_the_last_layer_is_that_of_the_image(run: Run) -> None:
    """Two trainings that differ by their length alone; the weakest attack of each as its tables have it."""
    assert list(run.params.lengths()) == ["length_e50", NET]
    for system in run.params.lengths():
        found, ready = run.frame(f"layers/{system}"), run.system(system)
        found = found[found["layer"] == found["layer"].max()]
        assert set(found["layer_kind"]) == {"Sigmoid"}
        attacks = {attack: powers(run, system, attack) for attack in run.params.length_attacks()}
        for snr_db in set(found["snr_db"]):
            at_snr = {name: table[table["snr_db"] == snr_db].reset_index() for name, table in attacks.items()}
            costs = pd.DataFrame(
                {name: table["power_total"].where(table["success"], np.inf) for name, table in at_snr.items()}
            )
            change = found[found["snr_db"] == snr_db]["attack"].to_numpy()
            for image in range(ATTACKED):
                if not np.isfinite(costs.loc[image]).any():
                    assert np.isnan(change[image])
                    continue
                vectors = load_file(run.path(f"attack/{system}.{costs.loc[image].idxmin()}", VECTORS))
                one = run.images(ATTACKED)[image : image + 1]
                target = aim(ready, one, ready.encode(one), image, snr_db, 0.0, run.params.seed)
                before, after = (
                    ready.decode(target.received + shift, 10 ** (-snr_db / 10)).images
                    for shift in (0.0, vectors[f"snr_db={snr_db:g}"][image : image + 1])
                )
                assert change[image] == pytest.approx(
                    float((after - before).norm() / before.norm()), rel=1e-3, abs=1e-6
                )


def test_certificates_stand_below_every_attack(run: Run) -> None:
    found = run.frame(f"certificate/{NET}")
    assert list(found["image"]) == [0, 1, 2]
    assert (found["snr_db"] == 10.0).all()
    theory = run.frame(f"theory/{NET}").merge(found, on=["image", "snr_db"])
    sound = theory["clean_mse"] < mse_from_psnr_db(LIMIT)
    assert (theory["certified_power"][sound] > 0).all()
    assert (theory["certified_power"] <= theory["linear"]).all()
    assert (found["survived"] <= 60).all()
    # all of n survive: p^n = 1 - confidence; noise of variance 0.1
    most = 0.1 * stats.norm.ppf(0.001 ** (1 / 60)) ** 2
    assert (found["smoothed_power"] <= most * (1 + 1e-9)).all()
    assert set(run.frame("table/bounds").query("system == @NET")["quantity"]) >= {"image", "smoothed"}


def test_codes_have_pseudo_weights_between_their_bounds(run: Run) -> None:
    row = run.frame(f"pseudo_weight/{CHAIN}").iloc[0]
    assert row["programs"] == 2
    assert 1 <= row["pseudo_weight_proved"] <= row["pseudo_weight"]
    assert not row["pseudo_weight"] > row["distance"]


def test_an_attack_that_beats_a_bound_fails_the_table(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(bounds, "least_power", lambda *given: 1e3 * np.ones(len(given[1])))
        with pytest.raises(ResultError, match=r"deepjscc at 5 dB: \d of \d images below 'certified'"):
            run.again("table/bounds")
    assert not run.is_made("table/bounds")


def test_knowing_more_never_costs_power(run: Run) -> None:
    rows = run.frame("table/attacker_knowledge")
    for side in ("semantic_power", "classical_power"):
        power = rows.pivot_table(index=["system", "snr_db"], columns="knowledge", values=side)
        assert set(power) == {"channel", "sent", "traffic", "all"}  # no attack of these params knows the receiver alone
        assert (power["sent"] <= power["channel"] * (1 + 1e-9)).all()
        assert (power["traffic"] <= power["sent"] * (1 + 1e-9)).all()
        assert (power["all"] <= power["traffic"] * (1 + 1e-9)).all()
    both = rows.dropna(subset=["ratio"])
    np.testing.assert_allclose(both["ratio"], both["semantic_power"] / both["classical_power"], rtol=1e-4)
