"""What has kinds in params, and so has defaults and limits: systems, attacks and semantic noise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, get_args

from semrobust.config import plugins
from semrobust.config.noise import NoiseSweepSettings
from semrobust.config.registry import ATTACKS, SYSTEMS, Registry
from semrobust.config.settings import Settings
from semrobust.errors import ParamsError


class Kinds(NamedTuple):
    """`what` a kind is called in messages, and the settings class of each one."""

    what: str
    settings: Mapping[str, type[Settings]]


def kinds(given: Any = (), source: str = "params") -> dict[str, Kinds]:
    """Kinds by section: ours, and those of the plug-ins that are `given`; imports all of them.

    Raises ParamsError for a plug-in that cannot be taken.
    """
    noise: Iterable[str] = get_args(NoiseSweepSettings.model_fields["kind"].annotation)
    try:
        chosen = plugins.located(given)
        found = {"systems": _registered(SYSTEMS, chosen), "attacks": _registered(ATTACKS, chosen)}
    except ParamsError as error:
        raise ParamsError(error.problems, source) from error.__cause__
    return found | {
        "noise": Kinds("kind of noise", dict.fromkeys(noise, NoiseSweepSettings)),
    }


def _registered(registry: Registry[Any], chosen: Sequence[plugins.Plugin]) -> Kinds:
    own = registry.own()
    for plugin in chosen:
        for taken in plugin.offers[registry.room].keys() & {*own}:
            raise plugins.refusal(plugin.given, f"offers the {registry.what} '{taken}', which semrobust has")
    foreign = (name for plugin in chosen for name in plugin.offers[registry.room])
    return Kinds(registry.what, {name: registry[name].Settings for name in sorted([*own, *foreign])})
