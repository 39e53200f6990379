"""Transceivers of strangers: small, untrained, and wrong in one thing each."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from semrobust import Transceiver

USES = 192


def ends() -> tuple[nn.Sequential, nn.Sequential]:
    """An encoder to (B,192) and a decoder, always with the same random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        encoder = nn.Sequential(nn.Conv2d(3, 12, 8, stride=8), nn.Flatten())
        decoder = nn.Sequential(nn.Unflatten(1, (12, 4, 4)), nn.ConvTranspose2d(12, 3, 8, stride=8), nn.Sigmoid())
    return encoder, decoder


def mine(**changes: Any) -> Transceiver:
    """Theirs as it should be, with some arguments changed."""
    encoder, decoder = ends()
    given: dict[str, Any] = {
        "encoder": encoder,
        "decoder": decoder,
        "real_uses": USES,
        "normalize": True,
        "name": "mine",
    }
    given |= changes
    return Transceiver(given.pop("encoder"), given.pop("decoder"), **given)


def pixels(count: int = 4) -> torch.Tensor:
    """Images (count,3,32,32) whose first 192 values a `Copying` receiver shows again."""
    generator = torch.Generator().manual_seed(5)
    return 0.2 + 0.6 * torch.rand(count, 3, 32, 32, generator=generator)


def copying(**changes: Any) -> Transceiver:
    """A linear transceiver known in closed form: all values of an image are 0.5 + 0.1 times one use each, repeated.

    Its images are 32x32 of one value per use, so that a vector s changes the image by 0.1 s on 16 values each.
    """

    def encode(images: torch.Tensor) -> torch.Tensor:
        return images[:, :, 2::4, 2::4].flatten(1)

    def decode(received: torch.Tensor) -> torch.Tensor:
        small = (0.5 + 0.1 * received).reshape(-1, 3, 8, 8)
        return small.repeat_interleave(4, 2).repeat_interleave(4, 3).clamp(0, 1)

    given: dict[str, Any] = {"real_uses": USES, "normalize": True, "name": "copying"}
    return Transceiver(encode, decode, **given | changes)
