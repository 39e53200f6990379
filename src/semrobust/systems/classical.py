"""Separation-based baselines that send images, whatever their source codec.

encode: pixels -> best source bytes within the budget -> what every baseline does (`systems.chain`)
decode: ... -> source bytes -> image; mid-grey where the frame is damaged, or its content is no image
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch

from semrobust.codecs.base import SIZE, Best, Codec, Size, Stream, Subsampling
from semrobust.codecs.framing import Framing
from semrobust.codecs.stored import StoredCodec
from semrobust.config.settings import QUANTIZER
from semrobust.models.soft_codec import expected_codec
from semrobust.phy.ldpc import LdpcCode
from semrobust.systems.base import State, grey_images
from semrobust.systems.chain import Chain, ChainSettings


class ClassicalSettings(ChainSettings):
    """Settings of a baseline that sends images; every source codec derives its own, with its `kind`."""

    stream: Stream
    subsampling: Subsampling

    @property
    def parts(self) -> frozenset[str]:
        return super().parts | {QUANTIZER}

    def framing(self, bits: int) -> Framing:
        """How an image's source bytes fill its message bits."""
        return Framing(bits, with_quality=self.stream == "payload")


class ClassicalSystem(Chain[ClassicalSettings]):
    """A baseline with a source codec of images.

    Attributes:
        codec: the source codec; both ends know the size of the images (`Codec.size`).
    """

    codec_name: ClassVar[str]
    framing: Framing

    def __init__(self, settings: ClassicalSettings, real_uses: int, code: LdpcCode, size: Size = SIZE) -> None:
        super().__init__(settings, real_uses, code)
        self.codec: Codec = self.make_codec(settings, size)
        self._last: tuple[bytes, list[Best]] | None = None  # who differentiates asks for a batch twice

    @classmethod
    def make_codec(cls, settings: ClassicalSettings, size: Size) -> Codec:
        """The source codec of this kind of baseline, for images of one size."""
        raise NotImplementedError

    @classmethod
    def restore(cls, settings: ClassicalSettings, real_uses: int, state: State) -> Self:
        code = LdpcCode.from_arrays({name: tensor.numpy() for name, tensor in state.items()})
        return cls(settings, real_uses, code)

    def state(self) -> State:
        return {name: torch.from_numpy(array) for name, array in self.code.to_arrays().items()}

    def keep_encodes(self, folder: Path) -> None:
        self.codec = StoredCodec(self.codec, folder)

    @property
    def shape(self) -> tuple[int, int, int]:
        return (3, *self.codec.size)

    def lost(self, count: int) -> torch.Tensor:
        return grey_images(count, self.codec.size)

    def compressed(self, images: torch.Tensor) -> list[Best]:
        pixels = (images * 255.0).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
        name = hashlib.sha256(pixels.tobytes()).digest()
        if self._last is None or self._last[0] != name:
            self._last = name, self.codec.encode_batch_within(pixels, self.framing.capacity)
        return self._last[1]

    def differentiable(self, images: torch.Tensor, temperature: float | None) -> torch.Tensor:
        """What stands for the codec backward: the identity, or soft assignment at a temperature (`models.soft_codec`).

        Images (B,3,H,W) to the same; only gradients should go through it.
        """
        if temperature is None:
            return images
        halved = self.settings.subsampling == "4:2:0"
        return expected_codec(images, self.steps(images.detach()), halved, temperature)

    def expanded(self, contents: Mapping[int, tuple[bytes, int]]) -> tuple[list[int], torch.Tensor]:
        # a frame without source bytes is what an infeasible image sends: there is nothing to show
        shown = {
            row: pixels
            for row, content in contents.items()
            if content[0] and (pixels := self.codec.decode(*content)) is not None
        }
        if not shown:
            return [], torch.empty(0)
        pictures = torch.from_numpy(np.stack(list(shown.values())))
        return list(shown), pictures.permute(0, 3, 1, 2).float() / 255.0

    def steps(self, images: torch.Tensor) -> torch.Tensor:
        """Quantization steps (B,2,8,8) float64 of the source codec at the quality that each image is sent with."""
        qualities = [0 if fit is None else fit[0] for fit in self.compressed(images)]  # what does not fit is not shown
        return torch.from_numpy(np.stack([self.codec.steps(quality) for quality in qualities]))
