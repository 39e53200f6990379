"""Soft assignment in place of a quantizer: the hard one as the temperature falls, and a gradient above it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from semrobust.codecs.base import Subsampling
from semrobust.codecs.hevc import Hevc
from semrobust.codecs.jpeg import Jpeg
from semrobust.models.codebook import Codebook
from semrobust.models.soft_codec import expected_codec, soft_codec, soft_round
from semrobust.models.straight_through import straight_through
from tests.systems.test_classification import pictures

QUALITY = 60


def decoded(codec: Jpeg, images: torch.Tensor) -> torch.Tensor:
    pixels = (images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    shown = [codec.decode(codec.encode(image, QUALITY), QUALITY) for image in pixels]
    return torch.from_numpy(np.stack([one for one in shown if one is not None])).permute(0, 3, 1, 2).float() / 255


def steps(codec: Jpeg | Hevc, quality: int = QUALITY) -> torch.Tensor:
    return torch.from_numpy(codec.steps(quality))[None]


def test_soft_rounding_rounds_as_the_temperature_falls_and_has_a_gradient_before() -> None:
    values = torch.linspace(-3.3, 3.3, 61)
    apart = [float((soft_round(values, t) - values.round()).abs().max()) for t in (0.5, 0.1, 0.02, 1e-5)]
    assert apart == sorted(apart, reverse=True)
    assert apart[-1] < 1e-4
    leaf = values.clone().requires_grad_()
    (slope,) = torch.autograd.grad(soft_round(leaf, 0.25).sum(), leaf)
    assert bool((slope > 0).all())
    middle, edge = (slope[(values - at).abs().argmin()] for at in (0.0, 0.5))
    assert float(middle) < 0.5 < 1 < float(edge), "flat within a step, steep between two"


def test_soft_assignment_is_the_nearest_basis_vector_as_the_temperature_falls() -> None:
    torch.manual_seed(0)
    codebook, features = Codebook(16, 4).eval(), torch.randn(3, 7, 4)
    hard = codebook.lookup(codebook(features).indices).detach()
    apart = [float((codebook.soft(features, t) - hard).norm()) for t in (1.0, 0.1, 0.01, 1e-6)]
    assert apart == sorted(apart, reverse=True)
    assert apart[-1] < 1e-3
    mean = codebook.basis.detach().mean(0).expand_as(features)
    torch.testing.assert_close(codebook.soft(features, 1e6), mean, atol=1e-4, rtol=0)
    leaf = features.clone().requires_grad_()
    assert bool(torch.autograd.grad(codebook.soft(leaf, 1.0).sum(), leaf)[0].abs().sum(-1).gt(0).all())
    assert codebook.library._codebook.embed.grad is None


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
def test_the_surrogate_is_pillow_s_jpeg_as_the_temperature_falls(subsampling: Subsampling) -> None:
    codec, images = Jpeg(subsampling), pictures(4)
    exact, halved = decoded(codec, images), subsampling == "4:2:0"
    lost = float((exact - images).abs().mean())
    errors = [float((soft_codec(images, steps(codec), halved, t) - exact).abs().mean()) for t in (1.0, 0.2, 0.05, 1e-5)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < min(1.2 / 255, lost / 2), "pixels in whole levels, and nothing else, is what differs"


def test_the_expectation_is_the_mean_over_steps() -> None:
    codec, images = Jpeg("4:2:0"), pictures(2)
    octave = [soft_codec(images, by * steps(codec), True, 0.3) for by in (2**-0.5, 1.0, 2**0.5)]
    torch.testing.assert_close(expected_codec(images, steps(codec), True, 0.3), torch.stack(octave).mean(0))


def test_steps_are_those_of_the_standards() -> None:
    luma = Jpeg("4:2:0").steps(50)[0]
    assert luma[0].tolist() == [16, 11, 10, 16, 24, 40, 51, 61]  # ITU-T T.81, Table K.1, by rows
    flat = Hevc("4:2:0").steps(28)[0]
    assert np.ptp(flat) == 0
    assert flat[0, 0] == pytest.approx(16.0)  # doubles every 6, 1 at 4
    assert Hevc("4:2:0").steps(34)[0, 0, 0] == pytest.approx(32.0)


def test_noise_through_the_surrogate_arrives_where_noise_through_the_identity_is_dropped() -> None:
    """A linear classifier behind JPEG that looks at single pixels, of which the codec keeps little, and at halves."""
    codec, images = Jpeg("4:2:0"), pictures(6)
    fine = torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(4)).sign()
    coarse = torch.where(torch.arange(32) < 16, -1.0, 1.0)[:, None].expand(3, 32, 32)
    template = fine + 0.5 * coarse
    harms = []
    for temperature in (None, 0.25):
        leaf = images.clone().requires_grad_()
        given = leaf if temperature is None else expected_codec(leaf, steps(codec), True, temperature)
        shown = straight_through(given, decoded(codec, images))
        (gradient,) = torch.autograd.grad((shown * template).sum(), leaf)
        attacked = ((images - 8 / 255 * gradient.sign()) * 255).round().clamp(0, 255) / 255
        harm = ((decoded(codec, images) - decoded(codec, attacked)) * template).sum(dim=(1, 2, 3))
        harms.append(harm)
    assert bool((harms[1] > 0).all())
    assert float(harms[1].mean()) > 1.5 * float(harms[0].mean())
