"""A foreign transceiver: what it may look like, and what each thing that is wrong with it is told."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from semrobust import Transceiver, attack, evaluate
from semrobust.errors import ResultError, UsageError
from semrobust.phy.power import as_complex, as_real
from tests.library.samples import USES, copying, ends, mine, pixels


def test_ten_lines_attack_an_untrained_pair() -> None:
    encoder = nn.Sequential(nn.Conv2d(3, 12, 4, stride=4), nn.Flatten())
    decoder = nn.Sequential(nn.Unflatten(1, (12, 8, 8)), nn.ConvTranspose2d(12, 3, 4, stride=4), nn.Sigmoid())
    transceiver = Transceiver(encoder, decoder, real_uses=768, normalize=True)
    outcome = attack(transceiver, torch.rand(3, 3, 32, 32), snr_db=10, starts=1, iterations=5)
    assert outcome.vectors.shape == (3, 768)
    torch.testing.assert_close(outcome.vectors.double().square().sum(1), outcome.power_total)


def test_the_decoder_gets_what_the_encoder_gives() -> None:
    """Maps come back as maps, complex symbols as complex symbols, and both are the same transmission."""
    encoder, decoder = ends()
    flat = mine()
    maps = mine(encoder=encoder[0], decoder=lambda maps: decoder(maps.flatten(1)))
    symbols = mine(
        encoder=lambda images: as_complex(encoder(images)).reshape(-1, 4, 24),
        decoder=lambda symbols: decoder(as_real(symbols.flatten(1))),
    )
    heard = torch.randn(4, USES, generator=torch.Generator().manual_seed(1))
    for other in (maps, symbols):
        other.check(pixels())
        torch.testing.assert_close(other.send(pixels()).codewords, flat.send(pixels()).codewords)
        torch.testing.assert_close(other.decode(heard, 0.1).images, flat.decode(heard, 0.1).images)


def test_ends_of_another_precision_stay_in_it() -> None:
    encoder, decoder = ends()
    encoder.double()
    double = mine(encoder=lambda images: encoder(images.double()), decoder=decoder.double())
    torch.testing.assert_close(
        evaluate(double, pixels(), 10).psnr_db, evaluate(mine(), pixels(), 10).psnr_db, rtol=0, atol=1e-3
    )


@pytest.mark.parametrize(("knows", "expected"), [("noise_variance", 0.01), ("snr_db", 20.0)])
def test_a_decoder_may_know_the_noise(knows: Any, expected: float) -> None:
    told = []
    _, decoder = ends()

    def listening(received: torch.Tensor, noise: float) -> torch.Tensor:
        told.append(noise)
        return decoder(received)  # type: ignore[no-any-return]

    evaluate(mine(decoder=listening, decoder_knows=knows), pixels(), 20)
    assert told == pytest.approx([expected] * len(told))


def test_an_image_of_any_size_and_number_of_colours() -> None:
    encoder = nn.Sequential(nn.Conv2d(1, 2, 8, stride=8), nn.Flatten())
    decoder = nn.Sequential(nn.Unflatten(1, (2, 3, 5)), nn.ConvTranspose2d(2, 1, 8, stride=8), nn.Sigmoid())
    grey = Transceiver(encoder, decoder, real_uses=30, normalize=True)
    quality = evaluate(grey, torch.rand(3, 1, 24, 40), 10)
    assert quality.psnr_db.shape == (3,)


def test_layers_that_work_in_place_change_nothing_of_ours() -> None:
    encoder, decoder = ends()
    images = pixels()
    before = images.clone()
    hasty = mine(
        encoder=nn.Sequential(nn.Hardtanh(0.3, 0.6, inplace=True), encoder),
        decoder=nn.Sequential(nn.ReLU(True), decoder),
    )
    calm = mine(encoder=nn.Sequential(nn.Hardtanh(0.3, 0.6), encoder), decoder=nn.Sequential(nn.ReLU(), decoder))
    found, expected = (attack(one, images, 10, "pga", max_steps=3).vectors for one in (hasty, calm))
    assert torch.equal(found, expected)
    assert torch.equal(images, before)


class Drawing(nn.Module):
    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values + 0.1 * torch.randn_like(values)


class Mixing(nn.Module):
    """Not batch norm, but as dependent on the batch."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values - values.mean(dim=0, keepdim=True)


