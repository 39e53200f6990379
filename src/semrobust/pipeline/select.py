"""What of the params counts for results: sections as plain values, without what only tables and figures show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from semrobust.config.settings import Plain

if TYPE_CHECKING:
    from semrobust.config.params import Params

_SHOWN = ("label", "attacks", "study", "left_out")
"""Keys of a system or an attack that no result depends on: the label in figures, and where it is shown."""


def without(section: Plain, *keys: str) -> Plain:
    return {key: value for key, value in section.items() if key not in keys}


def system(params: Params, name: str) -> Plain:
    return without(params.section("systems", name), *_SHOWN)


def attack(params: Params, name: str) -> Plain:
    return without(params.section("attacks", name), *_SHOWN)


def channel(params: Params, name: str) -> Plain:
    return without(params.section("channels", name), "label")


def noise(params: Params, name: str) -> Plain:
    """Semantic noise."""
    return without(params.section("recognition", "noise", name), "label")


def adaptive(params: Params, name: str) -> Plain:
    """Semantic noise that knows the defence."""
    return without(params.section("recognition", "adaptive", "noise", name), "label")
