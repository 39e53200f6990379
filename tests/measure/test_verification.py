"""Vectors are decoded again: a better one is told from a worse one, and nothing counts for what a file says."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from semrobust.measure import submission, verification
from semrobust.measure.submission import Submission, Vectors
from semrobust.measure.vectors import VECTORS, at
from semrobust.measure.verification import Bench, claims, judged
from semrobust.pipeline import files
from semrobust.tables.ranking import improvement
from tests.made import CHAIN, NET, SNR_DB, Run, made_params

ATTACK = "random"
"""Weak, so that there is something to improve."""

IMAGES = [1, 2, 4, 7]
ABOUT = {"title": "Shorter", "author": "A. Name", "date": "2026-01-31", "links": [], "method": "Bisection."}


@pytest.fixture(scope="module")
def bench(run: Run) -> Bench:
    run.artifact(f"train/{NET}")
    with contextlib.chdir(run.folder):
        return Bench.of(run.plan, run.params, NET)


@pytest.fixture(scope="module")
def known(run: Run) -> pd.DataFrame:
    return run.frame(f"attack/{NET}.{ATTACK}")


@pytest.fixture(scope="module")
def shorter(run: Run, bench: Bench, known: pd.DataFrame) -> Vectors:
    """What the attack found on some images, shortened by bisection as long as the image stays broken."""
    stored = load_file(run.path(f"attack/{NET}.{ATTACK}", VECTORS))
    found = {snr_db: stored[at(snr_db)][IMAGES] for snr_db in SNR_DB}
    low, high = ({snr_db: torch.full((len(IMAGES), 1), end) for snr_db in SNR_DB} for end in (0.0, 1.0))
    for _ in range(8):
        middle = {snr_db: (low[snr_db] + high[snr_db]) / 2 for snr_db in SNR_DB}
        rows = bench.decoded({snr_db: middle[snr_db] * found[snr_db] for snr_db in SNR_DB}, IMAGES)
        for snr_db in SNR_DB:
            broken = torch.from_numpy(rows.loc[rows["snr_db"] == snr_db, "success"].to_numpy(copy=True))[:, None]
            high[snr_db] = torch.where(broken, middle[snr_db], high[snr_db])
            low[snr_db] = torch.where(broken, low[snr_db], middle[snr_db])
    return {snr_db: high[snr_db] * found[snr_db] for snr_db in SNR_DB}


Sent = Callable[..., Submission]


@pytest.fixture(scope="module")
def sent(bench: Bench, shorter: Vectors, tmp_path_factory: pytest.TempPathFactory) -> Sent:
    """A submission of these vectors; other parts as they are given."""

    def send(**parts: Any) -> Submission:
        described = {"against": bench.against, "images": IMAGES, "claims": claims(bench.decoded(shorter, IMAGES))}
        return submission.write(tmp_path_factory.mktemp("sent") / "shorter.json", ABOUT | described | parts, shorter)

    return send


def test_a_stored_vector_does_again_what_the_table_says(run: Run, bench: Bench, known: pd.DataFrame) -> None:
    stored = load_file(run.path(f"attack/{NET}.{ATTACK}", VECTORS))
    rows = bench.decoded({snr_db: stored[at(snr_db)] for snr_db in SNR_DB})
    same = ["image", "snr_db", "success", "breakable", "infeasible"]
    pd.testing.assert_frame_equal(rows[same], known[same])
    np.testing.assert_allclose(rows["power_total"], known["power_total"], rtol=1e-12)
    np.testing.assert_allclose(rows["psnr_db"], known["psnr_db"], atol=1e-3)


def test_a_subset_of_the_images_meets_the_same_noise(bench: Bench, shorter: Vectors) -> None:
    some = bench.decoded(shorter, IMAGES)
    one = bench.decoded({snr_db: tensor[2:3] for snr_db, tensor in shorter.items()}, IMAGES[2:3])
    np.testing.assert_allclose(some.loc[some["image"] == IMAGES[2], "psnr_db"], one["psnr_db"], atol=1e-3)


def test_a_shorter_vector_holds_and_improves_what_is_known(
    bench: Bench, shorter: Vectors, sent: Sent, known: pd.DataFrame
) -> None:
    rows = bench.decoded(shorter, IMAGES)
    submitted = sent()
    assert bench.differences(submitted) == []
    assert judged(submitted, rows)["holds"].all()
    gain = improvement(rows, {ATTACK: known})
    assert gain["better"].sum() > 0
    assert (gain["new_power_total_mean"] <= gain["known_power_total_mean"]).all()
    assert (gain["new_power_total_mean"] < gain["known_power_total_mean"]).any()
    nothing = improvement(known[known["image"].isin(IMAGES)], {ATTACK: known})
    assert (nothing["better"] == 0).all()
    assert (nothing["new_power_total_mean"] == nothing["known_power_total_mean"]).all()


def test_less_power_or_more_broken_images_than_there_are_does_not_hold(
    bench: Bench, shorter: Vectors, sent: Sent
) -> None:
    rows = bench.decoded(shorter, IMAGES)
    honest = claims(rows)
    for key, change in (("power_total_mean", -1e-3 * honest[1]["power_total_mean"]), ("broken", 1)):
        lying = [honest[0], honest[1] | {key: honest[1][key] + change}]
        assert judged(sent(claims=lying), rows)["holds"].tolist() == [True, False]
    modest = [claim | {"broken": 0, "power_total_mean": 1e6} for claim in honest]
    assert judged(sent(claims=modest), rows)["holds"].all()


def test_vectors_that_are_too_short_are_not_believed(bench: Bench, shorter: Vectors, sent: Sent) -> None:
    rows = bench.decoded({snr_db: tensor / 4 for snr_db, tensor in shorter.items()}, IMAGES)
    assert not judged(sent(), rows)["holds"].any()


def test_zeros_are_no_vectors(bench: Bench, shorter: Vectors, sent: Sent) -> None:
    rows = bench.decoded({snr_db: torch.zeros_like(tensor) for snr_db, tensor in shorter.items()}, IMAGES)
    verdict = judged(sent(claims=claims(rows)), rows)
    assert verdict["empty"].gt(0).any()
    assert (verdict["holds"] == (verdict["empty"] == 0)).all()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("seed", 1, "against.seed: 1, here "),
        ("checkpoint_sha256", "0" * 64, "against.checkpoint_sha256: '0000"),
        ("dataset_digest", "0" * 64, "against.dataset_digest: '0000"),
        ("success_psnr_db", 20.0, "against.success_psnr_db: 20.0, here 15.0"),
        ("real_uses", 2, "against.real_uses: 2, here 384"),
        ("settings", {"kind": "deepjscc"}, "against.settings."),
    ],
)
def test_what_was_made_against_something_else_is_told(
    key: str, value: Any, message: str, bench: Bench, sent: Sent
) -> None:
    (found,) = bench.differences(sent(against=bench.against | {key: value}))
    assert found.startswith(message)


def test_images_and_snrs_that_the_run_has_not_are_told(bench: Bench, sent: Sent) -> None:
    claimed = [{"snr_db": 3.0, "broken": 1, "power_total_mean": 1.0}]
    assert bench.differences(sent(claims=claimed, images=[0, 1, 2, 8])) == [
        "claims: 3 dB, here 5, 10",
        "images: 8, here the first 8 are attacked",
    ]


@pytest.mark.slow
def test_an_accepted_submission_is_an_attack_of_the_run(
    run: Run, bench: Bench, shorter: Vectors, sent: Sent, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its table says what its vectors do; images without one get a random direction, so that none counts with 0."""
    file = tmp_path / "smith.json"
    submission.write(file, sent().model_dump(exclude={"format", "vectors_sha256"}), shorter)
    monkeypatch.setattr(submission, "SUBMISSIONS", tmp_path)
    entry = {"kind": "submitted", "label": "Smith", "run": "made", "system": NET, "sha256": files.sha256(file)}
    other = Run(made_params(attacks={"smith": entry}), run.folder)
    assert [pair for pair in other.params.pairs() if pair[1] == "smith"] == [(NET, "smith")]
    before = {each.address: each.key for each in run.plan if each.kind in ("train", "clean", "attack")}
    assert {address: other.plan[address].key for address in before} == before
    table = other.frame(f"attack/{NET}.smith")
    decoded = bench.decoded(shorter, IMAGES)
    mine = table[table["image"].isin(IMAGES)].reset_index(drop=True)
    np.testing.assert_allclose(mine["power_total"], decoded["power_total"], rtol=1e-12)
    np.testing.assert_array_equal(mine["success"], decoded["success"])
    rest = table[~table["image"].isin(IMAGES)]
    assert (rest["success"] | (rest["power_total"] > 0)).all()
    assert other.record(f"attack/{NET}.smith")["settings"]["attack"]["sha256"] == files.sha256(file)
    assert other.frame(f"theory/{NET}")["image"].nunique() == 8
    elsewhere = made_params(attacks={"smith": entry}, run="elsewhere")
    assert "smith" not in {attack for _, attack in elsewhere.pairs()}


