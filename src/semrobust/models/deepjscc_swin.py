"""DeepJSCC of windowed attention in place of convolutions.

Sources: Yang et al. 2023 (SwinJSCC, arXiv 2308.09361) and Liu et al. 2021 (Swin, arXiv 2103.14030). In their style, not
their networks: two stages of a size for two processor cores, see `docs/ASSUMPTIONS.md`.

    image (B,3,32,32) in [0,1]
      -> patches 2x2 -> linear 12->W -> depth blocks (16x16,W) -> merge 2x2 -> 2·depth blocks (8x8,2W)
        -> norm -> linear 2W->C -> power                                                      => z (B, N), N = 64·C
      channel: y = z + w
      y -> (B,8,8,C) -> linear C->2W -> 2·depth blocks (8x8,2W) -> split 2x2 -> depth blocks (16x16,W)
        -> norm -> linear W->12 -> patches 2x2 -> sigmoid                                     => image (B,3,32,32)

A block is x + attention(norm(x)), then x + mlp(norm(x)). Attention looks at windows of `window` x `window` places,
those of every second block shifted by half a window. It is in plain operations, for the reasons of `models.vit`.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from semrobust.models.deepjscc import SHRINK, Autoencoder, MapsDecoder, feature_maps_for
from semrobust.phy.power import normalize_power

_APART = -1e4  # added to what must not attend to each other
_PATCH = 2


def windows(tokens: torch.Tensor, window: int) -> torch.Tensor:
    """Cut (B, H, W, D) into windows (B, H·W/window², window², D), row by row; `joined` is the inverse."""
    batch, height, width, values = tokens.shape
    tiles = tokens.reshape(batch, height // window, window, width // window, window, values)
    return tiles.transpose(2, 3).reshape(batch, -1, window * window, values)


def joined(tiles: torch.Tensor, window: int, height: int, width: int) -> torch.Tensor:
    """Put windows (B, H·W/window², window², D) together to (B, H, W, D)."""
    batch, _, _, values = tiles.shape
    grid = tiles.reshape(batch, height // window, width // window, window, window, values)
    return grid.transpose(2, 3).reshape(batch, height, width, values)


def apart(height: int, width: int, window: int, shift: int) -> torch.Tensor:
    """What to add to the attention of shifted windows, (windows, window², window²): 0, or much less than 0 between
    places that are neighbours only because the image was shifted around its edges."""

    def zones(length: int) -> torch.Tensor:
        place = torch.arange(length)
        return (place >= length - window).long() + (place >= length - shift).long()

    zone = 3 * zones(height)[:, None] + zones(width)
    of_window = windows(zone[None, :, :, None], window)[0, :, :, 0]
    return torch.where(of_window[:, :, None] == of_window[:, None, :], 0.0, _APART)


class WindowAttention(nn.Module):
    """Multi-head self-attention within windows, with a learned bias for each relative position."""

    def __init__(self, width: int, heads: int, window: int, shift: int) -> None:
        super().__init__()
        self.heads, self.window, self.shift = heads, window, shift
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.bias = nn.Parameter(torch.zeros(heads, (2 * window - 1) ** 2))
        nn.init.trunc_normal_(self.bias, std=0.02)
        places = torch.cartesian_prod(torch.arange(window), torch.arange(window))
        apart_by = places[:, None] - places[None] + window - 1
        self.relative: torch.Tensor
        self.register_buffer("relative", apart_by[..., 0] * (2 * window - 1) + apart_by[..., 1], persistent=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Map (B, H, W, D) to the same shape; H and W are multiples of the window."""
        batch, height, width, values = tokens.shape
        shift = self.shift
        if shift:
            tokens = tokens.roll((-shift, -shift), (1, 2))
        tiles = windows(tokens, self.window)
        count, places = tiles.shape[1:3]
        split = self.qkv(tiles).reshape(batch, count, places, 3, self.heads, values // self.heads)
        query, key, value = split.permute(3, 0, 1, 4, 2, 5)
        scores = (query / math.sqrt(values // self.heads)) @ key.transpose(-2, -1) + self.bias[:, self.relative]
        if shift:
            scores = scores + apart(height, width, self.window, shift).to(scores)[:, None]
        seen = (scores.softmax(-1) @ value).transpose(2, 3).reshape(batch, count, places, values)
        together = joined(self.out(seen), self.window, height, width)
        return together.roll((shift, shift), (1, 2)) if shift else together


class SwinBlock(nn.Module):
    """Attention within windows and a perceptron of twice the width, each added to what it gets."""

    def __init__(self, width: int, heads: int, window: int, shift: int) -> None:
        super().__init__()
        self.before_attention, self.before_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = WindowAttention(width, heads, window, shift)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Map (B, H, W, D) to the same shape."""
        tokens = tokens + self.attention(self.before_attention(tokens))
        mixed: torch.Tensor = tokens + self.mlp(self.before_mlp(tokens))
        return mixed


def _blocks(width: int, depth: int, heads: int, window: int) -> nn.Sequential:
    return nn.Sequential(*(SwinBlock(width, heads, window, number % 2 * (window // 2)) for number in range(depth)))


class SwinEncoder(nn.Module):
    """Image (B,3,H,W) in [0,1] to a codeword (B, N) with ||z||² = N."""

    def __init__(self, feature_maps: int, width: int, depth: int, heads: int, window: int) -> None:
        super().__init__()
        self.enter = nn.Linear(3 * _PATCH**2, width)
        self.fine = _blocks(width, depth, heads, window)
        self.merge = nn.Sequential(nn.LayerNorm(4 * width), nn.Linear(4 * width, 2 * width))
        self.coarse = _blocks(2 * width, 2 * depth, 2 * heads, window)
        self.leave = nn.Sequential(nn.LayerNorm(2 * width), nn.Linear(2 * width, feature_maps))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Encode; pixels are centred in here. The codeword is ordered as of feature maps: channel, row, column."""
        patches = nn.functional.pixel_unshuffle(2.0 * images - 1.0, _PATCH).permute(0, 2, 3, 1)
        tokens = self.fine(self.enter(patches))
        height, width = tokens.shape[1] // 2, tokens.shape[2] // 2
        merged = self.merge(windows(tokens, 2).flatten(2)).unflatten(1, (height, width))
        maps = self.leave(self.coarse(merged)).permute(0, 3, 1, 2)
        return normalize_power(maps.flatten(1))


class SwinDecoder(MapsDecoder):
    """Received vector (B, N) to an image (B,3,H,W) in (0,1)."""

    def __init__(self, feature_maps: int, width: int, depth: int, heads: int, window: int) -> None:
        super().__init__(feature_maps)
        self.enter = nn.Linear(feature_maps, 2 * width)
        self.coarse = _blocks(2 * width, 2 * depth, 2 * heads, window)
        self.split = nn.Sequential(nn.LayerNorm(2 * width), nn.Linear(2 * width, 4 * width))
        self.fine = _blocks(width, depth, heads, window)
        self.leave = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 3 * _PATCH**2))

    def forward(self, received: torch.Tensor) -> torch.Tensor:
        """Decode a batch of received vectors."""
        tokens = self.coarse(self.enter(self.maps(received).permute(0, 2, 3, 1)))
        height, width = self.spatial
        parts = self.split(tokens).flatten(1, 2).unflatten(2, (4, -1))
        tokens = self.fine(joined(parts, 2, 2 * height, 2 * width))
        patches = self.leave(tokens).permute(0, 3, 1, 2)
        return nn.functional.pixel_shuffle(patches, _PATCH).sigmoid()


class SwinDeepJSCC(Autoencoder):
    """Encoder and decoder with `real_uses` channel uses between them."""

    def __init__(self, real_uses: int, width: int, depth: int, heads: int, window: int) -> None:
        super().__init__()
        feature_maps = feature_maps_for(real_uses)
        self.encoder = SwinEncoder(feature_maps, width, depth, heads, window)
        self.decoder = SwinDecoder(feature_maps, width, depth, heads, window)
        self.tile = SHRINK * window
