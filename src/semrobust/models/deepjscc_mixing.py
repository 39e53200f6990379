"""Table I's network with a global look at the bottleneck.

Convolutions of 3x3 see a part of a channel state; which delays and angles are strong is a matter of the whole. Here the
N values before the channel, and those behind it, pass through a perceptron over all of them:

    v -> v + W₂ GELU(W₁ LayerNorm(v)),   W₁ (hidden x N), W₂ (N x hidden)

The idea is that of mixing over all places at once (Tolstikhin et al. 2021, MLP-Mixer, arXiv 2105.01601), without its
split into places and channels: the bottleneck is small enough.
"""

from __future__ import annotations

import torch
from torch import nn

from semrobust.models.deepjscc import Autoencoder, Decoder, Encoder, feature_maps_for


class Mixing(nn.Module):
    """The perceptron above on vectors (B, N), with `hidden` units; at first the identity."""

    def __init__(self, values: int, hidden: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.LayerNorm(values), nn.Linear(values, hidden), nn.GELU(), nn.Linear(hidden, values))
        last = self.body[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Map (B, N) to the same shape."""
        mixed: torch.Tensor = self.body(vectors)
        return vectors + mixed


class MixingEncoder(Encoder):
    """That of Table I, and the perceptron before the power is normalized."""

    def __init__(self, feature_maps: int, width: int, planes: int, values: int, hidden: int) -> None:
        super().__init__(feature_maps, width, planes)
        self.mixing = Mixing(values, hidden)

    def maps(self, centred: torch.Tensor) -> torch.Tensor:
        maps = super().maps(centred)
        mixed: torch.Tensor = self.mixing(maps.flatten(1))
        return mixed.reshape(maps.shape)


class MixingDecoder(Decoder):
    """The perceptron on what arrives, and then Table I's decoder."""

    def __init__(self, feature_maps: int, width: int, planes: int, values: int, hidden: int) -> None:
        super().__init__(feature_maps, width, planes)
        self.mixing = Mixing(values, hidden)

    def forward(self, received: torch.Tensor) -> torch.Tensor:
        return super().forward(self.mixing(received))

    def layers(self) -> None:  # type: ignore[override]
        """It is more than a chain of layers on maps: no certificate is known for it."""
        return


class MixingDeepJSCC(Autoencoder):
    """Encoder and decoder with `real_uses` channel uses between them; `planes` values per place, `hidden` units."""

    def __init__(self, real_uses: int, width: int, planes: int, hidden: int) -> None:
        super().__init__()
        feature_maps = feature_maps_for(real_uses)
        self.encoder = MixingEncoder(feature_maps, width, planes, real_uses, hidden)
        self.decoder = MixingDecoder(feature_maps, width, planes, real_uses, hidden)
