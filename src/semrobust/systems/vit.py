"""A plain vision transformer on images that arrive without errors: the "ViT" of hu2022, Figs. 4 and 5."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from semrobust.config.registry import SYSTEMS
from semrobust.config.settings import Positive, SystemSettings
from semrobust.phy.air import Air
from semrobust.systems.classification import CLASSES, ClassifyingSettings, ClassifyingSystem, NetworkSize
from semrobust.systems.draw import Randomness

if TYPE_CHECKING:
    import torch


class VitSettings(ClassifyingSettings):
    """Settings of a vision transformer on `patch` x `patch` patches."""

    kind: Literal["vit"]
    patch: Positive
    size: NetworkSize


def network(patch: int, size: NetworkSize) -> torch.nn.Module:
    """An untrained vision transformer for CIFAR-10."""
    from semrobust.models.vit import TransformerSize, VisionTransformer

    return VisionTransformer(patch=patch, size=TransformerSize(**size.model_dump()), classes=CLASSES)


@SYSTEMS.register("vit")
class VitSystem(ClassifyingSystem):
    """Classifier of the image itself: the transmission is taken as free of errors, so `air` is not used."""

    Settings: ClassVar[type[SystemSettings]] = VitSettings
    trainable = True
    adopted = frozenset({"embedding", "transformer", "head"})

    def __init__(self, settings: VitSettings, real_uses: int) -> None:
        super().__init__(settings, real_uses)
        self.settings = settings
        self.module = network(settings.patch, settings.size)

    def logits(self, images: torch.Tensor, air: Air | None, draw: Randomness) -> torch.Tensor:
        logits: torch.Tensor = self.module(images.to(self.device)).cpu()
        return logits
