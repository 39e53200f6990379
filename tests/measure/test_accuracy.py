"""Recognition on real files: stored noise, per-image results, and that they are what they say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn.functional import cross_entropy

from semrobust.measure import noise
from semrobust.measure.images import TestImages
from semrobust.phy.air import Air
from semrobust.pipeline import seeds
from semrobust.systems.classification import ClassifyingSystem
from semrobust.systems.draw import Draw
from semrobust.systems.mae_vq import MaeVqSystem
from tests.made import CHANNELS, IMAGES, Run

LEVELS = {
    "iterated": [0.0, 2.0, 8.0],
    "single": [0.0, 8.0],
    "random": [0.0, 8.0],
    "iterated_l2": [0.0, 100.0],
    "through_channel": [0.0, 8.0],
}
L2 = "iterated_l2"
AGAINST = {
    "vit": ["iterated", "single", "random", L2],
    "vit_at": ["single", "random"],
    "mae_vq": list(LEVELS),
    "mae_vq_coded": ["iterated"],
    "mae_no_at": list(LEVELS),
    "mae_no_codebook": ["iterated", "single", "random"],
    "jpeg_vit_full": ["iterated", "single", "random"],
    "jpeg_vit_payload": [],
}
"""Systems that name classes, and the noise made on each."""

WITH_INDICES = ["mae_vq", "mae_vq_coded", "mae_no_at"]
LINKS = [("error_free", float("nan")), ("awgn", 12.0), ("awgn", 0.0)]
LINKS += [(channel, snr_db) for channel in CHANNELS[1:] for snr_db in (0.0, 12.0)]

SetOfImages = tuple[str, str, float, str]
"""Attack, norm, level and source."""

CLEAN: SetOfImages = ("none", "", 0.0, "")


def restored(run: Run, name: str) -> ClassifyingSystem[Any]:
    system = run.system(name)
    assert isinstance(system, ClassifyingSystem)
    return system


def stored(run: Run, name: str) -> dict[str, Any]:
    return run.arrays(f"noise/{name}")


def results(run: Run, name: str) -> pd.DataFrame:
    return run.frame(f"accuracy/{name}")


def sets(name: str) -> list[SetOfImages]:
    """All that a system is tested with, as the params ask for."""
    found = [CLEAN]
    for source, kinds in AGAINST.items():
        if source == name:
            found += [(kind, "l2" if kind == L2 else "linf", level, name) for kind in kinds for level in LEVELS[kind]]
        elif "iterated" in kinds:
            found.append(("transfer", "linf", 8.0, source))
    return found


def shown(run: Run, one: SetOfImages) -> torch.Tensor:
    """The images (12,3,32,32) in [0,1] that the sender gets, from the stored noise."""
    attack, _, level, source = one
    pixels = run.pixels()[0].long()
    if attack != "none":
        made_as = "iterated" if attack == "transfer" else attack
        pixels = pixels + torch.from_numpy(stored(run, source)[f"{made_as}@{level:g}"])
    return pixels.float() / 255.0


def rows_of(table: pd.DataFrame, one: SetOfImages, link: tuple[str, float]) -> pd.DataFrame:
    for column, value in zip(("attack", "norm", "level", "source", "channel"), (*one, link[0]), strict=True):
        table = table[table[column] == value]
    return table[table["snr_db"].isna()] if link[0] == "error_free" else table[table["snr_db"] == link[1]]


def air_of(run: Run, link: tuple[str, float]) -> Air | None:
    return None if link[0] == "error_free" else Air.of(run.params.channels[link[0]], link[1])


# stored noise


@pytest.mark.parametrize("name", AGAINST)
def test_stored_noise_is_whole_levels_within_the_ball_and_its_norm_is_the_stored_one(run: Run, name: str) -> None:
    content, (pixels, _) = stored(run, name), run.pixels()
    keys = [f"{kind}@{level:g}" for kind in AGAINST[name] for level in LEVELS[kind]]
    measures = ("norm", "loss_before", "loss_after", "success", "zero_gradient")
    assert set(content) == {*keys, *(f"{key}/{measure}" for key in keys for measure in measures)}
    for kind in AGAINST[name]:
        for level in LEVELS[kind]:
            key = f"{kind}@{level:g}"
            moved = content[key]
            assert (moved.shape, moved.dtype) == ((IMAGES, 3, 32, 32), np.int16)
            noisy = pixels + torch.from_numpy(moved)
            assert 0 <= int(noisy.min()) <= int(noisy.max()) <= 255
            flat = moved.reshape(IMAGES, -1).astype(np.int64)
            size = np.sqrt((flat**2).sum(1)) if kind == L2 else np.abs(flat).max(1)
            assert (size <= level).all()
            np.testing.assert_allclose(content[f"{key}/norm"], size / 255.0, rtol=1e-6)
            if kind in ("single", "random"):  # these spend the whole budget on an image with room for it
                assert (size == level).all()
            if not level:
                assert not moved.any()
                np.testing.assert_allclose(content[f"{key}/loss_before"], content[f"{key}/loss_after"], rtol=1e-4)
    assert all(content[key].any() for key in keys if not key.endswith("@0"))


def test_noisy_images_are_the_stored_levels_on_top_of_the_test_images(run: Run) -> None:
    test = TestImages(run.images(), run.pixels()[1])
    for one in sets("mae_vq"):
        if one[0] != "none":
            key = f"{'iterated' if one[0] == 'transfer' else one[0]}@{one[2]:g}"
            made = noise.noisy_images(test, stored(run, one[3])[key])
            assert torch.equal(made, shown(run, one))
    assert torch.equal(noise.noisy_images(test, stored(run, "vit")["single@0"]), test.images)


@pytest.mark.parametrize("name", [name for name in AGAINST if AGAINST[name]])
def test_stored_measures_are_those_of_the_stored_noise_on_the_documented_draws(run: Run, name: str) -> None:
    """Draws `semantic noise, KIND`, per image; through a channel on two of them, else as if nothing were lost."""
    system, content, (_, labels) = restored(run, name), stored(run, name), run.pixels()
    numbers = torch.arange(IMAGES)
    for kind in AGAINST[name]:
        first = Draw(seeds.integer(run.params.seed, "semantic noise"), numbers).named(kind)
        through = kind == "through_channel"
        draws, air = [first], None
        if through:
            draws, air = [first, first.named("sample", 1)], Air.of(run.params.channels["awgn"], 12.0)
        for level in LEVELS[kind]:
            key = f"{kind}@{level:g}"
            losses = {}
            for when, images in (("before", shown(run, CLEAN)), ("after", shown(run, (kind, "", level, name)))):
                logits = [system.logits(images, air, draw).detach() for draw in draws]
                losses[when] = torch.stack([cross_entropy(each, labels, reduction="none") for each in logits]).mean(0)
                np.testing.assert_allclose(losses[when], content[f"{key}/loss_{when}"], rtol=1e-3, atol=1e-4)
                if when == "after":
                    wrong = torch.stack([each.argmax(1) != labels for each in logits]).float().mean(0)
                    np.testing.assert_allclose(content[f"{key}/success"], wrong, atol=1e-6)
            if kind.startswith("iterated") or through:
                assert torch.all(losses["after"] >= losses["before"] - 1e-4)
        if kind == "iterated":
            assert torch.any(losses["after"] > losses["before"])


def test_random_noise_knows_no_system(run: Run) -> None:
    names = [name for name in AGAINST if "random" in AGAINST[name]]
    first, *others = [stored(run, name)["random@8"] for name in names]
    assert len(others) == 5
    assert all(np.array_equal(first, other) for other in others)
    assert not np.array_equal(first, stored(run, "vit")["single@8"])


# per-image results


@pytest.mark.parametrize("name", AGAINST)
def test_every_set_of_images_has_the_rows_that_the_params_ask_for(run: Run, name: str) -> None:
    table, expected = results(run, name), []
    sent = not name.startswith("vit")
    for one in sets(name):
        swept = one[0] == "none" or (one[0], one[2]) == ("iterated", 8.0)
        for channel, snr_db in (LINKS if swept else LINKS[:2]) if sent else LINKS[:1]:
            expected += [(channel, None if np.isnan(snr_db) else snr_db, *one, image) for image in range(IMAGES)]
    columns = ["channel", "snr_db", "attack", "norm", "level", "source", "image"]
    values = table[columns].itertuples(index=False)
    found = [tuple(None if value != value else value for value in row) for row in values]
    assert len(found) == len(set(found)) == len(expected)
    assert set(found) == set(expected)
    assert found[: 12 * (7 if sent else 1)] == expected[: 12 * (7 if sent else 1)]  # no noise first, nothing lost first
    assert table["right"].dtype == bool


def test_results_are_a_mixture(run: Run) -> None:
    """Else the tests here would compare constants."""
    tables = [results(run, name) for name in AGAINST]
    assert all(table["right"].nunique() == 2 for table in tables)
    free = pd.concat(tables).query("channel == 'error_free'")
    assert (
        free.query("attack == 'iterated' and level == 8")["right"].mean()
        < free.query("attack == 'none'")["right"].mean()
    )


@pytest.mark.parametrize("name", AGAINST)
def test_right_is_what_a_restored_system_says_of_the_stored_images_on_the_documented_draws(run: Run, name: str) -> None:
    """Draws `recognition, SNR`, per image, the same for all channels; all images at once, where the job took fives."""
    system, table, (_, labels) = restored(run, name), results(run, name), run.pixels()
    checked = 0
    for one in sets(name):
        images = shown(run, one)
        for link in LINKS:
            rows = rows_of(table, one, link)
            if rows.empty:
                continue
            draw = Draw(seeds.integer(run.params.seed, "recognition", link[1]), torch.arange(IMAGES))
            with torch.no_grad():
                right = system.logits(images, air_of(run, link), draw).argmax(1) == labels
            assert rows["right"].tolist() == right.tolist(), (one, link)
            checked += len(rows)
    assert checked == len(table)


def test_an_image_alone_has_the_result_that_it_had_in_a_batch(run: Run) -> None:
    system, table, (_, labels) = restored(run, "mae_vq_coded"), results(run, "mae_vq_coded"), run.pixels()
    link = ("rayleigh", 0.0)
    expected = rows_of(table, CLEAN, link)["right"].tolist()
    seed = seeds.integer(run.params.seed, "recognition", 0.0)
    for image in range(IMAGES):
        rows = torch.tensor([image])
        with torch.no_grad():
            answer = system.logits(shown(run, CLEAN)[rows], air_of(run, link), Draw(seed, rows)).argmax(1)
        assert bool(answer == labels[rows]) == expected[image]


def test_transfer_rows_hold_the_noise_that_their_source_is_tested_with(run: Run) -> None:
    """Coded indices arrive as they are if nothing is lost, and the network is that of `mae_vq`."""
    mine, moved = results(run, "mae_vq"), results(run, "mae_vq_coded")
    free = LINKS[0]
    own = rows_of(mine, ("iterated", "linf", 8.0, "mae_vq"), free)["right"].tolist()
    assert rows_of(moved, ("transfer", "linf", 8.0, "mae_vq"), free)["right"].tolist() == own
    own = rows_of(moved, ("iterated", "linf", 8.0, "mae_vq_coded"), free)["right"].tolist()
    assert rows_of(mine, ("transfer", "linf", 8.0, "mae_vq_coded"), free)["right"].tolist() == own


def test_noise_of_no_size_changes_no_result(run: Run) -> None:
    for name in AGAINST:
        table = results(run, name)
        for kind in AGAINST[name]:
            for link in LINKS[:2]:
                none = rows_of(table, CLEAN, link)
                zero = rows_of(table, (kind, "l2" if kind == L2 else "linf", 0.0, name), link)
                assert none["right"].tolist() == zero["right"].tolist()


def test_flips_by_hand(run: Run) -> None:
    """One image, alone: its features, the nearest basis vector of each, and how many are others under noise."""
    system = restored(run, "mae_vq")
    assert isinstance(system, MaeVqSystem)
    one: SetOfImages = ("iterated", "linf", 8.0, "mae_vq")
    flips = rows_of(results(run, "mae_vq"), one, LINKS[0]).sort_values("image")["flips"].to_numpy()
    image = int(flips.argmax())
    number = torch.tensor([image])
    visible = Draw(99, number).visible(16, 8)  # masks are public: they hang on the image alone
    codebook = system.codebook
    assert codebook is not None
    nearest = []
    for images in (shown(run, CLEAN), shown(run, one)):
        with torch.no_grad():
            z = system.module.encode(images[number], visible)[0].double()
        nearest.append((z[:, None] - codebook.basis.double()).square().sum(-1).argmin(1))
    flipped = int((nearest[0] != nearest[1]).sum())
    assert flipped > 0
    assert flips[image] == flipped / 8


def test_flips_are_given_for_indices_where_nothing_is_lost(run: Run) -> None:
    for name in AGAINST:
        table = results(run, name)
        free = table["channel"] == "error_free"
        flips = table["flips"]
        if name not in WITH_INDICES:
            assert flips.isna().all(), name
            continue
        assert (flips.notna() == free).all()
        assert (flips[free & (table["level"] == 0.0)] == 0.0).all()
        assert flips[free].between(0, 1).all()
        assert flips[free & (table["level"] > 0.0)].max() > 0.0


def test_what_is_sent_is_told_for_clean_images_where_nothing_is_lost(run: Run) -> None:
    costs = ["bits", "symbols", "positions"]
    for name in AGAINST:
        table = results(run, name)
        clean = (table["channel"] == "error_free") & (table["attack"] == "none")
        assert table.loc[~clean, costs].isna().all().all(), name
        assert clean.sum() == IMAGES
        overhead = restored(run, name).overhead(shown(run, CLEAN), Draw(1, torch.arange(IMAGES)))
        if name.startswith("vit"):
            assert overhead is None
            assert table.loc[clean, costs].isna().all().all()
            continue
        assert overhead is not None
        np.testing.assert_array_equal(table.loc[clean, "bits"], overhead.bits)
        np.testing.assert_array_equal(table.loc[clean, "symbols"], overhead.symbols)
        assert (table.loc[clean, "positions"] == overhead.positions).all()
    sizes = results(run, "jpeg_vit_full").query("attack == 'none' and channel == 'error_free'")["bits"]
    assert sizes.nunique() > 1


def test_shares_of_zero_gradients_are_those_taken_with_the_noise(run: Run) -> None:
    for name, kinds in AGAINST.items():
        table = results(run, name)
        expected = (table["channel"] == "error_free") & table["attack"].isin(kinds)
        values = table["zero_gradient"] if kinds else pd.Series(np.nan, table.index)
        assert (values.notna() == expected).all(), name
        for one in sets(name):
            if one[0] in kinds:
                found = rows_of(table, one, LINKS[0])["zero_gradient"]
                np.testing.assert_array_equal(found, stored(run, name)[f"{one[0]}@{one[2]:g}/zero_gradient"])


# artifacts


@pytest.mark.parametrize("address", ["noise/mae_vq", "noise/jpeg_vit_full", "accuracy/mae_vq", "accuracy/vit"])
def test_measuring_again_gives_the_same_bytes(run: Run, address: str) -> None:
    before, after = run.again(address)
    assert before == after


def test_the_table_has_a_row_for_each_set_and_link_of_every_system(run: Run) -> None:
    table, expected = run.frame("table/accuracy"), []
    for name in run.params.of_task("class"):
        own = results(run, name)
        expected += own["right"].to_numpy().reshape(-1, IMAGES).mean(1).tolist()  # rows of a set stand together
    np.testing.assert_allclose(table["accuracy"], expected, rtol=1e-5)
    assert (table["n_images"] == IMAGES).all()
