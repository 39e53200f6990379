"""Quality per image: closed forms, block errors, batches, and images that do not fit."""

from __future__ import annotations

import math
from typing import ClassVar, get_args

import numpy as np
import pandas as pd
import pytest
import torch
from torchmetrics.image import StructuralSimilarityIndexMeasure

from semrobust.config.settings import Decibel
from semrobust.measure.clean import measure
from semrobust.phy.channel import channel_noise
from semrobust.systems.base import Decoded, Sent, System
from semrobust.systems.distortion import mean_squared_error, mse_from_psnr_db, psnr_db
from semrobust.systems.similarity import ssim
from tests.attacks.samples import PIXELS, TOY, Diagonal, grey, normal, pictures, small_deepjscc, small_jpeg

MEASURES = ["psnr_db", "ssim", "failed", "block_error"]
ROOT_SEED = 17


class Blocks(System):
    """Sends a black image as -1 and any other as +1; the receiver decides on the sign of each use, without a code.

    An image whose first pixel is 1 does not fit. The receiver shows the share of ones among the bits.
    """

    side: ClassVar[str] = "classical"
    capabilities: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, real_uses: int = 4) -> None:
        super().__init__(TOY, real_uses)

    def encode(self, images: torch.Tensor) -> Sent:
        message = (images.flatten(1).amax(dim=1, keepdim=True) > 0).to(torch.uint8).expand(-1, self.real_uses)
        return Sent(2.0 * message - 1.0, images[:, 0, 0, 0] < 1.0, message, message)

    def decode(self, received: torch.Tensor, noise_variance: float) -> Decoded:
        message = (received > 0).to(torch.uint8)
        shown = message.float().mean(dim=1)[:, None, None, None].expand(-1, 3, 32, 32)
        return Decoded(shown, message.float().mean(dim=1) == 0.5, message)


@pytest.mark.parametrize("offset", [0.1, 0.01, 0.5])
def test_psnr_in_closed_form(offset: float) -> None:
    images = grey(2)
    mse = mean_squared_error(images + offset, images)
    assert mse.tolist() == pytest.approx([offset**2] * 2, rel=1e-5)
    assert psnr_db(mse).tolist() == pytest.approx([-20 * math.log10(offset)] * 2, rel=1e-5)
    assert mse_from_psnr_db(float(psnr_db(mse)[0])) == pytest.approx(offset**2, rel=1e-5)


def test_psnr_of_an_identical_image_is_100_db_and_of_grey_known() -> None:
    assert psnr_db(torch.zeros(1)).tolist() == [100.0]
    assert psnr_db(mean_squared_error(grey(1), torch.zeros(1, 3, 32, 32))).item() == pytest.approx(20 * math.log10(2))


def test_measured_psnr_is_that_of_the_channel_noise() -> None:
    """The linear receiver shows gain·noise on N values: MSE = gain² σ² Σn²/3072 exactly."""
    uses, gain, snr_db = 48, 1.5, [0.0, 10.0]
    system = Diagonal(torch.full((uses,), gain))
    table = measure(system, grey(5), 3, snr_db, ROOT_SEED)
    assert table["image"].tolist() == [3, 4, 5, 6, 7] * 2
    for snr in snr_db:
        noise = channel_noise(ROOT_SEED, snr, 3, 8, uses).double().numpy()
        mse = gain**2 * 10 ** (-snr / 10) * (noise**2).sum(axis=1) / PIXELS
        found = table.loc[table["snr_db"] == snr, "psnr_db"]
        np.testing.assert_allclose(found, -10 * np.log10(mse), rtol=1e-5)
    assert table["block_error"].isna().all(), "a system without bits has no block errors"
    assert (table["failed"] == 0).all()


def test_ssim_is_torchmetrics_per_image_and_1_for_an_identical_image() -> None:
    images, shown = pictures(4), (pictures(4) + 0.1 * normal(4, 3, 32, 32)).clamp(0, 1)
    values = ssim(shown, images)
    for index in range(4):
        metric = StructuralSimilarityIndexMeasure(data_range=1.0, sigma=1.5, kernel_size=11)
        expected = metric(shown[index, None].double(), images[index, None].double())
        assert float(values[index]) == pytest.approx(float(expected), abs=1e-5)
    assert (values < 0.999).all()
    torch.testing.assert_close(ssim(images, images), torch.ones(4))


@pytest.mark.parametrize("size", [(24, 48), (40, 17)])
def test_ssim_of_images_that_are_not_square(size: tuple[int, int]) -> None:
    images = torch.nn.functional.interpolate(pictures(2), size=size, mode="bilinear")
    shown = (images + 0.1 * normal(2, 3, *size)).clamp(0, 1)
    for index in range(2):
        metric = StructuralSimilarityIndexMeasure(data_range=1.0, sigma=1.5, kernel_size=11)
        expected = metric(shown[index, None].double(), images[index, None].double())
        assert float(ssim(shown, images)[index]) == pytest.approx(float(expected), abs=1e-5)


