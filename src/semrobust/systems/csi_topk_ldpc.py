"""The baseline that feeds channel states back: the largest coefficients of the angular-delay domain + LDPC."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, Self

import numpy as np
import torch

from semrobust.codecs.base import SIZE, Best
from semrobust.codecs.framing import FixedFraming
from semrobust.codecs.top_k import TopK, most_kept
from semrobust.config.csi import Form
from semrobust.config.registry import SYSTEMS
from semrobust.config.settings import LinkSettings
from semrobust.phy.ldpc import LdpcCode
from semrobust.systems.base import State
from semrobust.systems.chain import Chain, ChainSettings
from semrobust.systems.channel_state import ChannelStates

_SITES = SIZE[0] * SIZE[1]
_KEPT = 65536  # decoded frames that are remembered: attacks decode the same few thousands of times
_CODEC = "codec."


class CsiTopkLdpcSettings(ChainSettings):
    """As `ChainSettings`, with what is sent of a channel state (`form`), and what replaces it where the checksum fails.

    `lost`: no channel at all ("zero"), or the mean of the training set ("mean").
    """

    kind: Literal["csi_topk_ldpc"]
    form: Form
    lost: Literal["zero", "mean"]

    def framing(self, bits: int) -> FixedFraming:
        return FixedFraming(bits)

    def problems(self, link: LinkSettings) -> list[str]:
        """At least one coefficient of one bit must fit."""
        problems = super().problems(link)
        if not problems:
            framing = self.framing(self.blocks * self.code.message_bits(self.block_bits(link.real_uses)))
            if not most_kept(_SITES, ChannelStates(self.form).planes, 1, framing.room):
                problems = [f"code: leaves {framing.room} bits for a channel state, must leave room for a coefficient"]
        return problems


@SYSTEMS.register("csi_topk_ldpc")
class CsiTopkLdpcSystem(Chain[CsiTopkLdpcSettings]):
    """Positions and values of the largest coefficients at a fixed bit budget, each channel state alone.

    The quantizer, how many coefficients are sent, and the mean of the training set are fitted to the training set.
    """

    Settings = CsiTopkLdpcSettings
    task = "csi"
    fits = True
    codec_name = "top_k"
    framing: FixedFraming

    def __init__(self, settings: CsiTopkLdpcSettings, real_uses: int, code: LdpcCode) -> None:
        super().__init__(settings, real_uses, code)
        self.codec: TopK | None = None
        self.mean = torch.zeros(self.shape)

    @property
    def source(self) -> ChannelStates:
        return ChannelStates(self.settings.form)

    def fit(self, samples: torch.Tensor) -> Mapping[str, Any]:
        self.mean = samples.double().mean(dim=0).float()
        codec = TopK.fitted(self._coefficients(samples), self.framing.room)
        self._take(codec)
        return {"kept": codec.kept, "value_bits": codec.value_bits, "bits": codec.bits, "room": codec.room}

    def _take(self, codec: TopK) -> None:
        self.codec = codec
        self._decode = lru_cache(maxsize=_KEPT)(codec.decode)

    @classmethod
    def restore(cls, settings: CsiTopkLdpcSettings, real_uses: int, state: State) -> Self:
        codes = {name: tensor.numpy() for name, tensor in state.items() if not name.startswith(_CODEC)}
        system = cls(settings, real_uses, LdpcCode.from_arrays(codes))
        planes, sites, room, kept = (int(value) for value in state[f"{_CODEC}size"])
        system._take(TopK(planes, sites, room, kept, tuple(state[f"{_CODEC}levels"].tolist())))
        system.mean = state[f"{_CODEC}mean"]
        return system

    def state(self) -> State:
        arrays = {name: torch.from_numpy(array) for name, array in self.code.to_arrays().items()}
        if self.codec is None:
            return arrays
        codec = self.codec
        return arrays | {
            f"{_CODEC}size": torch.tensor([codec.planes, codec.sites, codec.room, codec.kept]),
            f"{_CODEC}levels": torch.tensor(codec.levels, dtype=torch.float32),
            f"{_CODEC}mean": self.mean,
        }

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.source.planes, *SIZE)

    def lost(self, count: int) -> torch.Tensor:
        shown = self.mean if self.settings.lost == "mean" else torch.full(self.shape, self.source.zero)
        return shown.repeat(count, 1, 1, 1)

    def _coefficients(self, samples: torch.Tensor) -> np.typing.NDArray[np.float32]:
        """Samples (B,C,32,32) as coefficients (B,C,1024) around 0."""
        return (samples - self.source.zero).flatten(2).numpy()

    def compressed(self, images: torch.Tensor) -> list[Best]:
        assert self.codec is not None, "it is fitted first"
        return [(0, self.codec.encode(sample)) for sample in self._coefficients(images)]

    def expanded(self, contents: Mapping[int, tuple[bytes, int]]) -> tuple[list[int], torch.Tensor]:
        shown = {row: found for row, (sent, _) in contents.items() if (found := self._decode(sent)) is not None}
        if not shown:
            return [], torch.empty(0)
        samples = torch.from_numpy(np.stack(list(shown.values()))).reshape(-1, *self.shape)
        return list(shown), (samples + self.source.zero).clamp(0.0, 1.0)
