"""The transceiver of hu2022 (arXiv 2202.03338), Section III: a masked autoencoder with a discrete codebook.

Masked autoencoder: He et al. 2022 (arXiv 2111.06377). Sizes are not in our copy; see `docs/ASSUMPTIONS.md`.

    transmitter  image (B,3,32,32) in [0,1], visible (B,V·pooled) of 64 patches
                   -> visible patches -> linear 48->128 + positions -> transformer -> linear 128->D
                   -> mean of each `pooled` consecutive ones (1: as they are)                        z (B,V,D)
                   -> nearest of J basis vectors, eq. 10                                   indices k (B,V)
    channel      the bits of k, or nothing: gradients pass it straight through
    receiver     vectors e (B,V,D) = lookup(k'), visible (B,V·pooled)
      pre-training   -> linear D->128 -> mask token at hidden places + positions -> light transformer
                     -> linear 128->48 -> pixels                                        image (B,3,32,32)
      fine-tuning    -> FC D->256 + positions, GELU -> FC 256->256, GELU -> mean over V -> FC 256->10
                                                                                          logits (B,10)

The paper describes the light decoder with mask tokens (III-A) and says of its experiments that "the decoder consists
of fully-connected layers" whose last one changes with the task (IV). Here reconstruction has the light transformer:
without exchange between tokens a hidden patch could not be drawn. Classification has the fully connected layers: they
act on each received vector with its position, and the mean over the received vectors is classified. Hidden patches
do not enter, so the layers fit every mask and any ratio, and one index that the channel corrupts moves 1/V of the mean.

A model has one of the two receivers, so no parameter is ever without a gradient. `adopt_transmitter` takes a
pre-trained encoder and codebook over. In code:

    z = model.encode(images, visible)
    sent = model.quantize(z)                                            # .vectors, .indices and eq. 11's terms
    arrived = model.codebook.lookup(corrupted indices)
    logits = model.classify(straight_through(z, arrived), visible)      # or model.classify(arrived, visible)
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from semrobust.models.codebook import Codebook, Quantized
from semrobust.models.masking import scatter_visible, visible_count
from semrobust.models.vit import (
    VIT_SIZE,
    PatchEmbedding,
    Transformer,
    TransformerSize,
    denormalize,
    sine_positions,
    unpatchify,
)

LIGHT_SIZE = TransformerSize(depth=1)


class Passed(NamedTuple):
    """What a pass without a channel gives: images or logits, and the quantized features (None without a codebook)."""

    output: torch.Tensor
    quantized: Quantized | None


class FeatureEncoder(nn.Module):
    """Visible patches to features: (B,3,H,H) in [0,1] and int64 (B,V) to float32 (B,V,D)."""

    def __init__(
        self, image_size: int, patch: int, size: TransformerSize, features: int, dropout: float, stem: int | None
    ) -> None:
        super().__init__()
        self.embedding = PatchEmbedding(image_size, patch, size.width, stem)
        self.transformer = Transformer(size, dropout)
        self.project = nn.Linear(size.width, features)

    def forward(self, images: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
        """Encode; what hidden patches show changes nothing."""
        features: torch.Tensor = self.project(self.transformer(self.embedding(images, visible)))
        return features.float()


class PixelDecoder(nn.Module):
    """Received vectors (B,V,D) at the places `visible` to images (B,3,H,H), float32, not clamped to [0,1]."""

    positions: torch.Tensor

    def __init__(self, image_size: int, patch: int, size: TransformerSize, features: int, dropout: float) -> None:
        super().__init__()
        self.patch = patch
        self.project = nn.Linear(features, size.width)
        self.mask_token = nn.Parameter(0.02 * torch.randn(size.width))
        self.transformer = Transformer(size, dropout)
        self.pixels = nn.Linear(size.width, 3 * patch**2)
        self.register_buffer("positions", sine_positions(image_size // patch, size.width), persistent=False)

    def forward(self, vectors: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
        """Draw all patches, the visible ones too."""
        tokens = scatter_visible(self.project(vectors), visible, self.mask_token, len(self.positions))
        patches = self.pixels(self.transformer(tokens + self.positions))
        return unpatchify(denormalize(patches.float()), self.patch)


def pool(tokens: torch.Tensor, count: int) -> torch.Tensor:
    """Means of each `count` consecutive tokens: (B,V·count,W) to (B,V,W)."""
    return tokens if count == 1 else tokens.reshape(len(tokens), -1, count, tokens.shape[-1]).mean(2)


class ClassHead(nn.Module):
    """Received vectors (B,V,D) at the places `visible` to logits (B, classes), float32, by fully connected layers."""

    positions: torch.Tensor

    def __init__(self, grid: int, features: int, hidden: int, classes: int, pooled: int) -> None:
        super().__init__()
        self.pooled = pooled
        self.first = nn.Linear(features, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, classes)
        self.register_buffer("positions", sine_positions(grid, hidden), persistent=False)

    def forward(self, vectors: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
        """Classify; a vector of several patches stands between them, and the order of the vectors does not matter."""
        positions = pool(self.positions[visible], self.pooled)
        tokens = nn.functional.gelu(self.first(vectors) + positions)
        logits: torch.Tensor = self.last(nn.functional.gelu(self.second(tokens)).mean(dim=1))
        return logits.float()

    def shares(self, vectors: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
        """What vectors (J,D) add to the logits at each place of one mask (V·pooled,): (V, J, classes).

        The last layer takes a mean, so logits are its bias and the sum of what each received vector adds.
        """
        places = self.positions[visible][None]
        sent = places.shape[1] // self.pooled
        tokens = nn.functional.gelu(self.first(vectors) + pool(places, self.pooled)[0][:, None])
        return nn.functional.gelu(self.second(tokens)) @ self.last.weight.T / sent


class MaskedAutoencoder(nn.Module):
    """Transmitter, codebook, and one receiver.

    Arguments:
        image_size, patch: images of H x H pixels in patches of patch x patch.
        encoder, decoder: sizes of the two transformers; `decoder` is not used with `classes`.
        features: dimension D of a feature and of a basis vector.
        codebook_size: number J of basis vectors; None = no codebook (ablation): send the features themselves.
        ema_decay: None = the basis vectors follow eq. 11's gradient; else they are moving averages with this decay.
        masking_ratio: share of hidden patches; 0 = no mask (ablation). No parameter depends on it.
        classes: None = reconstruct images (pre-training); a number = classify into so many (fine-tuning).
        head_hidden: width of the classification head.
        dropout: in both transformers, in training only.
        stem: channels of the encoder's convolutions within patches; None = a patch is a vector of pixels.
        pooled: features of so many consecutive visible patches are sent as one, their mean; more than 1 with `classes`.
    """

    def __init__(
        self,
        image_size: int = 32,
        patch: int = 4,
        encoder: TransformerSize = VIT_SIZE,
        decoder: TransformerSize = LIGHT_SIZE,
        features: int = 32,
        codebook_size: int | None = 512,
        ema_decay: float | None = None,
        masking_ratio: float = 0.5,
        classes: int | None = None,
        head_hidden: int = 256,
        dropout: float = 0.0,
        stem: int | None = None,
        pooled: int = 1,
    ) -> None:
        super().__init__()
        grid = image_size // patch
        self.patches = grid**2
        self.visible_patches = visible_count(self.patches, masking_ratio)
        if self.visible_patches % pooled or (pooled > 1 and classes is None):
            raise ValueError(
                f"{self.visible_patches} patches cannot be pooled by {pooled}, or must be drawn one by one"
            )
        self.pooled, self.sent = pooled, self.visible_patches // pooled
        self.encoder = FeatureEncoder(image_size, patch, encoder, features, dropout, stem)
        self.codebook = None if codebook_size is None else Codebook(codebook_size, features, ema_decay)
        self.decoder = PixelDecoder(image_size, patch, decoder, features, dropout) if classes is None else None
        self.head = None if classes is None else ClassHead(grid, features, head_hidden, classes, pooled)

    def encode(self, images: torch.Tensor, visible: torch.Tensor | None = None) -> torch.Tensor:
        """Transmitter: images (B,3,H,H) float32 in [0,1] to features z, float32 (B,V,D), in the order of `visible`.

        `visible`: int64 (B,V·pooled), the numbers of the patches to send (`models.masking`), exactly as many as the
        masking ratio says; only a model without a mask can do without.
        """
        return pool(self.encoder(images, self._places(images, visible)), self.pooled)

    def quantize(self, features: torch.Tensor) -> Quantized:
        """Transmitter: eq. 10 and the terms of eq. 11 for z (B,V,D); ValueError if the model has no codebook."""
        if self.codebook is None:
            raise ValueError("this model has no codebook: its features are sent as they are, there are no indices")
        quantized: Quantized = self.codebook(features)
        return quantized

    def reconstruct(self, vectors: torch.Tensor, visible: torch.Tensor | None = None) -> torch.Tensor:
        """Receiver: vectors (B,V,D) and the mask of `encode` to images (B,3,H,H) float32, not clamped to [0,1]."""
        if self.decoder is None:
            raise ValueError("this model classifies: it has no decoder; build it with classes=None to reconstruct")
        return self.decoder(vectors, self._places(vectors, visible))  # type: ignore[no-any-return]

    def classify(self, vectors: torch.Tensor, visible: torch.Tensor | None = None) -> torch.Tensor:
        """Receiver: vectors (B,V,D) and the mask of `encode` to logits (B, classes) float32."""
        if self.head is None:
            raise ValueError("this model reconstructs: it has no classification head; build it with classes=10")
        return self.head(vectors, self._places(vectors, visible))  # type: ignore[no-any-return]

    def forward(self, images: torch.Tensor, visible: torch.Tensor | None = None) -> Passed:
        """Encode, quantize if there is a codebook, and receive what was sent, with no channel in between."""
        features = self.encode(images, visible)
        quantized = None if self.codebook is None else self.quantize(features)
        vectors = features if quantized is None else quantized.vectors
        receive = self.reconstruct if self.head is None else self.classify
        return Passed(receive(vectors, visible), quantized)

    def adopt_transmitter(self, trained: MaskedAutoencoder) -> None:
        """Copy encoder and codebook of a pre-trained model; raises RuntimeError if their sizes differ."""
        self.encoder.load_state_dict(trained.encoder.state_dict())
        if self.codebook is not None and trained.codebook is not None:
            self.codebook.load_state_dict(trained.codebook.state_dict())

    def _places(self, batch: torch.Tensor, visible: torch.Tensor | None) -> torch.Tensor:
        """Return `visible` after a check, or all patches for a model without a mask."""
        if visible is None and self.visible_patches == self.patches:
            return torch.arange(self.patches, device=batch.device).expand(len(batch), -1)
        expected = (len(batch), self.visible_patches)
        if visible is None or visible.shape != expected:
            got = "none" if visible is None else f"one of shape {tuple(visible.shape)}"
            raise ValueError(f"a mask of shape {expected} is needed, the patches that are sent, but there is {got}")
        return visible
