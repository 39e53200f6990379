"""The budget table, from real shapes, and the one definition of distortion."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from semrobust.config.params import Params
from semrobust.config.registry import SYSTEMS
from semrobust.errors import ResultError
from semrobust.measure.clean import measure
from semrobust.phy.power import normalize_power
from semrobust.systems import budget
from semrobust.systems.base import Sent, System, grey_images
from semrobust.systems.deepjscc import DeepJSCCSystem
from semrobust.systems.distortion import mean_squared_error, mse_from_psnr_db, psnr_db
from semrobust.systems.jpeg_ldpc import JpegLdpcSystem
from tests.attacks.samples import deepjscc_settings, pictures, small_jpeg


@pytest.mark.slow
def test_budgets_of_the_experiments(params: Params) -> None:
    link = ("768", "384", "0.1250", "0.2500")  # CBR = 384/3072, bandwidth ratio = 768/3072
    expected = {
        "deepjscc": (*link, "-", "-", "-"),
        "deepjscc_noiseless": (*link, "-", "-", "-"),
        "hevc_ldpc_qpsk": (*link, "768", "386", "44"),
        "hevc_ldpc_16qam": (*link, "1536", "770", "92"),
        "jpeg_ldpc_qpsk": (*link, "768", "386", "44"),
        "jpeg_ldpc_16qam": (*link, "1536", "770", "92"),
        "jpeg_ldpc_16qam_full": (*link, "1536", "768", "93"),
        "ladder_hevc_qpsk_nr_1_3": (*link, "768", "256", "28"),
        "ladder_jpeg_16qam_regular_2_3": (*link, "1536", "1027", "124"),
    }
    chosen = {name: params.systems[name] for name in expected}
    assert {row[0]: row[1:] for row in budget.rows(params.model_copy(update={"systems": chosen}))} == expected


def test_the_table_is_aligned_and_names_both_ratios(small_params: Params) -> None:
    header, *lines = budget.table(small_params).splitlines()
    assert "CBR" in header
    assert "bandwidth ratio" in header
    assert len(lines) == len(small_params.systems)
    assert len({len(line) for line in (header, *lines)}) == 1
    assert all("0.0625" in line and "0.1250" in line for line in lines)


class Loud(DeepJSCCSystem):
    """Twice the amplitude that it may have."""

    name = "mine"

    def encode(self, images: torch.Tensor) -> Sent:
        sent = super().encode(images)
        return replace(sent, codewords=2 * sent.codewords)


class LoudBits(JpegLdpcSystem):
    """As `Loud`, and what is right for its bits is not N."""

    def encode(self, images: torch.Tensor) -> Sent:
        sent = super().encode(images)
        return replace(sent, codewords=2 * sent.codewords)


def test_a_system_of_another_power_is_refused_by_name() -> None:
    system = Loud.create(deepjscc_settings(), 128, 0)
    with pytest.raises(ResultError, match=r"system 'mine' .* power \|\|z\|\|² = 512, must be 128 \(N = 128"):
        measure(system, pictures(2), 0, [10.0], 0)
    chain = small_jpeg("16qam")
    loud = LoudBits(chain.settings, chain.real_uses, chain.code)
    with pytest.raises(ResultError, match="kind 'jpeg_ldpc'"):
        loud.send(pictures(2))
    assert chain.send(pictures(2)).codewords.square().sum(1).ne(chain.real_uses).all()  # on average over the bits alone


def test_a_codeword_without_a_direction_may_stay_zero() -> None:
    class Silent(DeepJSCCSystem):
        def encode(self, images: torch.Tensor) -> Sent:
            return Sent(normalize_power(torch.zeros(len(images), 128)), torch.ones(len(images), dtype=torch.bool))

    assert not Silent.create(deepjscc_settings(), 128, 0).send(pictures(2)).codewords.any()


def test_codewords_of_another_length_are_refused() -> None:
    system = Loud.create(deepjscc_settings(), 128, 0)
    system.real_uses = 64
    with pytest.raises(ResultError, match=r"shape \(1, 128\), must be \(1, 64\)"):
        system.send(pictures(1))


def test_every_system_keeps_the_contract(small_params: Params, images: torch.Tensor) -> None:
    """Whatever joins the registry: as many uses as the link has, pictures in [0,1], one flag per image."""
    for settings in small_params.systems.values():
        kind = SYSTEMS[settings.kind]
        assert issubclass(kind, System)
        uses = small_params.link.real_uses
        system = kind.create(settings, uses, seed=2)
        sent = system.send(images)
        assert sent.codewords.shape == (len(images), uses)
        assert not sent.codewords.requires_grad
        assert sent.feasible.dtype == torch.bool
        decoded = system.decode(sent.codewords, 0.01)
        assert decoded.images.shape == images.shape
        assert decoded.images.dtype == torch.float32
        assert 0 <= decoded.images.min() <= decoded.images.max() <= 1
        assert decoded.failed.shape == (len(images),)
        assert set(system.budget()) == {"coded_bits", "information_bits", "payload_bytes"}
        if "soft_bits" in kind.capabilities:
            assert sent.bits is not None
            assert system.soft_bits().llr(sent.codewords, 0.01).shape == sent.bits.shape
            assert system.soft_bits().modulation.uses(sent.bits.shape[1]) == uses
        if "gradient" in kind.capabilities:
            assert torch.equal(system.decode_differentiably(sent.codewords, 0.01), decoded.images)


def test_mean_squared_error_is_per_image() -> None:
    images = torch.zeros(2, 3, 32, 32)
    shown = images.clone()
    shown[1] += 0.1
    shown[1, 0, 0, 0] += 0.4
    expected = (0.01 * 3071 + 0.25) / 3072
    assert mean_squared_error(shown, images).tolist() == pytest.approx([0.0, expected])


@pytest.mark.parametrize(("mse", "psnr"), [(1.0, 0.0), (0.01, 20.0), (10**-1.5, 15.0), (0.0, 100.0), (1e-12, 100.0)])
def test_psnr_has_a_peak_of_one(mse: float, psnr: float) -> None:
    assert psnr_db(torch.tensor([mse])).item() == pytest.approx(psnr, abs=1e-4)


@pytest.mark.parametrize("psnr", [5.0, 15.0, 30.0])
def test_threshold_is_the_inverse_of_psnr(psnr: float) -> None:
    assert psnr_db(torch.tensor([mse_from_psnr_db(psnr)])).item() == pytest.approx(psnr, abs=1e-4)


def test_grey_is_in_the_middle() -> None:
    grey = grey_images(2)
    assert grey.shape == (2, 3, 32, 32)
    assert (grey == 0.5).all()
