"""What is attacked: the same noise as in the clean evaluation, and a per-image table that says what happened."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from semrobust.attacks.base import AttackResult, Target, untouched
from semrobust.measure.aim import aim
from semrobust.measure.attack import rows
from semrobust.measure.clean import measure
from semrobust.phy.channel import awgn, channel_noise
from semrobust.phy.power import noise_variance
from semrobust.systems.base import Decoded, System
from semrobust.systems.distortion import mean_squared_error, psnr_db
from tests.attacks.samples import Diagonal, attack, grey, pictures

USES, SEED, LIMIT = 32, 17, 10**-1.5
"""LIMIT: an image is broken at 15 dB."""


class Listening(Diagonal):
    """Keeps what it is given to decode."""

    def __init__(self) -> None:
        super().__init__(torch.full((USES,), 0.5))
        self.heard: list[tuple[torch.Tensor, float]] = []

    def decode(self, received: torch.Tensor, noise_variance: float) -> Decoded:
        self.heard.append((received.clone(), noise_variance))
        return super().decode(received, noise_variance)


def aimed(system: System, images: torch.Tensor, start: int, snr_db: float) -> Target:
    return aim(system, images, system.encode(images), start, snr_db, LIMIT, SEED)


@pytest.mark.parametrize("start", [0, 250])
@pytest.mark.parametrize("snr_db", [0.0, 12.5])
def test_an_image_meets_the_same_noise_clean_and_attacked(start: int, snr_db: float) -> None:
    """Also across the blocks of 256 images in which noise is drawn."""
    system, images = Listening(), pictures(10)
    measure(system, images, start, [snr_db], SEED)
    [(heard, variance)] = system.heard
    sent = system.encode(images)
    whole = aimed(system, images, start, snr_db)
    assert torch.equal(whole.received, heard)
    assert whole.noise_variance == variance == noise_variance(snr_db)
    expected = awgn(sent.codewords, snr_db, channel_noise(SEED, snr_db, start, start + 10, USES))
    assert torch.equal(whole.received, expected)
    assert whole.threshold == pytest.approx(LIMIT)
    for first, last in ((0, 4), (4, 10)):
        chosen = images[first:last]
        fraction = aimed(system, chosen, start + first, snr_db)
        assert torch.equal(fraction.received, whole.received[first:last])
        assert torch.equal(fraction.directions, whole.directions[first:last])


def test_random_directions_know_nothing_of_the_noise_and_differ_between_images_and_snrs() -> None:
    system, images = Listening(), grey(10)
    first, second = (aimed(system, images, 0, snr_db) for snr_db in (0.0, 2.0))
    assert first.directions.shape == (10, USES)
    for other in (first.received, second.directions, first.directions.roll(1, 0)):
        assert abs(np.corrcoef(first.directions.flatten(), other.flatten())[0, 1]) < 0.25
    assert first.directions.square().mean().item() == pytest.approx(1.0, abs=0.25)


def test_rows_say_what_happened_to_each_image() -> None:
    system = Listening()
    images = torch.stack([torch.full((3, 32, 32), value) for value in (0.5, 0.6, 0.7, 1.0)])
    target = aimed(system, images, 40, 20.0)
    vectors = torch.arange(4.0)[:, None].expand(-1, USES).contiguous()
    found = AttackResult(
        vectors, torch.tensor([False, True, False, True]), torch.tensor([0.1, 0.01, 1.0, 0.001]), torch.arange(4)
    )
    table = rows(target, found, range(40, 40 + len(target)), 20.0)
    assert list(table.columns) == [
        "image", "snr_db", "success", "power_total", "psnr_db", "clean_psnr_db", "breakable", "infeasible", "steps",
        "vanished",
    ]  # fmt: skip
    assert table["image"].tolist() == [40, 41, 42, 43]
    assert (table["snr_db"] == 20.0).all()
    assert table["success"].tolist() == [False, True, False, True]
    assert table["power_total"].tolist() == [0.0, USES, 4.0 * USES, 9.0 * USES]
    np.testing.assert_allclose(table["psnr_db"], [10.0, 20.0, 0.0, 30.0], rtol=1e-5)
    clean = mean_squared_error(system.decode(target.received, target.noise_variance).images, images)
    np.testing.assert_allclose(table["clean_psnr_db"], psnr_db(clean), rtol=1e-6)
    # grey misses the constants by 0, 0.1, 0.2 and 0.5: squares 0, 0.01, 0.04 and 0.25 against D* = 0.0316
    assert table["breakable"].tolist() == [False, False, True, True]
    assert not table["infeasible"].any()
    assert table["steps"].tolist() == [0, 1, 2, 3]


def test_rows_mark_images_that_were_never_sent() -> None:
    system, images = Listening(), grey(3)
    sent = system.encode(images)
    sent.feasible[1] = False
    target = aim(system, images, sent, 0, 10.0, LIMIT, SEED)
    assert rows(target, untouched(target), range(len(target)), 10.0)["infeasible"].tolist() == [False, True, False]


def test_success_in_rows_is_the_psnr_limit() -> None:
    system, images = Listening(), grey(6)
    target = aimed(system, images, 0, 10.0)
    table = rows(target, attack("random", start_psr_db=-19.2, stop_psr_db=10.8).run(target), range(len(target)), 10.0)
    limit = -10 * math.log10(LIMIT)
    assert 0 < table["success"].sum() < 6
    assert (table.loc[table["success"], "psnr_db"] <= limit + 1e-4).all()
    assert (table.loc[~table["success"], "psnr_db"] > limit).all()
    assert (table["clean_psnr_db"] > limit).all()