def test_ssim_of_constant_images_in_closed_form() -> None:
    """Without variance SSIM is the luminance term (2ab + c)/(a² + b² + c) with c = 0.01²."""
    a, b, c = 0.3, 0.6, 1e-4
    value = ssim(torch.full((1, 3, 32, 32), a), torch.full((1, 3, 32, 32), b))
    assert float(value) == pytest.approx((2 * a * b + c) / (a * a + b * b + c), rel=1e-3)


def test_block_errors_and_failures_are_counted_per_image() -> None:
    system, images = Blocks(), torch.stack([torch.zeros(3, 32, 32), torch.full((3, 32, 32), 0.9)] * 8)
    snr_db = [-6.0, 60.0]
    table = measure(system, images, 0, snr_db, ROOT_SEED)
    for snr in snr_db:
        noise = 10 ** (-snr / 20) * channel_noise(ROOT_SEED, snr, 0, 16, 4).numpy()
        sent = np.tile([[-1.0], [1.0]], (8, 1))
        decided = (sent + noise) > 0
        wrong = (decided != (sent > 0)).any(axis=1)
        found = table[table["snr_db"] == snr]
        assert found["block_error"].tolist() == wrong.astype(float).tolist()
        assert found["failed"].tolist() == (decided.mean(axis=1) == 0.5).astype(float).tolist()
        assert wrong.any() == (snr < 0)


def rows_by_batches(system: System, images: torch.Tensor, batch: int, snr_db: list[float]) -> pd.DataFrame:
    parts = [
        measure(system, images[start : start + batch], start, snr_db, ROOT_SEED)
        for start in range(0, len(images), batch)
    ]
    return pd.concat(parts).sort_values(["snr_db", "image"], ignore_index=True)


@pytest.mark.parametrize(
    ("name", "snr_db"), [("linear", [0.0, 8.0]), ("deepjscc", [0.0, 8.0]), ("jpeg", [1.0, 2.0, 8.0])]
)
def test_batches_change_nothing(name: str, snr_db: list[float]) -> None:
    systems = {"linear": lambda: Diagonal(torch.ones(64)), "deepjscc": small_deepjscc, "jpeg": small_jpeg}
    system: System = systems[name]()  # type: ignore[operator]
    images = pictures(10, 800)
    whole = rows_by_batches(system, images, 10, snr_db)
    assert len(whole) == 10 * len(snr_db)
    for batch in (1, 3):
        pd.testing.assert_frame_equal(rows_by_batches(system, images, batch, snr_db), whole, rtol=1e-4, atol=1e-5)
    if name == "jpeg":
        assert 0 < whole["failed"].mean() < 1
        assert 0 < whole["block_error"].mean() < 1


def test_an_image_that_does_not_fit_is_shown_as_mid_grey() -> None:
    table = measure(Blocks(), torch.ones(3, 3, 32, 32), 0, [0.0, 10.0], ROOT_SEED)
    assert len(table) == 6
    assert table["infeasible"].all()
    assert (table["failed"] == 1).all()
    assert table["block_error"].isna().all(), "no block was sent"
    assert table["psnr_db"].tolist() == pytest.approx([-10 * math.log10(0.25)] * 6)


def mixed() -> torch.Tensor:
    """Three images of which the last two do not fit."""
    images = torch.full((3, 3, 32, 32), 0.9)
    images[1:] = 1.0
    return images


def test_an_image_that_does_not_fit_is_marked_among_those_that_do() -> None:
    table = measure(Blocks(), mixed(), 0, [60.0], ROOT_SEED)
    assert table["infeasible"].tolist() == [False, True, True]
    assert table[["psnr_db", "ssim", "failed"]].notna().all().all()


def test_batches_change_nothing_where_some_images_do_not_fit() -> None:
    whole = rows_by_batches(Blocks(), mixed(), 3, [60.0])
    pd.testing.assert_frame_equal(rows_by_batches(Blocks(), mixed(), 2, [60.0]), whole)


def test_every_snr_that_params_may_ask_for_can_be_measured() -> None:
    limits = [
        float(getattr(limit, end)) for limit, end in zip(get_args(Decibel)[1].metadata, ("ge", "le"), strict=True)
    ]
    for system in (small_deepjscc(), small_jpeg(), small_jpeg("16qam")):
        table = measure(system, pictures(2), 0, limits, ROOT_SEED)
        assert np.isfinite(table[["psnr_db", "ssim"]]).all().all()
        lost, arrived = (table[table["snr_db"] == limit]["psnr_db"].mean() for limit in limits)
        assert lost < arrived
