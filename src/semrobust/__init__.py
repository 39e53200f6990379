"""semrobust: measure how robust semantic communication really is.

`attack` and `evaluate` take a transceiver: your own two ends (`Transceiver`), a system of the papers (`load`), or a
separation-based baseline (`chain`). `classify` and `semantic_noise` take one that names the class of an image. Names
are imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from semrobust.attacks.image.semantic_noise import SemanticNoise as SemanticNoise
    from semrobust.errors import SemrobustError as SemrobustError
    from semrobust.library.attacking import attack as attack
    from semrobust.library.attacking import fitting_attacks as fitting_attacks
    from semrobust.library.chains import chain as chain
    from semrobust.library.classifying import classify as classify
    from semrobust.library.classifying import semantic_noise as semantic_noise
    from semrobust.library.evaluating import evaluate as evaluate
    from semrobust.library.loading import example_images as example_images
    from semrobust.library.loading import load as load
    from semrobust.library.loading import load_images as load_images
    from semrobust.library.loading import load_labels as load_labels
    from semrobust.library.outcome import AttackOutcome as AttackOutcome
    from semrobust.library.outcome import CleanOutcome as CleanOutcome
    from semrobust.library.transceiver import Transceiver as Transceiver
    from semrobust.phy.decoder import Decoder as Decoder
    from semrobust.phy.ldpc import LdpcCode as LdpcCode

    __version__: str

_HOMES = {
    "attack": "library.attacking",
    "fitting_attacks": "library.attacking",
    "chain": "library.chains",
    "classify": "library.classifying",
    "semantic_noise": "library.classifying",
    "evaluate": "library.evaluating",
    "example_images": "library.loading",
    "load": "library.loading",
    "load_images": "library.loading",
    "load_labels": "library.loading",
    "AttackOutcome": "library.outcome",
    "CleanOutcome": "library.outcome",
    "Transceiver": "library.transceiver",
    "Decoder": "phy.decoder",
    "LdpcCode": "phy.ldpc",
    "SemanticNoise": "attacks.image.semantic_noise",
    "SemrobustError": "errors",
}
"""Where each public name is at home."""

__all__ = (
    "AttackOutcome",
    "CleanOutcome",
    "Decoder",
    "LdpcCode",
    "SemanticNoise",
    "SemrobustError",
    "Transceiver",
    "__version__",
    "attack",
    "chain",
    "classify",
    "evaluate",
    "example_images",
    "fitting_attacks",
    "load",
    "load_images",
    "load_labels",
    "semantic_noise",
)


if not TYPE_CHECKING:  # a type checker knows the names, and any other is a mistake

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            return importlib.import_module("importlib.metadata").version("semrobust")
        if name not in _HOMES:
            raise AttributeError(f"module 'semrobust' has no attribute {name!r}")
        return getattr(importlib.import_module(f"semrobust.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
