"""DeepJSCC: an autoencoder whose bottleneck is the channel input.

Source: An et al. 2026 (arXiv 2603.24082), Table I, as reported second-hand; the DeepJSCC idea is that of
Bourtsoulatze et al. 2019 (arXiv 1809.01733). Where the table is silent (kernel size, activations, what a
residual block is) see `docs/ASSUMPTIONS.md`.

    image (B,3,32,32) in [0,1]
      -> conv 3->16 /2 -> res 16 -> conv 16->C /2 -> res C -> flatten -> power    => z (B, N), N = 64·C
      channel: y = z + w
      y -> reshape (B,C,8,8) -> deconv C->32 -> deconv 32->32 -> res 32
        -> deconv 32->16 x2 -> res 16 -> deconv 16->3 x2 -> sigmoid               => image (B,3,32,32)

With C = 12 feature maps N = 768 real channel uses, bandwidth ratio 1/4.
"""

from __future__ import annotations

import torch
from torch import nn

from semrobust.phy.power import normalize_power

_SPATIAL = 8  # two strides of 2 take 32 x 32 to 8 x 8
SHRINK = 4
"""How many pixels of an image's side one value of a feature map stands for."""


def feature_maps_for(real_uses: int) -> int:
    """Feature maps C at the encoder's output for N real uses; raises ValueError if N is not 64·C."""
    maps, rest = divmod(real_uses, _SPATIAL**2)
    if rest or maps < 1:
        raise ValueError(
            f"{real_uses} real channel uses: DeepJSCC sends C feature maps of {_SPATIAL}x{_SPATIAL} values, "
            f"so the number must be a positive multiple of {_SPATIAL**2}"
        )
    return maps


class MapsEncoder(nn.Module):
    """Image (B,3,H,W) in [0,1] to a codeword (B, N) with ||z||² = N: feature maps, one after the other."""

    def maps(self, centred: torch.Tensor) -> torch.Tensor:
        """Feature maps (B, C, H/4, W/4) of pixels in [-1, 1]."""
        raise NotImplementedError

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Encode; the pixels are centred to [-1, 1] in here, so attacks and users stay in [0, 1]."""
        return normalize_power(self.maps(2.0 * images - 1.0).flatten(1))


class MapsDecoder(nn.Module):
    """A receiver that reads what arrives as C feature maps.

    `spatial` is the height and width of the feature maps: a quarter of those of the image.
    """

    def __init__(self, feature_maps: int) -> None:
        super().__init__()
        self.feature_maps = feature_maps
        self.spatial = (_SPATIAL, _SPATIAL)

    def maps(self, received: torch.Tensor) -> torch.Tensor:
        """Received vectors (B, N) as feature maps (B, C, h, w)."""
        return received.reshape(-1, self.feature_maps, *self.spatial)

    def layers(self) -> nn.Sequential | None:
        """The layers from the feature maps to the image, where the receiver is these and nothing else; else None."""
        return None


class Autoencoder(nn.Module):
    """An encoder, and the decoder on the other side of the channel.

    `tile`: an image's sides must be multiples of it.
    """

    encoder: MapsEncoder
    decoder: MapsDecoder
    tile = SHRINK


class ResidualBlock(nn.Module):
    """x + conv(PReLU(conv(PReLU(x)))): pre-activation, so that the block's output is unbounded.

    Each PReLU is its own instance: sharing one ties the slopes of all layers.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.PReLU(channels),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.PReLU(channels),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (B, C, H, W) to the same shape."""
        residual: torch.Tensor = self.body(features)
        return features + residual


class Encoder(MapsEncoder):
    """That of Table I."""

    def __init__(self, feature_maps: int, width: int, planes: int = 3) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(planes, width, 3, stride=2, padding=1),
            ResidualBlock(width),
            nn.PReLU(width),
            nn.Conv2d(width, feature_maps, 3, stride=2, padding=1),
            ResidualBlock(feature_maps),
        )

    def maps(self, centred: torch.Tensor) -> torch.Tensor:
        maps: torch.Tensor = self.body(centred)
        return maps


class Decoder(MapsDecoder):
    """Received vector (B, N) to an image (B,3,32,32) in (0,1); differentiable everywhere but at PReLU kinks."""

    def __init__(self, feature_maps: int, width: int, planes: int = 3) -> None:
        super().__init__(feature_maps)
        self.body = nn.Sequential(
            nn.ConvTranspose2d(feature_maps, 2 * width, 3, padding=1),
            nn.PReLU(2 * width),
            nn.ConvTranspose2d(2 * width, 2 * width, 3, padding=1),
            ResidualBlock(2 * width),
            nn.PReLU(2 * width),
            nn.ConvTranspose2d(2 * width, width, 3, stride=2, padding=1, output_padding=1),
            ResidualBlock(width),
            nn.PReLU(width),
            nn.ConvTranspose2d(width, planes, 3, stride=2, padding=1, output_padding=1),
            nn.Sigmoid(),
        )

    def forward(self, received: torch.Tensor) -> torch.Tensor:
        """Decode a batch of received vectors."""
        images: torch.Tensor = self.body(self.maps(received))
        return images

    def layers(self) -> nn.Sequential:
        return self.body


class DeepJSCC(Autoencoder):
    """Encoder and decoder with `real_uses` channel uses between them; `width` is the table's 16.

    What is sent has `planes` values per place: 3 are an image.
    """

    def __init__(self, real_uses: int, width: int, planes: int = 3) -> None:
        super().__init__()
        feature_maps = feature_maps_for(real_uses)
        self.encoder = Encoder(feature_maps, width, planes)
        self.decoder = Decoder(feature_maps, width, planes)
