"""Overlays: a params file changes single keys of those before it. Knows no schema, whose import would take long."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semrobust.config import limits

if TYPE_CHECKING:
    from semrobust.config.settings import Plain

PRESETS = Path("params")
"""Folder of the overlays that are known by their names."""

DISCRIMINATORS = ("kind", "family", "rule")
"""Keys that say which others a section has: the kind of a system, an attack, noise or a transport, the family of a
code, the rule of a decoder. A new union of settings takes one of these names for its discriminator."""


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> Plain:
    """Overlay nested sections key by key; a value that is not a section on both sides is replaced whole.

    So is a section that becomes one of another kind, family or rule: keys of the old one mean nothing there. Null for a
    whole system or attack removes it, so that a preset can leave one out. Limits of the overlay (`config.limits`) hold
    for what `base` says; its own lines stand as they are, and are what a limit's exceptions are written as.
    """
    for rule in limits.RULES:
        if rule in overlay:
            base = limits.limited(base, rule, overlay[rule])
    return _merged(base, {key: value for key, value in overlay.items() if key not in limits.RULES})


def _merged(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> Plain:
    if any(key in base and key in overlay and base[key] != overlay[key] for key in DISCRIMINATORS):
        return dict(overlay)
    merged = dict(base)
    for key, value in overlay.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = _merged(merged[key], value)
        else:
            merged[key] = value
    return merged
