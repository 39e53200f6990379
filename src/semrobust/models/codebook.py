"""The discrete codebook of hu2022 (arXiv 2202.03338), eqs. 10 and 11, on `vector_quantize_pytorch`.

    k_i = argmin_j ‖z_i - e_j‖₂                                             (10), the lowest j of equals
    L + ‖sg[z] - e‖² + λ‖z - sg[e]‖²                                        (11), sg = stop-gradient

z (…, D) are the encoder's features, e (J, D) the basis vectors that both ends hold. Forward the decoder gets e_k,
backward its gradient goes to z unchanged (straight-through estimator), and none of it to the basis vectors: they are
trained by the second term of eq. 11 alone, or by moving averages (`ema_decay`, van den Oord et al. 2017, appendix A).
A squared norm is the sum over D, averaged over all vectors of the batch; λ belongs to the training.

The library finds the nearest vectors and does the moving averages. Its loss and its straight-through are not used
(version 1.32): the loss gives both terms one common weight and divides by D; in eval mode there is neither a loss nor
a gradient for z, so no attack could see through it; by default gradients are rotated; under bfloat16 autocast on a
CPU it compares rounded distances (1 % other indices); its k-means start would wait for the first batch, in eval mode
too. Eq. 11 alone collapses: after 40 steps of Adam on CIFAR-10 the perplexity was 2 of 512, and 4 when started by
`reseed`; with the unused vectors reseeded every 10 steps it was above 100 and rising.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import nn

from semrobust.errors import TrainingError
from semrobust.models.straight_through import straight_through

_START_STD = 3**-0.5  # what an untrained linear layer behind a layer norm puts out, so that many vectors are in reach


def index_bits(size: int) -> int:
    """Bits of an index into `size` basis vectors: log2 J, rounded up."""
    return (size - 1).bit_length()


class CodebookCollapse(TrainingError):
    """So few basis vectors are in use that the indices say next to nothing."""


class Quantized(NamedTuple):
    """What eq. 10 makes of features z (…, D).

    Attributes:
        vectors: (…, D) float32, the values of e_k and the gradient of z.
        indices: (…) int64, k.
        codebook_loss: scalar, mean of ‖sg[z] - e‖²; has gradients for the basis vectors only, none under EMA.
        commitment_loss: scalar, mean of ‖z - sg[e]‖², to be weighted by λ; has gradients for z only.
    """

    vectors: torch.Tensor
    indices: torch.Tensor
    codebook_loss: torch.Tensor
    commitment_loss: torch.Tensor


class Codebook(nn.Module):
    """J = `size` basis vectors of dimension `dim`.

    With `ema_decay` the basis vectors are no parameters: each forward pass in training mode moves them. In eval mode
    nothing ever changes them. So attacks, also those inside adversarial training, run in eval mode.
    """

    def __init__(self, size: int, dim: int, ema_decay: float | None = None) -> None:
        from vector_quantize_pytorch import VectorQuantize  # seconds

        super().__init__()
        if size < 2:
            raise ValueError(f"a codebook of {size} vectors says nothing: at least 2 are needed")
        self.size, self.dim = size, dim
        averaged = ema_decay is not None
        self.library: Any = VectorQuantize(
            dim,
            size,
            learnable_codebook=not averaged,
            ema_update=averaged,
            decay=ema_decay if averaged else 0.0,
            commitment_weight=0.0,  # both losses are computed here
            rotation_trick=False,
            kmeans_init=False,
            threshold_ema_dead_code=0,  # the library would draw replacements from torch's global generator
        )
        with torch.no_grad():
            self.basis.normal_(std=_START_STD)
            self.library._codebook.embed_avg[0].copy_(self.basis)

    @property
    def basis(self) -> torch.Tensor:
        """The basis vectors e, (J, D) float32: a view of the parameter (or, under EMA, of the buffer)."""
        embed: torch.Tensor = self.library._codebook.embed
        return embed[0]

    @property
    def bits(self) -> int:
        """Bits of one index."""
        return index_bits(self.size)

    def forward(self, features: torch.Tensor) -> Quantized:
        """Quantize (…, D) of any float dtype; always computed in float32, also under autocast."""
        with torch.autocast(features.device.type, enabled=False):
            flat = features.float().reshape(1, -1, self.dim)
            # detached, so that the library adds no straight-through and `nearest` carries the codebook's gradient
            nearest, indices, _ = self.library(flat.detach())
            return Quantized(
                straight_through(flat, nearest).reshape(features.shape),
                indices.reshape(features.shape[:-1]),
                (flat.detach() - nearest).square().sum(-1).mean(),
                (flat - nearest.detach()).square().sum(-1).mean(),
            )

    def soft(self, features: torch.Tensor, temperature: float) -> torch.Tensor:
        """Soft assignment of (…, D) float32: Σ_j softmax_j(-‖z - e_j‖²/(T·s²)) e_j, differentiable in the features.

        s² is the mean squared distance of a basis vector to its nearest neighbour. At T -> 0 it is e_k of eq. 10.
        """
        basis = self.basis.detach()
        apart = torch.cdist(basis, basis).square().fill_diagonal_(torch.inf).amin(1).mean()
        far = torch.cdist(features, basis).square()
        return torch.softmax(-far / (temperature * apart), dim=-1) @ basis

    def lookup(self, indices: torch.Tensor) -> torch.Tensor:
        """The receiver's e_k: int64 (…) to float32 (…, D), differentiable in the basis vectors.

        Where J is no power of two, bit errors can make an index of J or more. The receiver knows that it is wrong, and
        takes the mean of all basis vectors: the least squared error if it could have been any of them. An index that no
        `bits` bits can hold is a mistake of the caller: ValueError.
        """
        low, high = (int(end) for end in indices.aminmax())
        if low < 0 or high >= 2**self.bits:
            raise ValueError(f"indices {low}..{high}: {self.bits} bits hold 0..{2**self.bits - 1} only")
        vectors = self.basis[indices.clamp(max=self.size - 1)]
        return torch.where((indices < self.size).unsqueeze(-1), vectors, self.basis.mean(dim=0))

    @torch.no_grad()
    def reseed(
        self, features: torch.Tensor, generator: torch.Generator, unused: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Put randomly drawn features (n, D) in place of the basis vectors marked in `unused`, bool (J,), or of all.

        For training to call, at its start or against collapse: the codebook itself never does. Each feature is drawn
        once; if there are too few, the other vectors stay. Returns the numbers of the replaced ones, int64. Raises
        ValueError in eval mode.
        """
        if not self.training:
            raise ValueError("the codebook is in eval mode, where nothing may change it; call .train() first")
        chosen = torch.arange(self.size) if unused is None else unused.cpu().nonzero().squeeze(1)
        drawn = torch.randperm(len(features), generator=generator)[: len(chosen)].to(features.device)
        numbers = chosen[: len(drawn)].to(self.basis.device)
        self.basis[numbers] = features[drawn].to(self.basis)
        self.library._codebook.embed_avg[0, numbers] = self.basis[numbers]
        self.library._codebook.cluster_size[0, numbers] = 1.0
        return numbers


def counts(indices: torch.Tensor, size: int) -> torch.Tensor:
    """How often each of `size` indices occurs: int64 (size,)."""
    return torch.bincount(indices.flatten(), minlength=size)


def usage(indices: torch.Tensor, size: int) -> float:
    """Share of the `size` basis vectors that occur in `indices`, 0 to 1."""
    return int((counts(indices, size) > 0).sum()) / size


def perplexity(indices: torch.Tensor, size: int) -> float:
    """exp(entropy) of the indices' frequencies: 1 if all are equal, `size` if all are equally frequent."""
    share = counts(indices, size).double() / indices.numel()
    return math.exp(float(torch.special.entr(share).sum()))


def check_collapse(indices: torch.Tensor, size: int, limit: float) -> None:
    """Raise CodebookCollapse if the perplexity of a batch of indices is below `limit`."""
    found = perplexity(indices, size)
    if found < limit:
        raise CodebookCollapse(
            f"the codebook collapsed: perplexity {found:.1f}, below the limit of {limit:g}, with "
            f"{round(usage(indices, size) * size)} of {size} basis vectors in use. Reseed unused vectors from features "
            f"more often, lower the learning rate, use moving averages, or take a smaller codebook."
        )
