"""Tiny networks and inputs, a few thousand parameters each, and a hash of a state."""

from __future__ import annotations

import hashlib
from typing import Any

import torch

from semrobust.models.masked_autoencoder import MaskedAutoencoder
from semrobust.models.masking import random_visible
from semrobust.models.vit import TransformerSize, VisionTransformer

TINY = TransformerSize(width=16, depth=2, heads=2, hidden=24)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(count: int = 3, seed: int = 0) -> torch.Tensor:
    """Images (count,3,16,16), which the tiny networks cut into 16 patches."""
    return torch.rand(count, 3, 16, 16, generator=generator(seed))


def masks(count: int = 3, seed: int = 0, visible: int = 8) -> torch.Tensor:
    return random_visible(count, 16, visible, generator(seed))


def tiny_vit(**options: Any) -> VisionTransformer:
    torch.manual_seed(0)
    tiny: dict[str, Any] = {"image_size": 16, "size": TINY, "classes": 5}
    return VisionTransformer(**(tiny | options))


def tiny_autoencoder(**options: Any) -> MaskedAutoencoder:
    torch.manual_seed(0)
    tiny: dict[str, Any] = {"image_size": 16, "encoder": TINY, "decoder": TINY, "features": 6, "codebook_size": 11}
    return MaskedAutoencoder(**(tiny | {"head_hidden": 12} | options))


def parameters(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def block_parameters(size: TransformerSize) -> int:
    """Closed form of `Transformer`: attention 4(w²+w), mlp 2wh+w+h, two norms 4w per block; one last norm 2w."""
    w, h = size.width, size.hidden
    return size.depth * (4 * (w * w + w) + 2 * w * h + w + h + 4 * w) + 2 * w


def digest(module: torch.nn.Module) -> str:
    """Hash of all parameters and buffers, also those that are not saved."""
    tensors = [*module.named_parameters(), *module.named_buffers()]
    parts = [name.encode() + tensor.detach().numpy().tobytes() for name, tensor in tensors]
    return hashlib.sha256(b"".join(parts)).hexdigest()
