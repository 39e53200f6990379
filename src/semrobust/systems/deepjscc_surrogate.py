"""An attacker's decoder for another DeepJSCC: its encoder as it is, and a decoder trained anew on what it sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from semrobust.config.registry import SYSTEMS
from semrobust.config.settings import SystemSettings
from semrobust.systems.base import State
from semrobust.systems.deepjscc import DeepJSCCSettings, DeepJSCCSystem

if TYPE_CHECKING:
    import torch


class SurrogateSettings(DeepJSCCSettings):
    """As `DeepJSCCSettings`; `start` names the system whose encoder it listens to."""

    kind: Literal["deepjscc_surrogate"]  # type: ignore[assignment]
    start: str

    @property
    def starts_from(self) -> str:
        return self.start


@SYSTEMS.register("deepjscc_surrogate")
class SurrogateSystem(DeepJSCCSystem):
    """As `DeepJSCCSystem`, with an encoder that is not trained."""

    Settings: ClassVar[type[SystemSettings]] = SurrogateSettings

    def adopt(self, state: State, start: str = "") -> Self:
        """Take over the encoder of a checkpoint and keep it as it is; returns this system.

        Raises RuntimeError if the encoders differ in shape.
        """
        own = "encoder."
        encoder: dict[str, torch.Tensor] = {
            name.removeprefix(own): value for name, value in state.items() if name.startswith(own)
        }
        self.module.encoder.load_state_dict(encoder)
        self.module.encoder.requires_grad_(False)
        return self
