"""What has kinds in params, and so has defaults and limits: systems, attacks and semantic noise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, get_args

from semrobust.config.registry import ATTACKS, SYSTEMS, Registry
from semrobust.config.settings import NoiseSweepSettings, Settings


class Kinds(NamedTuple):
    """`what` a kind is called in messages, and the settings class of each one."""

    what: str
    settings: Mapping[str, type[Settings]]


def kinds() -> dict[str, Kinds]:
    """Kinds by section; imports all plug-ins."""
    noise: Iterable[str] = get_args(NoiseSweepSettings.model_fields["kind"].annotation)
    return {
        "systems": _registered(SYSTEMS),
        "attacks": _registered(ATTACKS),
        "noise": Kinds("kind of noise", dict.fromkeys(noise, NoiseSweepSettings)),
    }


def _registered(registry: Registry[Any]) -> Kinds:
    return Kinds(registry.what, {name: registry[name].Settings for name in registry})
