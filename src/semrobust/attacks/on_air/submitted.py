"""Submitted: a vector for each image that somebody sent in, tried as it is (docs/ranking.md)."""

from __future__ import annotations

from typing import Literal

from semrobust.attacks.base import Attack, AttackResult, Target, as_it_is
from semrobust.config.registry import ATTACKS
from semrobust.config.settings import AttackSettings, Sha256


class SubmittedSettings(AttackSettings):
    """An accepted submission; the entry has the name of its file, `submissions/NAME.json`.

    Attributes:
        run, system: what it was made for.
        sha256: of the JSON file, which names that of its vectors.
    """

    kind: Literal["submitted"]
    run: str
    system: str
    sha256: Sha256

    @property
    def only_on(self) -> tuple[str, str]:
        return self.run, self.system


@ATTACKS.register("submitted")
class Submitted(Attack[SubmittedSettings]):
    """The target's `directions` (B, N) are the vectors that were sent in, zeros for images without one.

    Success is what decoding shows here and now, so a vector that does not work counts for nothing, whoever made it and
    on which network.
    """

    Settings = SubmittedSettings

    def run(self, target: Target) -> AttackResult:
        return as_it_is(target, target.directions)
