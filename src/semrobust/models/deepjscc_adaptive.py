"""A wider DeepJSCC with divisive normalization, whose receiver weighs its features by the SNR.

Sources: Bourtsoulatze et al. 2019 (arXiv 1809.01733) and Kurka and Gündüz 2020 (arXiv 1911.11174) for the convolutions
and generalized divisive normalization (Ballé et al. 2016, arXiv 1511.06281); Xu et al. 2021 (ADJSCC, arXiv 2012.00533)
for attention that knows the SNR. In their style, not their networks: sizes are ours, see `docs/ASSUMPTIONS.md`.

    image (B,3,32,32) in [0,1]
      -> conv 5x5 3->W /2 -> GDN -> res W -> conv W->2W /2 -> GDN -> res 2W -> conv 2W->C -> power => z (B, N)
      channel: y = z + w
      y -> reshape (B,C,8,8) -> conv C->2W -> depth x [res 2W -> weights(SNR)] -> deconv 2W->W x2
        -> depth x [res W -> weights(SNR)] -> conv W->12 -> shuffle x2 -> sigmoid => image (B,3,32,32)
"""

from __future__ import annotations

import torch
from torch import nn

from semrobust.models.deepjscc import Autoencoder, MapsDecoder, ResidualBlock, feature_maps_for
from semrobust.phy.power import normalize_power

_LEAST = 1e-6  # of the sum that GDN divides by
_COUPLING = 0.1  # of a channel with itself at first


class GDN(nn.Module):
    """Generalized divisive normalization: x_i / sqrt(β_i + Σ_j γ_ij x_j²), at each place by itself.

    β and γ are squares of the parameters, so they cannot be negative.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.root_beta = nn.Parameter(torch.ones(channels))
        # a root of 0 has no gradient and would stay where it is
        self.root_gamma = nn.Parameter((_COUPLING * torch.eye(channels)).clamp_min(1e-4).sqrt())

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (B, C, H, W) to the same shape."""
        gamma, beta = self.root_gamma.square()[:, :, None, None], self.root_beta.square() + _LEAST
        return features * nn.functional.conv2d(features.square(), gamma, beta).rsqrt()


class AdaptiveBlock(nn.Module):
    """A residual block, and after it channel weights in (0, 2) from each channel's mean and from the SNR."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(1, channels // 4)
        self.block = ResidualBlock(channels)
        self.weigh = nn.Sequential(nn.Linear(channels + 1, inner), nn.ReLU(), nn.Linear(inner, channels), nn.Sigmoid())

    def forward(self, features: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        """Map (B, C, H, W) to the same shape; `level` (B, 1) in [0, 1] stands for the SNR."""
        features = self.block(features)
        weights = self.weigh(torch.cat([features.mean(dim=(2, 3)), level], dim=1))
        weighed: torch.Tensor = features * (2.0 * weights)[:, :, None, None]
        return weighed


class AdaptiveEncoder(nn.Module):
    """Image (B,3,H,W) in [0,1] to a codeword (B, N) with ||z||² = N. It does not know the SNR."""

    def __init__(self, feature_maps: int, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, width, 5, stride=2, padding=2),
            GDN(width),
            ResidualBlock(width),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            GDN(2 * width),
            ResidualBlock(2 * width),
            nn.Conv2d(2 * width, feature_maps, 3, padding=1),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Encode; pixels are centred in here."""
        return normalize_power(self.body(2.0 * images - 1.0).flatten(1))


class AdaptiveDecoder(MapsDecoder):
    """Received vector (B, N) and noise variance to an image (B,3,H,W) in (0,1).

    `snr_db`: the lowest and highest SNR that it tells apart; others count as the nearest of these.
    """

    def __init__(self, feature_maps: int, width: int, depth: int, snr_db: tuple[float, float]) -> None:
        super().__init__(feature_maps)
        self.snr_db = snr_db
        self.enter = nn.Conv2d(feature_maps, 2 * width, 3, padding=1)
        self.coarse = nn.ModuleList(AdaptiveBlock(2 * width) for _ in range(depth))
        self.enlarge = nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1)
        self.fine = nn.ModuleList(AdaptiveBlock(width) for _ in range(depth))
        self.leave = nn.Sequential(
            nn.PReLU(width), nn.Conv2d(width, 12, 3, padding=1), nn.PixelShuffle(2), nn.Sigmoid()
        )

    def forward(self, received: torch.Tensor, noise_variance: torch.Tensor) -> torch.Tensor:
        """Decode a batch; `noise_variance` (B, 1) per real use."""
        lowest, highest = self.snr_db
        snr_db = (-10.0 * noise_variance.log10()).clamp(lowest, highest)
        level = (snr_db - lowest) / max(highest - lowest, 1.0)
        features = self.enter(self.maps(received))
        for block in self.coarse:
            features = block(features, level)
        features = self.enlarge(features)
        for block in self.fine:
            features = block(features, level)
        images: torch.Tensor = self.leave(features)
        return images


class AdaptiveDeepJSCC(Autoencoder):
    """Encoder and decoder with `real_uses` channel uses between them."""

    def __init__(self, real_uses: int, width: int, depth: int, snr_db: tuple[float, float]) -> None:
        super().__init__()
        feature_maps = feature_maps_for(real_uses)
        self.encoder = AdaptiveEncoder(feature_maps, width)
        self.decoder = AdaptiveDecoder(feature_maps, width, depth, snr_db)
