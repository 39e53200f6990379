"""A plain vision transformer on images that arrive without errors: the "ViT" of hu2022, Figs. 4 and 5."""

from __future__ import annotations

from typing import Literal

import torch

from semrobust.config.registry import SYSTEMS
from semrobust.config.settings import Positive
from semrobust.data.content import CLASSES
from semrobust.models.vit import TransformerSize, VisionTransformer
from semrobust.phy.air import Air
from semrobust.systems.classification import ClassifyingSettings, ClassifyingSystem, NetworkSize
from semrobust.systems.draw import Randomness


class TransformerSettings(ClassifyingSettings):
    """A vision transformer on `patch` x `patch` patches, with `stem` channels of convolutions within each; null = none.

    Shared by all systems that classify by one.
    """

    patch: Positive
    stem: Positive | None
    size: NetworkSize

    def network(self) -> VisionTransformer:
        """An untrained one for CIFAR-10."""
        size = TransformerSize(**self.size.model_dump())
        return VisionTransformer(patch=self.patch, stem=self.stem, size=size, classes=CLASSES)


class VitSettings(TransformerSettings):
    """Settings of a vision transformer."""

    kind: Literal["vit"]

    @property
    def parts(self) -> frozenset[str]:
        return frozenset()


@SYSTEMS.register("vit")
class VitSystem(ClassifyingSystem[VitSettings]):
    """Classifier of the image itself: the transmission is taken as free of errors, so `air` is not used."""

    Settings = VitSettings
    trainable = True
    adopted = frozenset({"embedding", "transformer", "head"})

    def __init__(self, settings: VitSettings, real_uses: int) -> None:
        super().__init__(settings, real_uses)
        self.module = settings.network()

    def logits(self, images: torch.Tensor, air: Air | None, draw: Randomness) -> torch.Tensor:
        logits: torch.Tensor = self.module(images.to(self.device)).cpu()
        return logits
