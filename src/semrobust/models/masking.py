"""Which patches of an image are sent, and how tokens get back to their places.

A mask is held as `visible`, int64 (B, V): the numbers of the patches that **are encoded and sent**, ascending. All
other patches are **hidden**: nobody behind the transmitter sees anything of them. No mask here is a bool whose
polarity must be guessed; `is_hidden` makes one, True = hidden, as in the masked autoencoder of He et al. 2022.

Masks for pre-training are random per image (`random_visible`). At transmission the receiver must know which patches
come without being told: `shared_visible` draws from the seed and the image's number alone, so both ends get the same
mask, in whatever batches they work. (hu2022 does not say how its receiver knows; see `docs/ASSUMPTIONS.md`.)
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import torch

from semrobust.pipeline import seeds


def visible_count(patches: int, masking_ratio: float) -> int:
    """Number of patches that are sent: patches - floor(patches·ratio), at least one.

    The ratio is taken as the decimal number that was written: 0.9 of 10 patches are 9, which floats do not grant.
    Raises ValueError for a ratio outside [0, 1).
    """
    if not 0 <= masking_ratio < 1:
        raise ValueError(f"masking ratio {masking_ratio}: it must be in [0, 1), so that a patch is left to send")
    return patches - int(Fraction(repr(float(masking_ratio))) * patches)


def random_visible(images: int, patches: int, visible: int, generator: torch.Generator) -> torch.Tensor:
    """Draw a fresh mask for each image: int64 (images, visible), on the CPU, each subset equally likely."""
    _check(patches, visible)
    order = torch.rand(images, patches, generator=generator).argsort(dim=1, stable=True)
    return order[:, :visible].sort(dim=1).values


def shared_visible(seed: int, numbers: Sequence[int], patches: int, visible: int) -> torch.Tensor:
    """Return the mask that both ends derive for the images with these numbers: int64 (len(numbers), visible).

    Row i depends on `seed`, `numbers[i]` and `patches` alone. With fewer visible patches a mask is a subset of the one
    with more, so a study of the ratio hides more and more of the same image.
    """
    _check(patches, visible)
    rows = np.empty((len(numbers), visible), dtype=np.int64)
    for row, number in zip(rows, numbers, strict=True):
        row[:] = np.sort(seeds.generator(seed, "mask", patches, int(number)).permutation(patches)[:visible])
    return torch.from_numpy(rows)


def is_hidden(visible: torch.Tensor, patches: int) -> torch.Tensor:
    """Return the mask as bool (B, patches): True = hidden, not sent; False = visible, sent."""
    hidden = torch.ones(len(visible), patches, dtype=torch.bool, device=visible.device)
    return hidden.scatter(1, visible, False)


def gather_visible(tokens: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
    """Keep the visible ones of (B, patches, W): (B, V, W), in the order of `visible`."""
    return tokens.gather(1, _indices(visible, tokens.shape[-1]))


def scatter_visible(
    tokens: torch.Tensor, visible: torch.Tensor, mask_token: torch.Tensor, patches: int
) -> torch.Tensor:
    """Put (B, V, W) back to their places among `patches`; hidden places get `mask_token` (W,): (B, patches, W).

    Inverse of `gather_visible`: gathering again gives the same tokens, whatever the mask token is.
    """
    everywhere = mask_token.to(tokens.dtype).expand(len(tokens), patches, -1)
    return everywhere.scatter(1, _indices(visible, tokens.shape[-1]), tokens)


def _indices(visible: torch.Tensor, width: int) -> torch.Tensor:
    return visible.unsqueeze(-1).expand(-1, -1, width)


def _check(patches: int, visible: int) -> None:
    if not 1 <= visible <= patches:
        raise ValueError(f"{visible} visible patches of {patches}: at least one and at most all can be sent")
