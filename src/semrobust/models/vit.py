"""A small vision transformer, and the parts of it that the masked autoencoder shares.

Source: Dosovitskiy et al. 2021 (arXiv 2010.11929), the "ViT" of hu2022 (arXiv 2202.03338) Fig. 4 and 5. Sizes are not
in our copy of hu2022; see `docs/ASSUMPTIONS.md`.

    image (B,3,32,32) in [0,1]
      -> patches 4x4 (B,64,48) -> linear 48->128 + positions      (B,64,128)
      -> depth x [ x + attention(norm(x)); x + mlp(norm(x)) ] -> norm
      -> mean over patches -> linear 128->10                      => logits (B,10)

Positions are fixed two-dimensional sine waves and no parameters: both ends have them without training or sending
them, they treat every mask alike, and no weight perturbation reaches them.

Attention is two matrix products and a softmax in plain operations. `nn.TransformerEncoderLayer` takes another kernel in
eval without gradients than with them, so what an attack differentiates would not be what is evaluated; and for 64
tokens on a CPU both it and `scaled_dot_product_attention` take about twice as long in bfloat16.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn

from semrobust.models.masking import gather_visible

_MEAN, _STD = 0.5, 0.25  # near CIFAR-10's own (0.47, 0.25), but no statistic of any data that could go stale


@dataclass(frozen=True)
class TransformerSize:
    """Width of the tokens, number of blocks, heads (must divide the width), and width of the feed-forward part."""

    width: int = 128
    depth: int = 4
    heads: int = 4
    hidden: int = 256


VIT_SIZE = TransformerSize()


def patchify(images: torch.Tensor, patch: int) -> torch.Tensor:
    """Cut (B, 3, H, H) into patches (B, (H/patch)², 3·patch²), row by row; `unpatchify` is the inverse.

    The values of a patch are ordered channel, row, column. Raises ValueError for images that patches do not tile.
    """
    batch, channels, height, width = images.shape
    if height != width or height % patch:
        raise ValueError(f"images of {height}x{width} cannot be cut into a square grid of {patch}x{patch} patches")
    grid = height // patch
    tiles = images.reshape(batch, channels, grid, patch, grid, patch)
    return tiles.permute(0, 2, 4, 1, 3, 5).reshape(batch, grid * grid, channels * patch * patch)


def unpatchify(patches: torch.Tensor, patch: int) -> torch.Tensor:
    """Put patches (B, g², 3·patch²) together to images (B, 3, g·patch, g·patch), the inverse of `patchify`."""
    batch, count, values = patches.shape
    grid, channels = math.isqrt(count), values // patch**2
    tiles = patches.reshape(batch, grid, grid, channels, patch, patch)
    return tiles.permute(0, 3, 1, 4, 2, 5).reshape(batch, channels, grid * patch, grid * patch)


def normalize(pixels: torch.Tensor) -> torch.Tensor:
    """Pixels in [0, 1] to numbers of about zero mean and unit variance; the same map for every pixel."""
    return (pixels - _MEAN) / _STD


def denormalize(values: torch.Tensor) -> torch.Tensor:
    """Inverse of `normalize`; not clamped."""
    return values * _STD + _MEAN


def sine_positions(grid: int, width: int) -> torch.Tensor:
    """Positional embedding (grid², width), float32: sine and cosine of the row, then of the column.

    p = row or column enters as sin(p·ω_k), cos(p·ω_k) with ω_k = 10000^(-4k/width), k = 0 … width/4 - 1.
    """
    if width % 4:
        raise ValueError(f"width {width}: positions need sine and cosine of row and column, so a multiple of 4")
    omega = 10000.0 ** (-torch.arange(width // 4, dtype=torch.float64) * 4 / width)
    angles = torch.arange(grid, dtype=torch.float64)[:, None] * omega
    waves = torch.cat([angles.sin(), angles.cos()], dim=1)  # (grid, width/2)
    rows, columns = waves.repeat_interleave(grid, dim=0), waves.repeat(grid, 1)
    return torch.cat([rows, columns], dim=1).float()


class Attention(nn.Module):
    """Multi-head self-attention: softmax(q·kᵀ/√d)·v per head, then a linear map; the softmax is always float32."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"{heads} heads cannot share a width of {width}: it must be a multiple of them")
        self.heads = heads
        self.project_in = nn.Linear(width, 3 * width)
        self.project_out = nn.Linear(width, width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Map (B, T, W) to the same shape."""
        query, key, value = self.project_in(tokens).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
        mixed = scores.softmax(dim=-1, dtype=torch.float32).to(value.dtype) @ value
        output: torch.Tensor = self.project_out(mixed.transpose(1, 2).flatten(2))
        return output


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)): normalized first, so that it trains without warm-up tricks."""

    def __init__(self, width: int, heads: int, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.attention = nn.Sequential(nn.LayerNorm(width), Attention(width, heads), nn.Dropout(dropout))
        self.mlp = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width), nn.Dropout(dropout)
        )

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Map (B, T, W) to the same shape."""
        tokens = tokens + self.attention(tokens)
        residual: torch.Tensor = self.mlp(tokens)
        return tokens + residual


class Transformer(nn.Sequential):
    """`depth` blocks and a last layer norm, (B, T, W) to the same shape, for any number of tokens T."""

    def __init__(self, size: TransformerSize, dropout: float = 0.0) -> None:
        blocks = (Block(size.width, size.heads, size.hidden, dropout) for _ in range(size.depth))
        super().__init__(*blocks, nn.LayerNorm(size.width))


class PatchStem(nn.Module):
    """Two 3x3 convolutions within each patch, beside its pixels: (B, T, 3·patch²) to (B, T, (3 + channels)·patch²)."""

    def __init__(self, patch: int, channels: int) -> None:
        super().__init__()
        self.patch = patch
        self.first = nn.Conv2d(3, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """Map each patch by itself."""
        pixels = patches.reshape(-1, 3, self.patch, self.patch)
        maps = nn.functional.gelu(self.second(nn.functional.gelu(self.first(pixels))))
        return torch.cat([patches, maps.reshape(*patches.shape[:2], -1)], dim=-1)


class PatchEmbedding(nn.Module):
    """Images (B,3,H,H) in [0,1] to tokens: normalized patches through a linear layer, plus their positions.

    `stem` convolutions of so many channels come first, within each patch: what is outside counts as 0, so that a
    token tells of its own patch alone.
    """

    positions: torch.Tensor

    def __init__(self, image_size: int, patch: int, width: int, stem: int | None = None) -> None:
        super().__init__()
        self.patch = patch
        self.grid = image_size // patch
        self.stem: nn.Module = nn.Identity() if stem is None else PatchStem(patch, stem)
        self.project = nn.Linear((3 + (stem or 0)) * patch**2, width)
        self.register_buffer("positions", sine_positions(self.grid, width), persistent=False)

    def forward(self, images: torch.Tensor, visible: torch.Tensor | None = None) -> torch.Tensor:
        """Embed the patches numbered `visible`, int64 (B, V), or all: (B, V, W). Hidden pixels are never read."""
        patches = patchify(images, self.patch)
        positions = self.positions
        if visible is not None:
            patches, positions = gather_visible(patches, visible), positions[visible]
        tokens: torch.Tensor = self.project(self.stem(normalize(patches)))
        return tokens + positions


class VisionTransformer(nn.Module):
    """Classifier with mean pooling: images (B,3,H,H) float32 in [0,1] to logits (B, classes) float32.

    `dropout` acts behind attention and feed-forward layers in training only; with 0 both modes compute the same.
    """

    def __init__(
        self,
        image_size: int = 32,
        patch: int = 4,
        size: TransformerSize = VIT_SIZE,
        classes: int = 10,
        dropout: float = 0.0,
        stem: int | None = None,
    ) -> None:
        super().__init__()
        self.embedding = PatchEmbedding(image_size, patch, size.width, stem)
        self.transformer = Transformer(size, dropout)
        self.head = nn.Linear(size.width, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Classify; differentiable in the pixels in both modes."""
        logits: torch.Tensor = self.head(self.transformer(self.embedding(images)).mean(dim=1))
        return logits.float()