ENCODER, DECODER = ends()
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "power": (
        {"normalize": False, "encoder": lambda x: 2 * mine().encode(x).codewords},
        r"power \|\|z\|\|² = 768, must be 192.*normalize=True",
    ),
    "length": ({"real_uses": 768}, r"makes \(2, 192\) real values of 2 images: must be N = real_uses = 768"),
    "complex length": ({"encoder": lambda x: ENCODER(x) + 0j}, "complex symbols, which are 2 real uses each"),
    "no tensor": ({"encoder": lambda x: (ENCODER(x), 0)}, "returns tuple: must be one tensor"),
    "whole numbers": ({"encoder": lambda x: ENCODER(x).int()}, "int32: must be real or complex"),
    "not finite": ({"encoder": lambda x: ENCODER(x) / 0}, "not finite"),
    "picture's shape": (
        {"decoder": lambda y: DECODER(y)[:, :, 1:]},
        r"returns \(2, 3, 31, 32\): must be images of shape \(2, 3, 32, 32\)",
    ),
    "complex pictures": ({"decoder": lambda y: DECODER(y) + 0j}, "returns torch.complex64: must be real numbers"),
    "range": ({"decoder": lambda y: 2 * DECODER(y) - 1}, r"images must be in \[0,1\]. End it with a sigmoid"),
    "NaN": ({"decoder": lambda y: DECODER(y) * float("nan")}, "from nan to nan"),
    "dropout": (
        {"decoder": nn.Sequential(nn.Dropout(0.1), DECODER)},
        r"decoder of mine has Dropout in training mode: call decoder.eval\(\)",
    ),
    "batch norm": (
        {"encoder": nn.Sequential(nn.BatchNorm2d(3), ENCODER)},
        r"encoder of mine has BatchNorm2d in training mode",
    ),
    "luck": ({"decoder": nn.Sequential(Drawing(), DECODER)}, "decoder of mine .* of the same input a second time"),
    "batch": ({"encoder": nn.Sequential(ENCODER, Mixing())}, "encoder of mine .* of the same input alone"),
    "gradient": (
        {"decoder": lambda y: DECODER(y.detach()).detach()},
        "no gradient.*Attacks that need none: random, pulse_jamming",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said(what: str) -> None:
    changes, message = WRONG[what]
    with pytest.raises(ResultError, match=message):
        attack(mine(**changes), pixels(2), 10, "pga", max_steps=1)


def test_modules_in_evaluation_mode_are_taken_as_they_are() -> None:
    norm = nn.BatchNorm2d(3)
    before = norm.running_mean.clone() if norm.running_mean is not None else None
    encoder = nn.Sequential(norm, nn.Dropout(0.5), ENCODER).eval()
    evaluate(mine(encoder=encoder), pixels(), 10)
    with pytest.raises(ResultError, match="training mode"):
        evaluate(mine(encoder=encoder.train()), pixels(), 10)
    assert before is not None
    assert torch.equal(norm.running_mean, before), "trying a module must not change it"  # type: ignore[arg-type]


def test_an_attack_without_gradients_needs_none() -> None:
    blind = mine(decoder=lambda y: DECODER(y).detach().round())
    assert attack(blind, pixels(2), 10, "random", step_db=10.0).vectors.shape == (2, USES)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"real_uses": 0}, "real_uses: 0"),
        ({"real_uses": 19.5}, "real_uses: 19.5"),
        ({"encoder": 3}, "encoder: int, must be a module or a function"),
        ({"decoder_knows": "snr"}, "decoder_knows: 'snr', must be 'noise_variance', 'snr_db' or None"),
    ],
)
def test_arguments_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        mine(**changes)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(2, 3, 32, 32, dtype=torch.uint8), "divide 8-bit values by 255"),
        (torch.full((2, 3, 32, 32), 2.0), r"must be in \[0,1\]"),
        (torch.zeros(3, 32, 32), "makes a batch of one image"),
        (torch.zeros(0, 3, 32, 32), "at least one image"),
        ([[0.5]], "must be a torch tensor"),
    ],
)
def test_images_that_cannot_be(images: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        evaluate(mine(), images, 10)


def test_what_is_no_transceiver() -> None:
    with pytest.raises(UsageError, match=r"a Sequential is no transceiver: wrap the two ends of yours"):
        attack(ENCODER, pixels(), 10)  # type: ignore[arg-type]


def test_in_closed_form() -> None:
    """A vector of one use moves 16 of 3072 values by 0.1 of it, and PSNR under it is what this makes."""
    transceiver = copying()
    sent = transceiver.send(pixels()).codewords
    vector = torch.zeros(4, USES)
    vector[:, 7] = 1.5
    before, after = (transceiver.decode(received, 0.1).images for received in (0.01 * sent, 0.01 * sent + vector))
    assert float((after - before).square().sum(dim=(1, 2, 3)).mean()) == pytest.approx(16 * 0.15**2, rel=1e-4)
