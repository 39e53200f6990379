"""semrobust: measure how robust semantic communication really is.

`attack` and `evaluate` take a transceiver: your own two ends (`Transceiver`), a system of the papers (`load`), or a
separation-based baseline (`chain`). Names are imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from semrobust.errors import SemrobustError as SemrobustError
    from semrobust.library.attacking import attack as attack
    from semrobust.library.attacking import fitting_attacks as fitting_attacks
    from semrobust.library.chains import chain as chain
    from semrobust.library.evaluating import evaluate as evaluate
    from semrobust.library.loading import example_images as example_images
    from semrobust.library.loading import load as load
    from semrobust.library.loading import load_images as load_images
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
    "evaluate": "library.evaluating",
    "example_images": "library.loading",
    "load": "library.loading",
    "load_images": "library.loading",
    "AttackOutcome": "library.outcome",
    "CleanOutcome": "library.outcome",
    "Transceiver": "library.transceiver",
    "Decoder": "phy.decoder",
    "LdpcCode": "phy.ldpc",
    "SemrobustError": "errors",
}
"""Where each public name is at home."""

__all__ = (
    "AttackOutcome",
    "CleanOutcome",
    "Decoder",
    "LdpcCode",
    "SemrobustError",
    "Transceiver",
    "__version__",
    "attack",
    "chain",
    "evaluate",
    "example_images",
    "fitting_attacks",
    "load",
    "load_images",
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
