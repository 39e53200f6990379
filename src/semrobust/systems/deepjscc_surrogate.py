"""An attacker's decoder for another DeepJSCC: its encoder as it is, and a decoder trained anew on what it sends."""

from __future__ import annotations

from typing import Literal

from semrobust.config.registry import SYSTEMS
from semrobust.errors import ArtifactError
from semrobust.systems.base import State
from semrobust.systems.deepjscc import NetworkSettings, NetworkSystem


class SurrogateSettings(NetworkSettings):
    """As `DeepJSCCSettings`; `start` names the system whose encoder it listens to."""

    kind: Literal["deepjscc_surrogate"]
    start: str

    @property
    def starts_from(self) -> str:
        return self.start


@SYSTEMS.register("deepjscc_surrogate")
class SurrogateSystem(NetworkSystem[SurrogateSettings]):
    """As `DeepJSCCSystem`, with an encoder that is not trained."""

    Settings = SurrogateSettings

    def adopt(self, state: State, origin: str) -> None:
        """Take over the encoder and keep it as it is; ArtifactError if the encoders differ in shape."""
        own = "encoder."
        encoder = {name.removeprefix(own): value for name, value in state.items() if name.startswith(own)}
        try:
            self.module.encoder.load_state_dict(encoder)
        except RuntimeError as error:
            raise ArtifactError(
                f"the encoder of '{origin}' does not fit: {error}. A surrogate must have the sizes of the system it "
                "starts from."
            ) from error
        self.module.encoder.requires_grad_(False)