def test_the_runs_own_vectors_are_confirmed(run: Run, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for pair in run.params.pairs():
        if pair[0] == NET:
            run.artifact(f"attack/{'.'.join(pair)}")
    monkeypatch.chdir(run.folder)
    counts = {snr_db: verification.again(bench, run.plan, snr_db) for snr_db in SNR_DB}
    assert all(same == broken == 8 for same, broken in counts.values())
    monkeypatch.setattr(Bench, "decoded", lambda *_: bench_rows(bench, SNR_DB[0]))
    assert verification.again(bench, run.plan, SNR_DB[0])[0] < 8


def test_vectors_on_more_images_than_others_are_confirmed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What most rests on is attacked on more images, by some attacks."""
    main = {"images": 10, "draws": 2, "systems": [NET], "attacks": [ATTACK]}
    more = Run(made_params(evaluation={"main": main}), run.folder)
    for pair in more.params.pairs():
        if pair[0] == NET:
            more.artifact(f"attack/{'.'.join(pair)}")
    monkeypatch.chdir(more.folder)
    bench = Bench.of(more.plan, more.params, NET)
    assert verification.again(bench, more.plan, SNR_DB[0]) == (10, 10)


def bench_rows(bench: Bench, snr_db: float) -> pd.DataFrame:
    """What decoding shows without any vector."""
    return pd.DataFrame({"success": [False] * len(bench.images), "power_total": 0.0, "snr_db": snr_db})


def test_a_chain_is_verified_like_a_network(run: Run) -> None:
    table = run.frame(f"attack/{CHAIN}.{ATTACK}")
    stored = load_file(run.path(f"attack/{CHAIN}.{ATTACK}", VECTORS))
    with contextlib.chdir(run.folder):
        rows = Bench.of(run.plan, run.params, CHAIN).decoded({snr_db: stored[at(snr_db)] for snr_db in SNR_DB})
    np.testing.assert_array_equal(rows["success"], table["success"])
