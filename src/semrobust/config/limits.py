"""Limits: an overlay makes every system, attack and semantic noise small by rule, also those that it does not know.

    at_most:
      systems: { width: 8, encoder.width: 32, training.epochs: 4 }
      attacks: { iterations: 80 }
    at_least:
      attacks: { step_db: 4.0 }

A limit holds for each number that the files before said (in entries, choices of grids and defaults), wherever a path of
keys ends like its own; of several that fit the longest counts: `width` above is not the encoder's. What is no number,
null among it, stays. A line of the same overlay, or of a later one, is an exception: it stands as it is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from semrobust.config.settings import Plain

RULES = {"at_most": min, "at_least": max}

PLACES = {
    "systems": (("systems",), ("defaults", "systems")),
    "attacks": (("attacks",), ("criteria", "attacks"), ("defaults", "attacks")),
    "noise": (
        ("recognition", "noise"),
        ("recognition", "adaptive", "noise"),
        ("threats", "noise"),
        ("defaults", "noise"),
    ),
}
"""Sections whose entries a section of limits holds for."""


def limited(params: Mapping[str, Any], rule: str, limits: Mapping[str, Mapping[str, float]]) -> Plain:
    """The params with every number within the limits of one rule."""
    for section, given in limits.items():
        for place in PLACES[section]:
            params = _at(params, place, rule, given)
    return dict(params)


def _at(params: Mapping[str, Any], place: tuple[str, ...], rule: str, limits: Mapping[str, float]) -> Mapping[str, Any]:
    """The params, their entries at one place within the limits."""
    if place:
        inner = params.get(place[0])
        return {**params, place[0]: _at(inner, place[1:], rule, limits)} if isinstance(inner, Mapping) else params
    return {name: _entry(entry, rule, limits) for name, entry in params.items()}


def _entry(entry: Any, rule: str, limits: Mapping[str, float]) -> Any:
    if not isinstance(entry, Mapping):
        return entry
    within = _within(entry, (), rule, limits)
    if isinstance(entry.get("grid"), Mapping):  # a choice is as much as an entry
        within["grid"] = {
            axis: {name: _entry(choice, rule, limits) for name, choice in choices.items()}
            if isinstance(choices, Mapping)
            else choices
            for axis, choices in entry["grid"].items()
        }
    return within


def _within(value: Any, path: tuple[str, ...], rule: str, limits: Mapping[str, float]) -> Any:
    if isinstance(value, Mapping):
        return {key: _within(inner, (*path, str(key)), rule, limits) for key, inner in value.items()}
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    limit = next((limits[end] for end in endings(path) if end in limits), None)
    return value if limit is None else RULES[rule](value, limit)


def endings(path: tuple[str, ...]) -> Iterator[str]:
    """What a limit on the number at a path may be called, the longest first."""
    return (".".join(path[first:]) for first in range(len(path)))
