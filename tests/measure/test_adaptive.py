"""Adaptive noise as the pipeline makes and tries it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.made import ADAPTIVE_IMAGES, Run

PAIRS = ["mae_vq.again", "mae_vq.soft", "mae_vq.unknown_mask", "mae_vq.square", "jpeg_vit_full.soft"]
LINKS = ["error_free", "awgn"]


@pytest.mark.parametrize("system", ["mae_vq", "jpeg_vit_full"])
def test_the_same_noise_has_the_same_results_as_where_it_is_not_called_adaptive(run: Run, system: str) -> None:
    """On fewer images and in other batches, and on the draws of the channel that all accuracies are over."""
    adaptive = run.frame(f"adaptive/{system}.again")
    accuracy = run.frame(f"accuracy/{system}").query("attack == 'iterated' and level == 8.0 and source == @system")
    for channel in LINKS:
        mine = adaptive[adaptive["channel"] == channel]
        other = accuracy[(accuracy["channel"] == channel) & (accuracy["image"] < ADAPTIVE_IMAGES)]
        if channel == "awgn":
            assert (mine["snr_db"] == 12.0).all()
            other = other[other["snr_db"] == 12.0]
        assert mine["image"].tolist() == other["image"].tolist() == list(range(ADAPTIVE_IMAGES))
        assert mine["right"].tolist() == other["right"].tolist()
    np.testing.assert_allclose(
        adaptive["zero_gradient"][:ADAPTIVE_IMAGES],
        accuracy.query("channel == 'error_free'")["zero_gradient"][:ADAPTIVE_IMAGES],
        atol=1e-6,
    )


def test_each_pair_has_a_row_per_image_budget_and_link(run: Run) -> None:
    for pair in PAIRS:
        table = run.frame(f"adaptive/{pair}")
        where = table[["image", "level", "channel"]].itertuples(index=False)
        assert set(where) == {(image, 8.0, channel) for image in range(ADAPTIVE_IMAGES) for channel in LINKS}
        assert len(table) == 2 * ADAPTIVE_IMAGES
        assert (table["loss_after"] >= table["loss_before"] - 1e-5).all()
        measured = not pair.endswith("square")
        assert (table[["rise", "zero_gradient"]].notna() == measured).all().all()
    assert set(run.frame("adaptive/mae_vq.pgd")["level"]) == {8.0, 64.0}


def test_who_does_not_know_the_mask_disturbs_patches_that_are_not_sent(run: Run) -> None:
    """Half of the patches are hidden; without a guess their pixels have no gradient at all."""
    known, guessed = (run.frame(f"adaptive/mae_vq.{name}") for name in ("again", "unknown_mask"))
    assert (known["zero_gradient"] >= 0.5).all()
    assert guessed["zero_gradient"].mean() < 0.5


def test_measuring_again_gives_the_same_bytes(run: Run) -> None:
    for pair in ("mae_vq.unknown_mask", "jpeg_vit_full.square"):
        before, after = run.again(f"adaptive/{pair}")
        assert before == after
